"""Figures of a window day by day, for plots: UTC days, by the registration of the return; empty ones are left out."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.warehouse import statements

_SQL = statements.load("figures")


def rows_by_day(
    conn: psycopg.Connection, models: Models, relations: Collection[str], window: Window
) -> dict[str, dict[date, int]]:
    """Return relation → day → rows, of those relations whose header names a window."""
    counts = [
        sql.SQL(
            "select {relation} as relation, ({column} at time zone 'UTC')::date as day, count(*) from {table}"
            " where {column} >= %(window_start)s and {column} < %(window_end)s group by day"
        ).format(
            relation=sql.Literal(relation),
            column=sql.Identifier(models[relation].window or ""),
            table=sql.Identifier(*relation.split(".")),
        )
        for relation in relations
        if models[relation].window
    ]
    found: defaultdict[str, dict[date, int]] = defaultdict(dict)
    if counts:
        with conn.cursor(row_factory=tuple_row) as cursor:
            for relation, day, rows in cursor.execute(sql.SQL(" union all ").join(counts), window.bounds):
                found[relation][day] = rows
    return found


def credited_by_day(conn: psycopg.Connection, window: Window) -> Mapping[date, Mapping[str, Decimal]]:
    """Return day → currency → total of its credit notes."""
    found: defaultdict[date, dict[str, Decimal]] = defaultdict(dict)
    with conn.cursor(row_factory=tuple_row) as cursor:
        for day, currency, total in cursor.execute(_SQL["credited_by_day"], window.bounds):
            found[day][currency] = total
    return found


def holds_by_day(
    conn: psycopg.Connection, window: Window, now: datetime
) -> dict[date, dict[str, int | float]]:
    """Return day → how many lines are held, the oldest for how many hours, and how often one was asked for."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        return {
            day: {
                "held lines": lines,
                "oldest hold, hours": round(float(hours), 2),
                "most attempts": attempts,
            }
            for day, lines, hours, attempts in cursor.execute(
                _SQL["holds_by_day"], {**window.bounds, "now": now}
            )
        }


def returns_by_day(conn: psycopg.Connection, window: Window) -> Mapping[date, tuple[int, int]]:
    """Return day → landed returns and their lines."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        return {
            day: (returns, lines)
            for day, returns, lines in cursor.execute(_SQL["returns_by_day"], window.bounds)
        }
