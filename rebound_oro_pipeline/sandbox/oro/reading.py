"""Answers GET requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from rebound_oro_pipeline.sandbox.oro.calls import Answer
from rebound_oro_pipeline.sandbox.oro.database import JsonObject, Record, Transaction, to_id
from rebound_oro_pipeline.sandbox.oro.documents import SUBTOTALS, Renderer
from rebound_oro_pipeline.sandbox.oro.errors import NOT_FOUND, Fault, Refused, Wordless
from rebound_oro_pipeline.sandbox.oro.query import Query
from rebound_oro_pipeline.sandbox.oro.schema import Resource
from rebound_oro_pipeline.sandbox.oro.scope import Scope
from rebound_oro_pipeline.sandbox.oro.store import OroStore

_OPERATION_ERRORS = Resource(type="asyncoperationerrors")
_ORDER_FILTERS = ("filter[order]", "filter[order][eq]")


@dataclass(frozen=True, slots=True)
class Reading:
    """Lists, single records, what is related to them, and the errors of operations."""

    store: OroStore
    clock: Callable[[], datetime]

    def collection(self, scope: Scope) -> Answer:
        """Answer `GET /type`."""
        if scope.resource.type == SUBTOTALS:
            return self._subtotals(scope)
        query = scope.query()
        with self.store.read() as transaction:
            renderer = scope.renderer(transaction, query, self.clock())
            if scope.resource.rows is not None:
                rows = [renderer.row(scope.resource, key) for key in scope.resource.rows]
                shown = _page(rows, query) if scope.resource.paging else rows
                return self._listed(scope, renderer, shown, [], len(rows))
            found = self._select(transaction, scope.resource.type, query)
            total = None
            if "totalCount" in scope.call.wanted:
                condition = query.condition
                total = transaction.count(scope.resource.type, condition.sql, condition.parameters)
            more = 0 < query.page_size < len(found)
            records = found[: query.page_size] if more else found
            data = renderer.resources(records)
            return self._listed(scope, renderer, data, renderer.included(records), total, more=more)

    def record(self, scope: Scope, record_id: str) -> Answer:
        """Answer `GET /type/id`."""
        query = scope.query()
        with self.store.read() as transaction:
            renderer = scope.renderer(transaction, query, self.clock())
            if scope.resource.rows is not None:
                if record_id not in scope.resource.rows:
                    raise Refused(NOT_FOUND)
                return scope.answer({"data": renderer.row(scope.resource, record_id)})
            record = _existing(transaction, scope, record_id)
            document: JsonObject = {"data": renderer.resources([record])[0]}
            included = renderer.included([record])
            return scope.answer(document | ({"included": included} if included else {}))

    def related(self, scope: Scope, record_id: str, name: str, *, identifiers: bool) -> Answer:
        """Answer `GET /type/id/name` and `GET /type/id/relationships/name`."""
        relation = scope.resource.relations.get(name)
        if scope.resource.type == "asyncoperations" and name == "errors" and not identifiers:
            return self._operation_errors(scope, record_id)
        if relation is None or not relation.linked or scope.resource.rows is not None:
            raise Refused(Fault(404, "relationship constraint", "Unsupported sub-resource or relationship."))
        with self.store.read() as transaction:
            renderer = scope.renderer(transaction, Query(), self.clock())
            record = _existing(transaction, scope, record_id)
            ids = renderer.targets(record, name, relation)
            data: list[JsonObject] = [{"type": relation.target, "id": key} for key in ids]
            target = scope.catalogue.get(relation.target)
            if not identifiers and target is not None:
                scope.rights.require(relation.target, "view")
                if target.rows is not None:
                    data = [renderer.row(target, key) for key in ids if key in target.rows]
                else:
                    numbers = [number for number in map(to_id, ids) if number is not None]
                    data = renderer.resources(list(transaction.fetch(relation.target, numbers).values()))
            return scope.answer({"data": data if relation.many else (data[0] if data else None)})

    def _select(self, transaction: Transaction, type_name: str, query: Query) -> list[Record]:
        size = query.page_size
        if size == 0:
            return []
        tail = f"order by {query.order}"
        if size > 0:
            # One more than the page tells whether there is a next one.
            tail += f" limit {size + 1} offset {(query.page_number - 1) * size}"
        return transaction.select(type_name, query.condition.sql, query.condition.parameters, tail)

    def _listed(
        self,
        scope: Scope,
        renderer: Renderer,
        data: Sequence[JsonObject],
        included: Sequence[JsonObject],
        total: int | None,
        *,
        more: bool = False,
    ) -> Answer:
        document: JsonObject = {"data": data}
        if renderer.base is not None:
            document["links"] = renderer.page_links(scope.resource.type, more=more)
        if included:
            document["included"] = included
        headers = {}
        if total is not None and "totalCount" in scope.call.wanted:
            headers["X-Include-Total-Count"] = str(total)
        return scope.answer(document, headers=headers)

    def _subtotals(self, scope: Scope) -> Answer:
        pairs = parse_qsl(scope.call.query, keep_blank_values=True)
        key, order_id = next((pair for pair in pairs if pair[0] in _ORDER_FILTERS), ("", ""))
        query = scope.query(urlencode([pair for pair in pairs if pair[0] not in _ORDER_FILTERS]))
        if not key:
            raise Refused(Fault(400, "filter constraint", 'The "order" filter is required.'))
        if to_id(order_id) is None:
            detail = f'Expected integer value. Given "{order_id}".'
            raise Refused(Fault(400, "filter constraint", detail, parameter=key))
        with self.store.read() as transaction:
            renderer = scope.renderer(transaction, query, self.clock())
            rows = renderer.subtotals(order_id)
            shown = _page(rows, query) if scope.resource.paging else rows
            return self._listed(scope, renderer, shown, [], len(rows))

    def _operation_errors(self, scope: Scope, operation_id: str) -> Answer:
        query = replace(scope, resource=_OPERATION_ERRORS).query()
        with self.store.read() as transaction:
            _existing(transaction, scope, operation_id)
            if query.page_size < 0:
                raise Refused(Fault(500, "error exception"))
            condition = ("json_extract(relations, '$.operation') = ?", (operation_id,))
            found = transaction.select("asyncoperationerrors", *condition)
        data: list[JsonObject] = []
        for error in found:
            attributes: dict[str, Any] = dict(error.attributes)
            key = attributes.pop("key")
            data.append({"type": "asyncoperationerrors", "id": key, "attributes": attributes})
        document: JsonObject = {"data": _page(data, query)}
        if scope.base is not None:
            document["links"] = {"self": f"{scope.base}/asyncoperations/{operation_id}/errors"}
        headers = {"X-Include-Total-Count": str(len(data))} if "totalCount" in scope.call.wanted else {}
        return scope.answer(document, headers=headers)


def _existing(transaction: Transaction, scope: Scope, record_id: str) -> Record:
    if "get" not in scope.resource.actions:
        raise Wordless(405, {"Allow": scope.resource.allowed_methods(collection=False)})
    record = transaction.get(scope.resource.type, record_id)
    if record is None:
        raise Refused(NOT_FOUND)
    return record


def _page(data: list[JsonObject], query: Query) -> list[JsonObject]:
    size = query.page_size
    if size < 0:
        return data
    start = (query.page_number - 1) * size
    return data[start : start + size]
