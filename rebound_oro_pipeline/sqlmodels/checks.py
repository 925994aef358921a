"""Tests of the data: what headers promise (grain, not null), and the queries of dbt_like_sql/tests."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from rebound_oro_pipeline.contracts.window import ALWAYS
from rebound_oro_pipeline.sqlmodels.cursor import Statements, blamed_on, listed, quoted
from rebound_oro_pipeline.sqlmodels.errors import BuildError
from rebound_oro_pipeline.sqlmodels.model import WINDOW_END, WINDOW_START, Model, Models, Severity

SAMPLE_ROWS = 20


@dataclass(frozen=True)
class Check:
    """A question to one relation: `sql` selects what is wrong. Names are unique within a relation.

    `is_promise`: the header says it, no test of its own.
    """

    name: str
    relation: str
    path: Path
    sql: str
    description: str
    severity: Severity
    blocking: bool
    parameters: frozenset[str]
    is_promise: bool = False


@dataclass(frozen=True)
class CheckResult:
    """The answer. `sample`: up to 20 of the wrong rows, fit for JSON (decimals and times as strings)."""

    name: str
    relation: str
    passed: bool
    failing_rows: int
    sample: list[dict[str, Any]]
    severity: Severity
    blocking: bool
    description: str

    @property
    def refuses(self) -> bool:
        """Whether what was built may not stay."""
        return not self.passed and self.blocking and self.severity == "error"


def checks_of(models: Models, *, relations: Collection[str] | None = None) -> tuple[Check, ...]:
    """Return all checks, or those on some relations: first what headers promise, then the tests."""
    checks = [check for model in models.values() for check in _promises(model)]
    checks += [
        Check(
            name=test.name,
            relation=test.relation,
            path=test.path,
            sql=test.sql,
            description=test.description,
            severity=test.severity,
            blocking=test.blocking,
            parameters=test.parameters,
        )
        for test in models.tests
    ]
    return tuple(check for check in checks if relations is None or check.relation in relations)


def run_checks(
    conn: psycopg.Connection[Any], checks: Iterable[Check], parameters: Mapping[str, object] | None = None
) -> list[CheckResult]:
    """Run checks in the caller's transaction; nothing is written.

    Relations whose header names a window, and tests that use one, are looked at in the window given, if any.
    Raises BuildError where a test needs another parameter.
    """
    given = {**ALWAYS.bounds, **(parameters or {})}
    statements = Statements(conn)
    results = []
    for check in checks:
        missing = sorted(check.parameters - given.keys())
        if missing:
            raise BuildError(f"check {check.name} on {check.relation} needs {', '.join(missing)}")
        with blamed_on(f"{check.relation}, check {check.name}", check.path):
            results.append(_run(statements, check, given))
    return results


def refusals(results: Iterable[CheckResult]) -> str:
    """Name the checks by which what was built may not stay, and how many rows each found; empty: it may."""
    return ", ".join(f"{result.name} ({result.failing_rows} rows)" for result in results if result.refuses)


def _promises(model: Model) -> Iterator[Check]:
    """Yield the checks that a model's header implies; of a state, only open rows are its promise."""
    conditions = []
    if model.window:
        column = quoted(model.window)
        conditions.append(f"{column} >= %({WINDOW_START})s and {column} < %({WINDOW_END})s")
    if model.materialized == "state":
        conditions.append("resolved_at is null")
    where = " and ".join(conditions) or "true"
    parameters = frozenset({WINDOW_START, WINDOW_END}) if model.window else frozenset[str]()
    not_null = tuple(dict.fromkeys((*model.grain, *model.not_null)))
    if model.grain:
        grain = listed(model.grain)
        yield Check(
            name="grain_is_unique",
            relation=model.relation,
            path=model.path,
            sql=f"select {grain}, count(*) as rows_of_one_key from {quoted(model.relation)} where {where}"
            f" group by {grain} having count(*) > 1",
            description=f"Fails if two rows share {', '.join(model.grain)}.",
            severity="error",
            blocking=True,
            parameters=parameters,
            is_promise=True,
        )
    if not_null:
        nulls = " or ".join(f"{quoted(column)} is null" for column in not_null)
        yield Check(
            name="columns_are_not_null",
            relation=model.relation,
            path=model.path,
            sql=f"select * from {quoted(model.relation)} where {where} and ({nulls})",
            description=f"Fails if a row lacks {' or '.join(not_null)}.",
            severity="error",
            blocking=True,
            parameters=parameters,
            is_promise=True,
        )


def _run(statements: Statements, check: Check, parameters: Mapping[str, object]) -> CheckResult:
    names, rows = statements.table(
        f"select count(*) over (), wrong.* from (\n{check.sql}\n) as wrong limit {SAMPLE_ROWS}",
        parameters,
    )
    return CheckResult(
        name=check.name,
        relation=check.relation,
        passed=not rows,
        failing_rows=rows[0][0] if rows else 0,
        sample=[dict(zip(names[1:], map(_plain, row[1:]), strict=True)) for row in rows],
        severity=check.severity,
        blocking=check.blocking,
        description=check.description,
    )


def _plain(value: object) -> object:
    """Return a value as JSON can hold it, without loss: what JSON has no type for becomes a string."""
    match value:
        case None | bool() | int():
            return value
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)
