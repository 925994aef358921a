"""What PostgreSQL's catalogue says of relations: their columns, and the definition that made them."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from rebound_oro_pipeline.sqlmodels.cursor import Statements

_RELATIONS = """
select
    n.nspname || '.' || c.relname,
    c.relkind in ('v', 'm'),
    c.relpersistence = 'u',
    obj_description(c.oid, 'pg_class')
from pg_class as c
inner join pg_namespace as n on c.relnamespace = n.oid
where n.nspname = any(%(schemas)s) and c.relkind in ('r', 'p', 'v', 'm')
"""

_COLUMNS = """
select
    wanted.relation,
    a.attname,
    format_type(a.atttypid, a.atttypmod)
    || case
        when a.attcollation in (0, t.typcollation) then ''
        else ' collate ' || (select quote_ident(collname) from pg_collation where oid = a.attcollation)
    end,
    col_description(a.attrelid, a.attnum)
from unnest(%(relations)s::text []) as wanted (relation)
inner join pg_attribute as a on a.attrelid = to_regclass(wanted.relation)
inner join pg_type as t on a.atttypid = t.oid
where a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attnum
"""

_MARK = re.compile(r"definition (?P<definition>[0-9a-f]{16})\.(?P<wording>[0-9a-f]{8})\Z")


@dataclass(frozen=True)
class Column:
    """A column as the database has it; `type` names its collation where that is not the type's own."""

    name: str
    type: str
    description: str | None = None


@dataclass(frozen=True)
class Made:
    """A relation that exists. `mark`: hashes of its definition and wording; None where it is not ours."""

    is_view: bool
    is_unlogged: bool
    mark: tuple[str, str] | None


def relations_in(statements: Statements, schemas: Collection[str]) -> dict[str, Made]:
    """Return every table and view of the schemas, by `schema.name`."""
    found = {}
    for relation, is_view, is_unlogged, comment in statements.rows(_RELATIONS, {"schemas": list(schemas)}):
        mark = _MARK.search(comment or "")
        found[relation] = Made(is_view, is_unlogged, (mark["definition"], mark["wording"]) if mark else None)
    return found


def marked(description: str, mark: tuple[str, str]) -> str:
    """Return the comment of a relation: its description, then the hashes of what it was made from.

    The mark lives and dies with the relation, so nothing can be out of step with what is really there.
    """
    return f"{description}\n\ndefinition {'.'.join(mark)}"


def columns_of(statements: Statements, relations: Collection[str]) -> Mapping[str, tuple[Column, ...]]:
    """Return the columns of those relations that exist, in their order, by `schema.name`."""
    found: dict[str, list[Column]] = {}
    for relation, name, kind, description in statements.rows(_COLUMNS, {"relations": list(relations)}):
        found.setdefault(relation, []).append(Column(name, kind, description))
    return {relation: tuple(columns) for relation, columns in found.items()}
