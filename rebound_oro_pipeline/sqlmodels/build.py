"""Builds models: each kind of materialisation as a few statements, inside the caller's transaction.

table      the working set of the last decision: emptied and filled
partition  the rows of the window become what the query gives; rows that are equal are left alone
append     what the query gives is added, in rounds if the header says so
state      open rows become what the query gives; what no longer holds is closed, nothing is deleted
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, assert_never

import psycopg

from rebound_oro_pipeline.sqlmodels.cursor import Row, Statements, blamed_on, listed, quoted
from rebound_oro_pipeline.sqlmodels.errors import BuildError
from rebound_oro_pipeline.sqlmodels.merge import delete_vanished, has_vanished, merge_changed
from rebound_oro_pipeline.sqlmodels.model import DECIDED_AT, ROUND, WINDOW_END, WINDOW_START, Model, Models
from rebound_oro_pipeline.sqlmodels.relations import create_views

_NEW = "pg_temp.rows_of_this_build"
_ANALYSE_FROM = 1000
_ANALYSE_FROM_PART = 0.05
"""Rows written to a durable table, and part of its rows, from which on the planner must hear of them before the next
model reads it. What is less changes no plan, and a large table takes as long to sample as a small day to decide."""


@dataclass(frozen=True)
class BuildResult:
    """What one build did.

    `rows_written`: rows inserted, changed, deleted or closed. `rows_in_window`: rows that the window holds
    now (of a table: all); None where no window decides (view, append).
    """

    relation: str
    rows_written: int
    rows_in_window: int | None
    seconds: float


class Builder:
    """Builds models inside the transaction that the caller opened and will end; one builder per transaction."""

    def __init__(self, conn: psycopg.Connection[Any], models: Models) -> None:
        self._conn = conn
        self._models = models
        self._columns: dict[str, tuple[str, ...]] = {}
        self._views_are_there = False

    def build_all(self, models: Iterable[Model], parameters: Mapping[str, object]) -> dict[str, BuildResult]:
        """Build, in their order, those models that hold rows of their own."""
        return {
            model.relation: self.build(model, parameters) for model in models if model.materialized != "view"
        }

    def build(self, model: Model, parameters: Mapping[str, object]) -> BuildResult:
        """Bring a relation up to date for the window and values in `parameters`; surplus ones are ignored.

        Raises BuildError where a parameter is missing, or where the rows of a partition or state contradict
        the header: a key twice or null, a row outside the window. Errors of psycopg get a note with the file.
        """
        started = perf_counter()
        statements = Statements(self._conn)
        if not self._views_are_there:
            create_views(self._conn, self._models)
            self._views_are_there = True
        _check_parameters(model, parameters)
        in_window: int | None = None
        with blamed_on(model.relation, model.path):
            match model.materialized:
                case "view":
                    written = 0
                case "table":
                    written = in_window = self._build_table(statements, model, parameters)
                case "append":
                    written = self._append(statements, model, parameters)
                case "partition" | "state":
                    in_window = self._gather(statements, model, parameters)
                    sync = self._sync_partition if model.materialized == "partition" else self._sync_state
                    written = sync(statements, model, parameters)
                    statements.run(f"drop table {_NEW}")
                case _:
                    assert_never(model.materialized)
            if model.materialized in ("append", "partition", "state") and written >= _ANALYSE_FROM:
                self._analyse_if_grown(statements, model, written)
        return BuildResult(model.relation, written, in_window, perf_counter() - started)

    def _build_table(self, statements: Statements, model: Model, parameters: Mapping[str, object]) -> int:
        statements.run(f"truncate {quoted(model.relation)}")
        written = statements.run(f"insert into {quoted(model.relation)} {model.sql}", parameters)
        statements.run(f"analyze {quoted(model.relation)}")
        return written

    def _append(self, statements: Statements, model: Model, parameters: Mapping[str, object]) -> int:
        columns = self._columns_of(statements, model, model.sql, {ROUND: 1, **parameters})
        insert = f"insert into {quoted(model.relation)} ({listed(columns)}) {model.sql}"
        if model.rounds is None:
            return statements.run(insert, parameters)
        ((last,),) = statements.rows(model.rounds, parameters)
        return sum(
            statements.run(insert, {**parameters, ROUND: number}) for number in range(1, (last or 0) + 1)
        )

    def _gather(self, statements: Statements, model: Model, parameters: Mapping[str, object]) -> int:
        """Put the rows that hold now into a temporary table; return how many there are."""
        rows = statements.run(f"create table {_NEW} as {model.sql}", parameters)
        statements.run(f"analyze {_NEW}")
        _check_rows(statements, model, parameters)
        return rows

    def _sync_partition(self, statements: Statements, model: Model, parameters: Mapping[str, object]) -> int:
        columns = self._columns_of(statements, model, f"select * from {_NEW}")
        deleted = sum(
            statements.run(delete_vanished(model.relation, _NEW, model.grain, where), parameters)
            for where in _of_window(model)
        )
        # A key that lay in another window is moved, not doubled: rows are matched by their key alone.
        return deleted + statements.run(merge_changed(model.relation, _NEW, model.grain, columns))

    def _sync_state(self, statements: Statements, model: Model, parameters: Mapping[str, object]) -> int:
        columns = self._columns_of(statements, model, f"select * from {_NEW}")
        decided_at = f"%({DECIDED_AT})s"
        is_open = "held.resolved_at is null"
        changed = {model.changed: decided_at} if model.changed else {}
        close = (
            f"update {quoted(model.relation)} as held set resolved_at = {decided_at}, resolution = 'healed'"
        )
        closed = sum(
            statements.run(
                f"{close} where {is_open} and {where} and {has_vanished(_NEW, model.key)}", parameters
            )
            for where in _of_window(model)
        )
        merged = merge_changed(
            model.relation,
            _NEW,
            model.key,
            columns,
            where=is_open,
            keep=model.keep,
            on_insert=dict.fromkeys(model.opened, decided_at) | changed,
            on_change=changed,
        )
        return closed + statements.run(merged, parameters)

    def _analyse_if_grown(self, statements: Statements, model: Model, written: int) -> None:
        known = f"select reltuples from pg_class where oid = '{quoted(model.relation)}'::regclass"
        ((rows,),) = statements.rows(known)
        if written >= rows * _ANALYSE_FROM_PART:
            statements.run(f"analyze {quoted(model.relation)}")

    def _columns_of(
        self, statements: Statements, model: Model, text: str, parameters: Mapping[str, object] | None = None
    ) -> tuple[str, ...]:
        """Return the names of what a model gives; the server, which would plan it for that, is asked of a `*` only."""
        if model.output_columns:
            return model.output_columns
        if model.relation not in self._columns:
            self._columns[model.relation] = statements.columns(text, parameters)
        return self._columns[model.relation]


def _check_parameters(model: Model, parameters: Mapping[str, object]) -> None:
    needed = set(model.parameters)
    if model.materialized in ("partition", "state"):
        needed |= {WINDOW_START, WINDOW_END}
    if model.materialized == "state":
        needed.add(DECIDED_AT)
    missing = sorted(needed - parameters.keys())
    if missing:
        given = ", ".join(sorted(parameters)) or "nothing"
        raise BuildError(f"{model.relation} needs the parameters {', '.join(missing)}; given: {given}")


def _check_rows(statements: Statements, model: Model, parameters: Mapping[str, object]) -> None:
    """Refuse rows that would make the merge ambiguous or that the window could never find again."""
    key = model.key or model.grain
    nulls = " or ".join(f"new.{quoted(column)} is null" for column in key)
    _refuse(
        statements.rows(f"select {listed(key)} from {_NEW} as new where {nulls} limit 1"),
        f"{model.relation}: {', '.join(key)} may not be null",
    )
    _refuse(
        statements.rows(
            f"select {listed(key)} from {_NEW} group by {listed(key)} having count(*) > 1 limit 1"
        ),
        f"{model.relation}: the query gives several rows of one {', '.join(key)}",
    )
    _refuse(
        statements.rows(
            f"select {listed(key)} from {_NEW} as held where ({_in_window(model)}) is not true limit 1",
            parameters,
        ),
        f"{model.relation}: {model.window} lies outside the window; restrict the query to it",
    )


def _refuse(rows: list[Row], message: str) -> None:
    if rows:
        raise BuildError(f"{message}: {', '.join(map(str, rows[0]))}")


def _of_window(model: Model) -> tuple[str, ...]:
    """Return the conditions of the rows that a window answers for, each to be looked up by itself.

    Rows whose owner lies elsewhere by now wait for its window, so that none is without a place meanwhile.
    """
    own = _in_window(model)
    if model.moves_with is None:
        return (own,)
    column, owner = quoted(model.moves_with.column), f"{quoted(model.moves_with.relation)} as owner"
    is_owner_here = _in_window(model, "owner")
    stayed = (
        f"{own} and not exists ("
        f"select from {owner} where owner.{column} = held.{column} and ({is_owner_here}) is not true)"
    )
    moved = (
        f"({own}) is not true and held.{column} in (select owner.{column} from {owner} where {is_owner_here})"
    )
    return stayed, moved


def _in_window(model: Model, alias: str = "held") -> str:
    column = f"{alias}.{quoted(model.window or '')}"
    return f"{column} >= %({WINDOW_START})s and {column} < %({WINDOW_END})s"
