"""Figures for people and plots: where the units of a window are, and what was credited."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

import psycopg
from psycopg.rows import class_row, tuple_row

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.warehouse import statements

_SQL = statements.load("summaries")


@dataclass(frozen=True)
class Destination:
    """How much of what came back is in one place; `reason` tells why, for holds and the quarantine."""

    destination: str
    reason: str | None
    lines: int
    units: Decimal


@dataclass(frozen=True)
class Credited:
    """Credit notes of one currency."""

    currency: str
    notes: int
    total_amount: Decimal


def destinations(conn: psycopg.Connection, window: Window) -> list[Destination]:
    """Return lines and units of the window by destination and reason."""
    return _destinations(conn, {**window.bounds, "return_ids": None})


def destinations_of_returns(conn: psycopg.Connection, return_ids: Collection[str]) -> list[Destination]:
    """Return lines and units of these returns by destination and reason."""
    return _destinations(conn, {"window_start": None, "window_end": None, "return_ids": sorted(return_ids)})


def _destinations(conn: psycopg.Connection, asked: Mapping[str, object]) -> list[Destination]:
    with conn.cursor(row_factory=class_row(Destination)) as cursor:
        return cursor.execute(_SQL["destinations"], asked).fetchall()


def credited(conn: psycopg.Connection, window: Window) -> list[Credited]:
    """Return credit notes of the window by currency."""
    with conn.cursor(row_factory=class_row(Credited)) as cursor:
        return cursor.execute(_SQL["credited"], window.bounds).fetchall()


def restocked(conn: psycopg.Connection, window: Window) -> tuple[Decimal, Decimal]:
    """Return the credited units of the window that go back on the shelf, and those that do not."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_SQL["restocked"], window.bounds).fetchone()
    return (row[0], row[1]) if row else (Decimal(0), Decimal(0))


def lines_without_a_place(conn: psycopg.Connection, window: Window) -> int:
    """Return how many readable return lines of the window that came back are in no place at all; 0 if all is well."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_SQL["lines_without_a_place"], window.bounds).fetchone()
    return int(row[0]) if row else 0
