"""Statements made of names and queries of our own files, run with psycopg writing their values into the text.

The planner then sees literals and plans for the window at hand. Names in statements come from files that
`read_models` accepted, so they are plain lower-case SQL names; they are quoted because some are key words.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from rebound_oro_pipeline.sqlmodels.errors import BuildError

Row = tuple[Any, ...]

TYPED_VALUES: Mapping[str, object] = {
    "window_start": datetime(2000, 1, 1, tzinfo=UTC),
    "window_end": datetime(2000, 1, 2, tzinfo=UTC),
    "decided_at": datetime(2000, 1, 3, tzinfo=UTC),
    "policy_version": 1,
    "decision_id": 1,
    "round": 1,
    "run_id": "run",
}
"""A value of the right type for every parameter, where only the shape of a query is asked for."""


class Statements:
    """Runs composed SQL on a connection that is inside the caller's transaction."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        if conn.autocommit and conn.info.transaction_status == TransactionStatus.IDLE:
            raise BuildError(
                "models are built in a transaction: open one, or use a connection without autocommit"
            )
        self._cursor = psycopg.ClientCursor(conn, row_factory=tuple_row)

    def run(self, text: str, parameters: Mapping[str, object] | None = None) -> int:
        """Execute one statement; return the number of rows it wrote or selected."""
        self._cursor.execute(text.encode(), parameters)
        return max(self._cursor.rowcount, 0)

    def rows(self, text: str, parameters: Mapping[str, object] | None = None) -> list[Row]:
        """Execute one query; return its rows."""
        return self._cursor.execute(text.encode(), parameters).fetchall()

    def table(
        self, text: str, parameters: Mapping[str, object] | None = None
    ) -> tuple[tuple[str, ...], list[Row]]:
        """Execute one query; return the names of its columns and its rows."""
        rows = self.rows(text, parameters)
        return tuple(column.name for column in self._cursor.description or ()), rows

    def columns(self, text: str, parameters: Mapping[str, object] | None = None) -> tuple[str, ...]:
        """Return the names of a query's columns, without running it."""
        return self.table(f"select * from (\n{text}\n) as described limit 0", parameters)[0]

    def copy_csv(self, relation: str, path: Path) -> None:
        """Load a CSV file whose first line is exactly the relation's columns."""
        with self._cursor.copy(
            f"copy {quoted(relation)} from stdin (format csv, header match)".encode()
        ) as copy:
            copy.write(path.read_bytes())


@contextmanager
def blamed_on(relation: str, path: Path) -> Iterator[None]:
    """Note relation and file on an error of the database; its class stays, for those who retry."""
    try:
        yield
    except psycopg.Error as error:
        error.add_note(f"while working on {relation} ({path})")
        raise


def quoted(name: str) -> str:
    """Return `schema.name` or `column` with every part quoted."""
    return ".".join(f'"{part}"' for part in name.split("."))


def listed(columns: Iterable[str], alias: str | None = None) -> str:
    """Return columns quoted and separated by commas, each with the alias in front if one is given."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(f"{prefix}{quoted(column)}" for column in columns)


def equal(columns: Iterable[str], left: str, right: str) -> str:
    """Return the condition that two aliases agree in columns that are never null."""
    return " and ".join(f"{left}.{quoted(column)} = {right}.{quoted(column)}" for column in columns)
