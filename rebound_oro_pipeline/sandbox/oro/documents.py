"""Renders records as JSON:API documents: sparse fields, includes, links, and what a user may not see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import NAMESPACE_URL, uuid5

from rebound_oro_pipeline.sandbox.oro.catalogue import Catalogue
from rebound_oro_pipeline.sandbox.oro.database import JsonObject, Record, Transaction, to_id
from rebound_oro_pipeline.sandbox.oro.query import Query
from rebound_oro_pipeline.sandbox.oro.schema import Relation, Resource
from rebound_oro_pipeline.sandbox.oro.store import HiddenFields
from rebound_oro_pipeline.sandbox.oro.totals import subtotal_ids, subtotals_today

SUBTOTALS = "ordersubtotals"


@dataclass(slots=True)
class Renderer:
    """Renders what one request is answered with, inside that request's transaction."""

    transaction: Transaction
    catalogue: Catalogue
    query: Query
    viewable: Callable[[str], bool]
    now: datetime
    base: str | None = None
    """Address of the API for links; None: without links (`noHateoas`)."""
    hidden: HiddenFields = field(default_factory=dict)
    _pricing: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _visible: dict[str, bool] = field(default_factory=dict)
    _shown: dict[str, Resource] = field(default_factory=dict)

    def resources(self, records: Sequence[Record]) -> list[JsonObject]:
        """Return the resource objects of records of one type."""
        return [self.resource(record) for record in records]

    def resource(self, record: Record) -> JsonObject:
        """Return one resource object with the fields that were asked for."""
        resource = self.catalogue[record.type]
        found: JsonObject = {"type": record.type, "id": record.key}
        if self.base is not None and "get" in resource.actions:
            found["links"] = {"self": f"{self.base}/{record.type}/{record.key}"}
        attributes = self._attributes(record, resource)
        if attributes:
            found["attributes"] = attributes
        relations = self._relations(record, resource)
        if relations:
            found["relationships"] = relations
        return found

    def included(self, records: Sequence[Record]) -> list[JsonObject]:
        """Return what `include` asks for; a relation that is not among the fields includes nothing."""
        found: dict[tuple[str, str], JsonObject] = {}
        for path in self._include_paths():
            self._include(records, path, found)
        for record in records:
            found.pop((record.type, str(record.id)), None)
        return list(found.values())

    def row(self, resource: Resource, row_id: str) -> JsonObject:
        """Return the resource object of a fixed row of an enumeration."""
        attributes = (resource.rows or {})[row_id]
        shown = {name: value for name, value in attributes.items() if self._shows(resource.type, name)}
        found: JsonObject = {"type": resource.type, "id": row_id}
        if self.base is not None:
            found["links"] = {"self": f"{self.base}/{resource.type}/{row_id}"}
        return {**found, "attributes": shown} if shown else found

    def subtotals(self, order_id: str) -> list[JsonObject]:
        """Return the subtotals of an order, computed now."""
        rows = []
        today = subtotals_today(self._price(order_id), self.now)
        for attributes, row_id in zip(today, subtotal_ids(order_id, today), strict=True):
            row: JsonObject = {"type": SUBTOTALS, "id": row_id}
            shown = {
                name: attributes.get(name, attribute.default)
                for name, attribute in self.catalogue[SUBTOTALS].attributes.items()
                if self._shows(SUBTOTALS, name)
            }
            relations = {
                "order": {"data": {"type": "orders", "id": order_id}},
                "priceList": {"data": None},
            }
            relations = {name: data for name, data in relations.items() if self._shows(SUBTOTALS, name)}
            row |= {"attributes": shown} if shown else {}
            row |= {"relationships": relations} if relations else {}
            rows.append(row)
        return rows

    def page_links(self, type_name: str, *, more: bool) -> JsonObject:
        """Return the links of a page: self, and first, prev, next where there are such pages."""
        address = f"{self.base}/{type_name}"
        links = {"self": address}
        number = self.query.page_number

        def page(wanted: int) -> str:
            pairs = [pair for pair in self.query.pairs if pair[0] != "page[number]"]
            if wanted > 1:
                pairs.append(("page[number]", str(wanted)))
            return f"{address}?{urlencode(sorted(pairs))}" if pairs else address

        if number > 1:
            links |= {"first": page(1), "prev": page(number - 1)}
        if more:
            links["next"] = page(number + 1)
        return links

    def _shows(self, type_name: str, name: str) -> bool:
        return self.query.shows(type_name, name) and name not in self.hidden.get(type_name, ())

    def _fields(self, resource: Resource) -> Resource:
        """Return the resource with those fields only that are asked for, and may be viewed."""
        if resource.type not in self.query.fields and resource.type not in self.hidden:
            return resource
        if resource.type not in self._shown:
            self._shown[resource.type] = replace(
                resource,
                attributes={
                    name: each
                    for name, each in resource.attributes.items()
                    if self._shows(resource.type, name)
                },
                relations={
                    name: each
                    for name, each in resource.relations.items()
                    if self._shows(resource.type, name)
                },
            )
        return self._shown[resource.type]

    def _attributes(self, record: Record, resource: Resource) -> JsonObject:
        found: JsonObject = {}
        for name, attribute in self._fields(resource).attributes.items():
            if attribute.secret:
                continue
            if name in record.attributes:
                found[name] = record.attributes[name]
            elif name == "uuid":
                found[name] = str(uuid5(NAMESPACE_URL, f"orders/{record.id}"))
            elif not attribute.optional:
                found[name] = attribute.default
        return found

    def _relations(self, record: Record, resource: Resource) -> JsonObject:
        found: JsonObject = {}
        for name, relation in self._fields(resource).relations.items():
            if relation.optional and name not in record.relations:
                continue
            entry: JsonObject = {}
            if self.base is not None and relation.linked:
                own = f"{self.base}/{record.type}/{record.key}"
                entry["links"] = {"self": f"{own}/relationships/{name}", "related": f"{own}/{name}"}
            entry["data"] = self._data(record, name, relation)
            found[name] = entry
        return found

    def _data(self, record: Record, name: str, relation: Relation) -> JsonObject | list[JsonObject] | None:
        ids = self.targets(record, name, relation)
        found = [{"type": relation.target, "id": target} for target in ids]
        if relation.many:
            return found
        return found[0] if found else None

    def targets(self, record: Record, name: str, relation: Relation) -> list[str]:
        """Return the ids that a relation points to; none where the user may not see the target's type."""
        visible = self._visible.get(relation.target)
        if visible is None:
            visible = self._visible[relation.target] = self.viewable(relation.target)
        if not visible:
            return []
        value = record.relations.get(relation.source or name, relation.default)
        if value is None:
            return []
        ids = [value] if isinstance(value, str) else list(value)
        return ids if relation.many else ids[:1]

    def _include_paths(self) -> list[list[str]]:
        """Return the paths to include without those that a longer one passes anyway."""
        paths = self.query.include
        return [
            path
            for path in paths
            if not any(len(other) > len(path) and other[: len(path)] == path for other in paths)
        ]

    def _include(
        self, records: Sequence[Record], path: Sequence[str], found: dict[tuple[str, str], JsonObject]
    ) -> None:
        name = path[0]
        owners = [record for record in records if self._shows(record.type, name)]
        relation = self.catalogue[owners[0].type].relations.get(name) if owners else None
        resource = self.catalogue.get(relation.target) if relation is not None else None
        if relation is None or resource is None:
            return
        if relation.target == SUBTOTALS:
            self._include_subtotals(owners, found)
            return
        ids = {key: None for record in owners for key in self.targets(record, name, relation)}
        if resource.rows is not None:
            known = [key for key in ids if key in resource.rows]
            found.update({(resource.type, key): self.row(resource, key) for key in known})
            return
        numbers = [number for number in map(to_id, ids) if number is not None]
        targets = list(self.transaction.fetch(resource.type, numbers).values())
        if len(path) > 1:
            self._include(targets, path[1:], found)
        for target in targets:
            key = (resource.type, str(target.id))
            if key not in found:
                found[key] = self.resource(target)

    def _include_subtotals(self, orders: Sequence[Record], found: dict[tuple[str, str], JsonObject]) -> None:
        read = self.transaction.fetch("orderpricing", [order.id for order in orders])
        self._pricing.update({str(number): pricing.attributes for number, pricing in read.items()})
        for order in orders:
            found.update({(SUBTOTALS, row["id"]): row for row in self.subtotals(str(order.id))})

    def _price(self, order_id: str) -> Mapping[str, Any]:
        if order_id not in self._pricing:
            record = self.transaction.get("orderpricing", order_id)
            self._pricing[order_id] = record.attributes if record else {}
        return self._pricing[order_id]
