"""What Dagster shows of columns, types and meaning, is what PostgreSQL says of them."""

import json
from pathlib import Path

import psycopg
import pytest

import rebound_oro_pipeline.defs as package
from rebound_oro_pipeline.definitions import defs
from rebound_oro_pipeline.defs.tables import column_comments, column_types, comments
from rebound_oro_pipeline_tests.prepared import models

FILE = Path(package.__file__).parent / "column_types.json"
QUERY = """
select n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
from pg_attribute as a
join pg_class as c on c.oid = a.attrelid
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname || '.' || c.relname = any(%s) and a.attnum > 0 and not a.attisdropped
order by 1, a.attnum
"""
SAID = """
select n.nspname || '.' || c.relname, a.attname, d.description
from pg_description as d
join pg_class as c on d.classoid = 'pg_class'::regclass and c.oid = d.objoid
join pg_namespace as n on n.oid = c.relnamespace
left join pg_attribute as a on d.objsubid > 0 and a.attrelid = c.oid and a.attnum = d.objsubid
where n.nspname <> all('{pg_catalog,information_schema,migrations}')
"""


def test_column_types_are_those_of_the_database(
    prepared_conn: psycopg.Connection, request: pytest.FixtureRequest
) -> None:
    """If it fails: `pytest rebound_oro_pipeline_tests/defs --snapshot-update` writes the file anew."""
    assets = {".".join(key.path) for key in defs.resolve_asset_graph().get_all_asset_keys()}
    found: dict[str, dict[str, str]] = {}
    for relation, column, kind in prepared_conn.execute(QUERY, (sorted(assets - set(models().seeds)),)):
        found.setdefault(relation, {})[column] = kind
    if request.config.option.update_snapshots:
        FILE.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        column_types.cache_clear()
    assert column_types() == found
    assert found.keys() == assets - set(models().seeds)


def test_every_column_that_a_migration_makes_has_a_meaning() -> None:
    """Those of a model have theirs in its header, or are what they are made from."""
    bare = {
        f"{relation}.{column}"
        for relation, columns in column_types().items()
        if relation not in models()
        for column in columns
        if column not in column_comments().get(relation, {})
    }
    assert not bare


def test_comments_are_those_of_the_database(conn: psycopg.Connection) -> None:
    """They are read out of the text of the migrations, of which the last one counts."""
    tables: dict[str, str] = {}
    columns: dict[str, dict[str, str]] = {}
    for relation, column, comment in conn.execute(SAID):
        if column is None:
            tables[relation] = comment
        else:
            columns.setdefault(relation, {})[column] = comment
    assert comments() == tables
    assert column_comments() == columns
