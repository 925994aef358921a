"""The database has the last word on what a query reads: sqlglot's dependencies and lineage against pg_depend.

Functions that read tables are invisible to both; models may not use any (dbt_like_sql/README.md).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import psycopg

from rebound_oro_pipeline.sqlmodels.cursor import TYPED_VALUES, Statements, blamed_on
from rebound_oro_pipeline.sqlmodels.model import Models, Origins
from rebound_oro_pipeline.sqlmodels.query import read_query

_VIEW = "pg_temp.query_under_test"
_READS = """
select distinct read_schema.nspname || '.' || read.relname, a.attname
from pg_rewrite as rule
inner join pg_depend as dependency
    on dependency.classid = 'pg_rewrite'::regclass and dependency.objid = rule.oid
    and dependency.refclassid = 'pg_class'::regclass and dependency.refobjid <> rule.ev_class
inner join pg_class as read on read.oid = dependency.refobjid
inner join pg_namespace as read_schema on read_schema.oid = read.relnamespace
left join pg_attribute as a on a.attrelid = read.oid and a.attnum = dependency.refobjsubid
where rule.ev_class = to_regclass(%(view)s)
"""


def disagreements(
    conn: psycopg.Connection[Any], models: Models, origins: Mapping[str, Origins] = MappingProxyType({})
) -> list[str]:
    """Return a sentence per model or test whose relations or columns PostgreSQL sees otherwise; [] where both agree.

    `origins` is the lineage by relation. PostgreSQL knows all columns that a query uses, those of its conditions too,
    but not for what: it tells an origin that is none, never one that is missing.
    Every query is made a view for a moment and rolled back. Migrations, `load_seeds` and `create_views` come first.
    """
    texts = {relation: (model.path, model.sql) for relation, model in models.items()}
    texts |= {
        f"{model.relation} (rounds)": (model.path, model.rounds) for model in models.values() if model.rounds
    }
    texts |= {test.name: (test.path, test.sql) for test in models.tests}
    found = []
    statements = Statements(conn)
    for name, (path, sql) in texts.items():
        with blamed_on(name, path), conn.transaction(force_rollback=True):
            statements.run(f"create view {_VIEW} as {sql}", TYPED_VALUES)
            used = {(relation, column) for relation, column in statements.rows(_READS, {"view": _VIEW})}
            given = statements.columns(f"select * from {_VIEW}")
        seen = {relation for relation, _ in used}
        query = read_query(sql)
        read = query.relations
        if query.output_columns not in ((), given):
            found.append(f"{name}: PostgreSQL gives {given}, sqlglot {query.output_columns}")
        if seen != read:
            found.append(
                f"{name}: PostgreSQL alone sees {sorted(seen - read)}, sqlglot alone {sorted(read - seen)}"
            )
        unused = {pair for pairs in origins.get(name, {}).values() for pair in pairs} - used
        if unused:
            found.append(f"{name}: sqlglot alone sees the columns {sorted(unused)}")
    return found
