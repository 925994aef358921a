"""Reads the query string of a JSON:API request and turns its filters into SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from rebound_oro_pipeline.sandbox.oro.catalogue import Catalogue
from rebound_oro_pipeline.sandbox.oro.database import attribute_sql, dump, relation_sql, to_id
from rebound_oro_pipeline.sandbox.oro.errors import Fault, Refused
from rebound_oro_pipeline.sandbox.oro.schema import Attribute, Kind, Relation, Resource
from rebound_oro_pipeline.sandbox.oro.wire import to_text

DEFAULT_PAGE_SIZE = 10
_KEY = re.compile(r"(filter|page|fields)\[([^\]]+)\](?:\[([^\]]+)\])?\Z")
_COMPARISONS = {"eq": "=", "neq": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_ORDERED = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.DATE, Kind.DATETIME})

Viewable = Callable[[str], bool]


class NotFitting(ValueError):  # noqa: N818
    """A filter's value is not of the type that the field has; the message is Oro's detail."""


@dataclass(slots=True)
class Condition:
    """A piece of SQL and its parameters."""

    sql: str
    parameters: list[object] = field(default_factory=list)


@dataclass(slots=True)
class Query:
    """What a request asks for, apart from the resource itself."""

    condition: Condition = field(default_factory=lambda: Condition("true"))
    order: str = "id"
    page: dict[str, int] = field(default_factory=dict)
    """`number` and `size` as asked for; size -1: everything, 0: an empty page."""
    fields: dict[str, frozenset[str]] = field(default_factory=dict)
    include: list[list[str]] = field(default_factory=list)
    pairs: list[tuple[str, str]] = field(default_factory=list)
    """The query string as sent, for links."""

    @property
    def page_number(self) -> int:
        """The page, from 1."""
        return max(self.page.get("number", 1), 1)

    @property
    def page_size(self) -> int:
        """Rows a page; -1: all of them."""
        return self.page.get("size", DEFAULT_PAGE_SIZE)

    def shows(self, type_name: str, name: str) -> bool:
        """Tell whether a field of a type is asked for."""
        return type_name not in self.fields or name in self.fields[type_name]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads query strings of one resource type for one user."""

    resource: Resource
    catalogue: Catalogue
    viewable: Viewable

    def parse(self, raw: str) -> Query:
        """Read a query string; raises Refused with a fault for every parameter that Oro would not take."""
        query = Query(order=_id_sql(self.resource), pairs=parse_qsl(raw, keep_blank_values=True))
        conditions: list[Condition] = []
        faults: list[Fault] = []
        for key, value in query.pairs:
            try:
                condition = self._take(query, key, value)
            except NotFitting as reason:
                title = "sort constraint" if key == "sort" else "filter constraint"
                faults.append(Fault(400, title, str(reason), parameter=key))
            else:
                if condition is not None:
                    conditions.append(condition)
        if faults:
            raise Refused(*faults)
        if conditions:
            sql = " and ".join(f"({condition.sql})" for condition in conditions)
            query.condition = Condition(sql, [value for part in conditions for value in part.parameters])
        return query

    def _take(self, query: Query, key: str, value: str) -> Condition | None:
        matched = _KEY.match(key)
        group, name, operator = matched.groups() if matched else (key, "", None)
        if group == "sort":
            query.order = _order(value, self.resource)
        elif group == "include":
            query.include = [path.split(".") for path in value.split(",") if path]
        elif group == "fields" and not operator:
            query.fields[name] = frozenset(value.split(","))
        elif group == "page" and self._pages(name):
            query.page[name] = _integer(value)
        elif group == "filter":
            return self._filter(self.resource, name.split("."), operator or "eq", value)
        elif group != "meta":
            raise NotFitting("The filter is not supported.")
        return None

    def _pages(self, name: str) -> bool:
        return name in {"size", "number"} and self.resource.paging and "get_list" in self.resource.actions

    def _filter(self, resource: Resource, path: Sequence[str], operator: str, value: str) -> Condition:
        name, rest = path[0], path[1:]
        relation = resource.relations.get(name)
        if rest:
            if relation is None or not relation.filterable or relation.target not in self.catalogue:
                raise NotFitting("The filter is not supported.")
            target = self.catalogue[relation.target]
            inner = self._filter(target, rest, operator, value)
            if not self.viewable(target.type):
                return Condition("false")
            ids = f'select cast(id as text) from "{target.type}" where {inner.sql}'
            return Condition(_relation_test(name, relation, ids), inner.parameters)
        if name == "id" and resource.rows is None:
            kind = Kind.STRING if resource.keyed else Kind.INTEGER
            return _compare(_id_sql(resource), operator, value, Attribute(kind=kind, many_values=True))
        if relation is not None and relation.filterable:
            related = self.catalogue.get(relation.target)
            numeric = related is not None and related.rows is None and not related.keyed
            return _related(name, relation, operator, value, numeric=numeric)
        attribute = resource.attributes.get(name)
        if attribute is None or not attribute.filterable or resource.rows is not None:
            raise NotFitting("The filter is not supported.")
        return _compare(attribute_sql(name, fold=attribute.fold), operator, value, attribute)


def _id_sql(resource: Resource) -> str:
    return attribute_sql("key") if resource.keyed else "id"


def _order(value: str, resource: Resource) -> str:
    parts, unknown = [], []
    for name in value.split(","):
        bare = name.removeprefix("-")
        direction = "desc" if name.startswith("-") else "asc"
        attribute = resource.attributes.get(bare)
        if bare == "id" and resource.rows is None:
            parts.append(f"{_id_sql(resource)} {direction}")
        elif attribute is not None and attribute.filterable:
            parts.append(f"{attribute_sql(bare)} {direction}")
        else:
            unknown.append(bare)
    if unknown:
        verb = " is" if len(unknown) == 1 else "s are"
        raise NotFitting(f'Sorting by "{", ".join(unknown)}" field{verb} not supported.')
    return ", ".join(parts)


def _relation_test(name: str, relation: Relation, ids: str) -> str:
    if relation.listed:
        each = f"json_each(relations, '$.{relation.source or name}')"
        return f"exists (select 1 from {each} where value in ({ids}))"
    return f"{relation_sql(name)} in ({ids})"


def _related(name: str, relation: Relation, operator: str, value: str, *, numeric: bool) -> Condition:
    stored = relation.source or name
    if operator == "exists":
        empty = (
            f"json_array_length(relations, '$.{stored}') > 0"
            if relation.listed
            else f"{relation_sql(stored)} is not null"
        )
        return Condition(empty if _boolean(value) else f"not coalesce({empty}, false)")
    if operator not in {"eq", "neq"}:
        raise NotFitting(f'The operator "{operator}" is not supported.')
    wanted = value.split(",")
    if numeric and any(to_id(item) is None for item in wanted):
        kind = "integer value" if len(wanted) == 1 else "an array of integers"
        raise NotFitting(f'Expected {kind}. Given "{value}".')
    test = _relation_test(name, relation, "select value from json_each(?)")
    return Condition(test if operator == "eq" else f"not coalesce({test}, false)", [dump(wanted)])


def _compare(expression: str, operator: str, value: str, attribute: Attribute) -> Condition:
    if operator == "exists":
        return Condition(f"{expression} is {'not ' if _boolean(value) else ''}null")
    if attribute.kind is Kind.BOOLEAN:
        expression = f"coalesce({expression}, {int(bool(attribute.default))})"
    ordered = attribute.kind in _ORDERED
    if operator not in _COMPARISONS or (not ordered and operator not in {"eq", "neq"}):
        raise NotFitting(f'The operator "{operator}" is not supported.')
    read = _READERS[attribute.kind]
    if operator in {"eq", "neq"}:
        negated = "not " if operator == "neq" else ""
        if ordered and ".." in value:
            start, _, end = value.partition("..")
            return Condition(f"{expression} {negated}between ? and ?", [read(start), read(end)])
        if attribute.many_values and "," in value:
            wanted = [read(item) for item in value.split(",")]
            if attribute.fold:
                wanted = [str(item).lower() for item in wanted]
            return Condition(f"{expression} {negated}in (select value from json_each(?))", [dump(wanted)])
    single = read(value)
    if attribute.fold:
        single = str(single).lower()
    return Condition(f"{expression} {_COMPARISONS[operator]} ?", [single])


def _integer(value: str) -> int:
    if re.fullmatch(r"-?\d{1,9}", value, re.ASCII):
        return int(value)
    raise NotFitting(f'Expected integer value. Given "{value}".')


def _decimal(value: str) -> float:
    if re.fullmatch(r"-?\d+(\.\d+)?", value, re.ASCII):
        return float(value)
    raise NotFitting(f'Expected number value. Given "{value}".')


def _boolean(value: str) -> bool:
    words = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if value.lower() not in words:
        raise NotFitting(f'Expected boolean value. Given "{value}".')
    return words[value.lower()]


def _text(value: str) -> str:
    if not value.strip():
        raise NotFitting(f'Expected not blank string value. Given "{value}".')
    return value


def moment(value: str) -> str:
    """Return a time (any ISO form; without a zone UTC) as it is stored; raises NotFitting."""
    try:
        read = datetime.fromisoformat(value)
        return to_text(read if read.tzinfo else read.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise NotFitting(f'Expected datetime value. Given "{value}".') from None


_READERS: Mapping[Kind, Callable[[str], object]] = {
    Kind.STRING: _text,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _decimal,
    Kind.BOOLEAN: _boolean,
    Kind.DATETIME: moment,
    Kind.DATE: _text,
}
