"""Checks the shape of a request's JSON:API document before anything is looked up, in Oro's words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rebound_oro_pipeline.sandbox.oro.database import JsonObject
from rebound_oro_pipeline.sandbox.oro.errors import Fault, Faults, Refused

_DATA = "request data constraint"
_PROPERTIES = ("type", "id", "meta", "attributes", "relationships", "links")


@dataclass(slots=True)
class Item:
    """One resource object of a request and where it stands there."""

    pointer: str
    data: JsonObject
    included: list[Item] = field(default_factory=list)
    """What the same request includes for it."""
    upsert_pointer: str = "/meta/upsert"
    """Where Oro points to when `meta.upsert` is wrong (for a single record not below `/data`)."""

    @property
    def type(self) -> str:
        """The resource type it names."""
        return str(self.data.get("type", ""))

    @property
    def id(self) -> str | None:
        """The id it names, of the request's own making where it is to be created."""
        value = self.data.get("id")
        return value if isinstance(value, str) else None

    @property
    def key(self) -> tuple[str, str | None]:
        """What others refer to it by."""
        return self.type, self.id

    @property
    def meta(self) -> JsonObject:
        """Its `meta`."""
        return self._block("meta")

    @property
    def attributes(self) -> JsonObject:
        """Its attributes."""
        return self._block("attributes")

    @property
    def relationships(self) -> dict[str, object]:
        """Its relationships: name → the reference or references."""
        blocks = self._block("relationships").items()
        return {name: value.get("data") for name, value in blocks if isinstance(value, dict)}

    def references(self) -> list[tuple[str, str]]:
        """Return type and id of everything that its relationships name."""
        return [
            (str(target.get("type")), str(target.get("id")))
            for data in self.relationships.values()
            for target in (data if isinstance(data, list) else [data])
            if isinstance(target, dict)
        ]

    def _block(self, name: str) -> JsonObject:
        block = self.data.get(name)
        return block if isinstance(block, dict) else {}


def read_body(body: bytes) -> JsonObject:
    """Parse a request's body; numbers with a point are read exactly. Raises Refused."""
    try:
        document = json.loads(body, parse_float=Decimal)
    except ValueError:
        message = "Invalid json message received."
        raise Refused(Fault(400, "bad request http exception", message)) from None
    if not document:
        raise Refused(Fault(400, _DATA, "The request data should not be empty."))
    if not isinstance(document, dict):
        raise Refused(Fault(400, _DATA, "The primary data object should exist", "/data"))
    return document


def single(document: JsonObject, resource_type: str, record_id: str | None) -> Item:
    """Return the primary object of a request for one record, with what it includes; raises Refused."""
    faults = Faults()
    data = document.get("data")
    if "data" not in document:
        faults.add(_DATA, "The primary data object should exist", "/data")
    elif not data:
        faults.add(_DATA, "The primary data object should not be empty", "/data")
    elif not isinstance(data, dict):
        faults.add(_DATA, "The primary data object should be an object", "/data")
    faults.refuse()
    item = Item("/data", document["data"])
    _check_type(item, resource_type, faults)
    _check_id(item, record_id, faults)
    _check_object(item, faults)
    item.included = _included(document, faults)
    faults.refuse()
    _refuse_unrelated(item.included, _Links(item.included).of(item), "the primary entity")
    return item


def many(document: JsonObject) -> list[Item]:
    """Return the primary objects of a batch, each with what it refers to among the included; raises Refused.

    The faults of single objects are found when the batch is carried out.
    """
    data = document.get("data")
    if not isinstance(data, list) or not data:
        word = "not be empty" if "data" in document else "exist"
        raise Refused(Fault(400, _DATA, f"The primary data object collection should {word}", "/data"))
    faults = Faults()
    included = _included(document, faults)
    faults.refuse()
    first: dict[tuple[str, str | None], int] = {}
    for position, part in enumerate(included):
        if first.setdefault(part.key, position) != position:
            detail = f"The item duplicates the item with the index {first[part.key]}"
            faults.add(_DATA, detail, part.pointer)
    faults.refuse()
    links = _Links(included)
    items = []
    for number, obj in enumerate(data):
        pointer = f"/data/{number}"
        item = Item(pointer, obj if isinstance(obj, dict) else {}, upsert_pointer=f"{pointer}/meta/upsert")
        item.included = links.of(item)
        items.append(item)
    related = [part for item in items for part in item.included]
    _refuse_unrelated(included, related, "at least one primary entity")
    return items


def check(item: Item, resource_type: str) -> None:
    """Check one object of a batch; raises Refused."""
    faults = Faults()
    _check_type(item, resource_type, faults)
    _check_id(item, None, faults)
    _check_object(item, faults)
    faults.refuse()


class _Links:
    """Who refers to whom among included objects."""

    def __init__(self, included: Sequence[Item]) -> None:
        self._order = {id(part): number for number, part in enumerate(included)}
        self._by_key = {part.key: part for part in included}
        self._referring: dict[tuple[str, str], list[Item]] = {}
        for part in included:
            for key in part.references():
                self._referring.setdefault(key, []).append(part)

    def of(self, item: Item) -> list[Item]:
        """Return what the item refers to, directly or through others, and what refers to those."""
        found: dict[int, Item] = {}
        waiting = [item]
        while waiting:
            current = waiting.pop()
            parts = [self._by_key[key] for key in current.references() if key in self._by_key]
            if current.id is not None:
                parts += self._referring.get((current.type, current.id), [])
            for part in parts:
                if id(part) not in found and part is not item:
                    found[id(part)] = part
                    waiting.append(part)
        return sorted(found.values(), key=lambda part: self._order[id(part)])


def _refuse_unrelated(included: Sequence[Item], related: Sequence[Item], whom: str) -> None:
    faults = Faults()
    known = {id(part) for part in related}
    for part in included:
        if id(part) not in known:
            detail = f"The entity should have a relationship with {whom}"
            detail += " and this should be explicitly specified in the request"
            faults.add(_DATA, detail, part.pointer)
    faults.refuse()


def _included(document: JsonObject, faults: Faults) -> list[Item]:
    included = document.get("included", [])
    if not isinstance(included, list):
        faults.add(_DATA, "The 'included' property should be an array", "/included")
        return []
    items = []
    for number, obj in enumerate(included):
        pointer = f"/included/{number}"
        if not isinstance(obj, dict):
            faults.add(_DATA, "The related resource should be an object", pointer)
            continue
        item = Item(pointer, obj, upsert_pointer=f"{pointer}/meta/upsert")
        for name in ("type", "id"):
            _required_text(item, name, faults)
        _check_properties(item, faults)
        items.append(item)
    return items


def _check_type(item: Item, resource_type: str, faults: Faults) -> None:
    if _required_text(item, "type", faults) and item.type != resource_type:
        detail = "The 'type' property of the primary data object should match the requested resource"
        faults.add("conflict constraint", detail, f"{item.pointer}/type", 409)


def _check_id(item: Item, record_id: str | None, faults: Faults) -> None:
    """Check the id: required and that of the address where there is one, else free but text."""
    if record_id is None and "id" not in item.data:
        return
    if _required_text(item, "id", faults) and record_id not in {None, item.id}:
        detail = "The 'id' property of the primary data object should match 'id' parameter of the query sting"
        faults.add("conflict constraint", detail, f"{item.pointer}/id", 409)


def _check_object(item: Item, faults: Faults) -> None:
    _check_properties(item, faults)
    for name in ("attributes", "relationships"):
        if name not in item.data:
            continue
        block = item.data[name]
        pointer = f"{item.pointer}/{name}"
        if not isinstance(block, (dict, list)):
            faults.add(_DATA, f"The '{name}' property should be an array", pointer)
        elif not block:
            faults.add(_DATA, f"The '{name}' property should not be empty", pointer)
        elif isinstance(block, list):
            faults.add(_DATA, f"The '{name}' property should be an associative array", pointer)
        elif name == "relationships":
            for relation, value in block.items():
                if not isinstance(value, dict) or "data" not in value:
                    detail = "The relationship should have 'data' property"
                    faults.add(_DATA, detail, f"{pointer}/{relation}")


def _check_properties(item: Item, faults: Faults) -> None:
    for name in item.data:
        if name not in _PROPERTIES:
            faults.add(_DATA, f"The '{name}' property is not allowed for a resource object", item.pointer)


def _required_text(item: Item, name: str, faults: Faults) -> bool:
    pointer = f"{item.pointer}/{name}"
    value: Any = item.data.get(name)
    if name not in item.data:
        faults.add(_DATA, f"The '{name}' property is required", pointer)
    elif value is None:
        faults.add(_DATA, f"The '{name}' property should not be null", pointer)
    elif not isinstance(value, str):
        faults.add(_DATA, f"The '{name}' property should be a string", pointer)
    elif not value.strip():
        faults.add(_DATA, f"The '{name}' property should not be blank", pointer)
    else:
        return True
    return False
