"""Loads seeds: the table of each becomes what its CSV file says; rows that are equal are left alone."""

from hashlib import sha256
from typing import Any

import psycopg

from rebound_oro_pipeline.sqlmodels.catalog import marked, relations_in
from rebound_oro_pipeline.sqlmodels.cursor import Statements, blamed_on, listed, quoted
from rebound_oro_pipeline.sqlmodels.merge import delete_vanished, merge_changed
from rebound_oro_pipeline.sqlmodels.model import Models, Seed
from rebound_oro_pipeline.sqlmodels.read_seeds import SCHEMA
from rebound_oro_pipeline.sqlmodels.relations import comment, drop_readers, ensure_schema

_NEW = "pg_temp.rows_of_seed"


def load_seeds(conn: psycopg.Connection[Any], models: Models) -> dict[str, int]:
    """Make schema and tables of the seeds and load them, inside the caller's transaction.

    Returns the number of rows inserted, changed or deleted by relation. A seed whose columns changed is made
    anew, and the views that read it are dropped: call `create_views` afterwards, as at every start.
    """
    ensure_schema(conn, SCHEMA)
    statements = Statements(conn)
    there = relations_in(statements, [SCHEMA])
    written = {}
    for relation, seed in models.seeds.items():
        with blamed_on(relation, seed.path):
            mark = _mark(seed)
            made = there.get(relation)
            if made is None or made.mark is None or made.mark[0] != mark[0]:
                drop_readers(statements, models, relation)
                statements.run(f"drop table if exists {quoted(relation)}")
                primary_key = f"primary key ({listed(seed.primary_key)})"
                statements.run(f"create table {quoted(relation)} ({_columns(seed)}, {primary_key})")
            if made is None or made.mark != mark:
                descriptions = {name: column.description for name, column in seed.columns.items()}
                comment(conn, "table", relation, marked(seed.description, mark), descriptions)
            written[relation] = _load(statements, seed)
    return written


def _mark(seed: Seed) -> tuple[str, str]:
    words = [seed.description, *(column.description for column in seed.columns.values())]
    return (
        sha256(repr((seed.shape, seed.primary_key)).encode()).hexdigest()[:16],
        sha256(repr(words).encode()).hexdigest()[:8],
    )


def _columns(seed: Seed) -> str:
    return ", ".join(f"{quoted(name)} {kind}" for name, kind in seed.shape)


def _load(statements: Statements, seed: Seed) -> int:
    relation, key = quoted(seed.relation), seed.primary_key
    statements.run(f"create table {_NEW} (like {relation} including indexes)")
    statements.copy_csv(_NEW, seed.path)
    written = statements.run(delete_vanished(seed.relation, _NEW, key))
    written += statements.run(merge_changed(seed.relation, _NEW, key, list(seed.columns)))
    statements.run(f"drop table {_NEW}")
    return written
