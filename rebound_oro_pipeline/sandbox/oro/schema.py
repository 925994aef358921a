"""Words in which a resource type is described: its attributes, relations and what may be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What an attribute holds and how it looks on the wire."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    """JSON number."""
    MONEY = "money"
    """Text with four decimals."""
    QUANTITY = "quantity"
    """Text in plain notation (stock levels)."""
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute of a resource type."""

    kind: Kind = Kind.STRING
    default: Any = None
    filterable: bool = False
    """May be filtered and sorted by."""
    many_values: bool = False
    """Its filter takes a list."""
    fold: bool = False
    """Its filter ignores case."""
    writable: bool = False
    """Taken from requests; one that is not is accepted and ignored."""
    not_null: bool = False
    """The column must have a value; the entity does not check it, so its lack ends as a 500."""
    max_length: int | None = None
    """Of the column; a longer text ends as a 500."""
    optional: bool = False
    """Shown only where it was given a value: an addition to the recorded trial entity."""
    secret: bool = False
    """Taken at creation only, and never shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One relation of a resource type."""

    target: str
    many: bool = False
    source: str = ""
    """Name under which the store keeps it, where that differs."""
    default: Any = None
    filterable: bool = False
    writable: bool = False
    inverse: str = ""
    """Name under which the store keeps the target's relation in return."""
    owned: bool = False
    """Targets that are left out of a written list are deleted."""
    linked: bool = True
    """Has links of its own."""
    unchecked: bool = False
    """Takes any id; what is wrong with it is said by a validator of its own."""
    optional: bool = False
    """Shown only where it was given a value: an addition to the recorded trial entity."""

    @property
    def listed(self) -> bool:
        """Whether the store keeps a list of ids (old releases show the first of the stored `orders`)."""
        return self.many or bool(self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource type as a release shows it."""

    type: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    relations: Mapping[str, Relation] = field(default_factory=dict)
    actions: frozenset[str] = frozenset({"get", "get_list"})
    """Of get, get_list, create, update, delete, update_list."""
    permission: str | None = None
    """Type that the user's rights are asked for; None: nobody is refused."""
    paging: bool = True
    rows: Mapping[str, Mapping[str, Any]] | None = None
    """Fixed rows (id → attributes) of an enumeration; None: the store's table of the same name."""
    upsert: tuple[str, ...] = ()
    """Attributes, unique in the database, that an upsert may name."""
    dry_run: bool = False
    """`meta.validate` is allowed."""
    keyed: bool = False
    """Its records are named by UUIDs."""

    def allowed_methods(self, *, collection: bool) -> str:
        """Return the `Allow` header of the list route or of the route of one record."""
        methods = ["OPTIONS"]
        for action, method in _COLLECTION_METHODS if collection else _RECORD_METHODS:
            if action in self.actions:
                methods.append(method)
        return ", ".join(methods)


_COLLECTION_METHODS = (("get_list", "GET"), ("update_list", "PATCH"), ("create", "POST"))
_RECORD_METHODS = (("get", "GET"), ("update", "PATCH"), ("delete", "DELETE"))
