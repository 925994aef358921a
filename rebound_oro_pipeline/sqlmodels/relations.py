"""The relations that models own: views, working sets and partitioned tables, made again when they change."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import psycopg
from psycopg import errors, sql

from rebound_oro_pipeline.sqlmodels.catalog import Made, columns_of, marked, relations_in
from rebound_oro_pipeline.sqlmodels.cursor import TYPED_VALUES, Statements, blamed_on, listed, quoted
from rebound_oro_pipeline.sqlmodels.errors import BuildError
from rebound_oro_pipeline.sqlmodels.graph import descendants
from rebound_oro_pipeline.sqlmodels.model import LAYERS, Model, Models

OWNED = ("view", "table", "partition")
_SHAPE = "pg_temp.shape_of_model"
_LOCK = "select pg_advisory_xact_lock(hashtext('rebound_oro_pipeline.sqlmodels'))"


def ensure_schema(conn: psycopg.Connection[Any], *names: str) -> None:
    """Create the schemas of the layers (or those named) that are missing, inside the caller's transaction."""
    statements = Statements(conn)
    wanted = names or LAYERS
    there = {
        name
        for (name,) in statements.rows(
            "select nspname from pg_namespace where nspname = any(%(n)s)", {"n": list(wanted)}
        )
    }
    for name in wanted:
        if name not in there:
            statements.run(f"create schema if not exists {quoted(name)}")


def create_views(conn: psycopg.Connection[Any], models: Models) -> list[str]:
    """Make every view, working set and partitioned table that is missing or whose definition changed.

    Inside the caller's transaction; returns the relations that were made or changed. A view keeps its grants
    where its columns allow it; a working set loses its rows; a partitioned table keeps its rows and gets,
    loses or converts columns. Where nothing changed this is two queries.
    """
    ensure_schema(conn)
    statements = Statements(conn)
    marks = marks_of(models)
    if not _changed(relations_in(statements, LAYERS), marks):
        return []
    statements.run(_LOCK)
    there = relations_in(statements, LAYERS)
    changed = _changed(there, marks)
    abandoned = {name: made for name, made in there.items() if made.mark is not None and name not in models}
    try:
        with conn.transaction():
            _drop_abandoned(statements, abandoned)
        abandoned = {}
    except errors.DependentObjectsStillExist:
        pass  # most likely read by a view that is made anew below
    for relation in changed:
        model = models[relation]
        with blamed_on(relation, model.path):
            before = relations_in(statements, [model.schema]).get(relation)
            if before is None or before.mark is None or before.mark[0] != marks[relation][0]:
                _make(conn, models, model, before)
            _check_columns(model, [column.name for column in columns_of(statements, [relation])[relation]])
            comment(
                conn,
                "view" if model.materialized == "view" else "table",
                relation,
                marked(model.description, marks[relation]),
                model.columns,
            )
    _drop_abandoned(statements, abandoned)
    return changed


def marks_of(models: Models) -> dict[str, tuple[str, str]]:
    """Return the hashes of definition and wording of each relation that models own, in building order.

    The definition includes those of the relations read: a `select *` upstream changes what is downstream.
    """
    marks: dict[str, tuple[str, str]] = {}
    seeds = {name: repr(seed.shape) for name, seed in models.seeds.items()}
    for relation, model in models.items():
        if model.materialized in OWNED:
            upstream = [marks[read][0] if read in marks else seeds.get(read, "") for read in model.depends_on]
            marks[relation] = (
                sha256(" ".join([model.code_version, *upstream]).encode()).hexdigest()[:16],
                sha256(repr((model.description, dict(model.columns))).encode()).hexdigest()[:8],
            )
    return marks


def drop_readers(statements: Statements, models: Models, relation: str) -> None:
    """Drop the views that read a relation, directly or through other views; `create_views` makes them again.

    What reads a table that is filled from the relation is no reader: its definition is as it was, so nobody would.
    """
    views = {name: model for name, model in models.items() if model.materialized == "view"}
    readers = descendants(views, relation)
    for reader in reversed([name for name in views if name in readers]):
        statements.run(f"drop view if exists {quoted(reader)}")


def comment(
    conn: psycopg.Connection[Any], kind: str, relation: str, text: str, columns: Mapping[str, str]
) -> None:
    """Say in the database what a relation and its columns mean."""
    target = sql.SQL("comment on {} {} is {}")
    name = sql.Identifier(*relation.split("."))
    conn.execute(target.format(sql.SQL("view" if kind == "view" else "table"), name, sql.Literal(text)))
    for column, description in columns.items():
        where = sql.Identifier(*relation.split("."), column)
        conn.execute(target.format(sql.SQL("column"), where, sql.Literal(description)))


def _changed(there: Mapping[str, Made], marks: Mapping[str, tuple[str, str]]) -> list[str]:
    return [
        relation for relation, mark in marks.items() if relation not in there or there[relation].mark != mark
    ]


def _drop_abandoned(statements: Statements, abandoned: Mapping[str, Made]) -> None:
    """Drop views and working sets whose file is gone; tables that keep rows are left to people."""
    for kind in ("view", "table"):
        names = [quoted(name) for name, made in abandoned.items() if _kind(made) == kind]
        if names:
            statements.run(f"drop {kind} {', '.join(names)}")


def _make(conn: psycopg.Connection[Any], models: Models, model: Model, before: Made | None) -> None:
    statements = Statements(conn)
    kind = _kind(before)
    if before is not None and kind != model.materialized:
        if kind in ("partition", None):
            raise BuildError(
                f"{model.relation} exists and is no {model.materialized} of ours: rename or drop it first"
            )
        drop_readers(statements, models, model.relation)
        statements.run(f"drop {kind} {quoted(model.relation)}")
    if model.materialized == "view":
        _make_view(conn, models, model)
    elif model.materialized == "table":
        _make_working_set(statements, models, model)
    elif kind == "partition":
        _alter_partition(statements, models, model)
    else:
        statements.run(_empty_table("table", model.relation, model), TYPED_VALUES)
        _add_keys(statements, model)


def _kind(made: Made | None) -> str | None:
    """Return how a relation is materialized; None where it is missing or not made by us."""
    if made is None or made.mark is None:
        return None
    if made.is_view:
        return "view"
    return "table" if made.is_unlogged else "partition"


def _empty_table(create: str, relation: str, model: Model) -> str:
    return f"create {create} {quoted(relation)} as {model.sql}\nwith no data"


def _make_view(conn: psycopg.Connection[Any], models: Models, model: Model) -> None:
    statements = Statements(conn)
    text = f"view {quoted(model.relation)} as {model.sql}"
    try:
        with conn.transaction():
            statements.run(f"create or replace {text}", TYPED_VALUES)
    except errors.InvalidTableDefinition:  # a column went, or changed its name or type
        drop_readers(statements, models, model.relation)
        statements.run(f"drop view {quoted(model.relation)}")
        statements.run(f"create {text}", TYPED_VALUES)


def _make_working_set(statements: Statements, models: Models, model: Model) -> None:
    drop_readers(statements, models, model.relation)
    statements.run(f"drop table if exists {quoted(model.relation)}")
    statements.run(_empty_table("unlogged table", model.relation, model), TYPED_VALUES)
    _add_indexes(statements, model)


def _alter_partition(statements: Statements, models: Models, model: Model) -> None:
    drop_readers(statements, models, model.relation)
    statements.run(_empty_table("table", _SHAPE, model), TYPED_VALUES)
    found = columns_of(statements, [model.relation, _SHAPE])
    statements.run(f"drop table {_SHAPE}")
    held = {column.name: column.type for column in found[model.relation]}
    wanted = {column.name: column.type for column in found[_SHAPE]}
    statements.run(f"alter table {quoted(model.relation)} drop constraint {quoted(_key_name(model))}")
    for (index,) in statements.rows(
        "select indexrelid::regclass::text from pg_index where indrelid = %(name)s::regclass",
        {"name": model.relation},
    ):
        statements.run(f"drop index {index}")
    changes = [f"drop column {quoted(name)}" for name in held if name not in wanted]
    changes += [f"add column {quoted(name)} {kind}" for name, kind in wanted.items() if name not in held]
    changes += [
        f"alter column {quoted(name)} type {kind} using {quoted(name)}::{kind.partition(' collate ')[0]}"
        for name, kind in wanted.items()
        if held.get(name, kind) != kind
    ]
    if changes:
        statements.run(f"alter table {quoted(model.relation)} {', '.join(changes)}")
    _add_keys(statements, model)


def _key_name(model: Model) -> str:
    return f"{model.name}_grain"


def _add_keys(statements: Statements, model: Model) -> None:
    constraint = f"add constraint {quoted(_key_name(model))} primary key ({listed(model.grain)})"
    statements.run(f"alter table {quoted(model.relation)} {constraint}")
    statements.run(f"create index on {quoted(model.relation)} ({listed(filter(None, [model.window]))})")
    _add_indexes(statements, model)


def _add_indexes(statements: Statements, model: Model) -> None:
    for index in model.indexes:
        unique = "unique " if index.unique else ""
        statements.run(f"create {unique}index on {quoted(model.relation)} ({listed(index.columns)})")


def _check_columns(model: Model, columns: list[str]) -> None:
    """Every column that the header describes must exist; the others fail by themselves."""
    for column in (*model.columns, *model.grain, *model.not_null, *filter(None, [model.window])):
        if column not in columns:
            raise BuildError(
                f"{model.relation}: the header names column {column!r}, the query gives {', '.join(columns)}"
            )
