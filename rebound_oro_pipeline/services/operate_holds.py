"""Holds by hand: which return lines wait for their order, and asking again before it is time."""

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import class_row

from rebound_oro_pipeline.services.operate_deed import Deed
from rebound_oro_pipeline.services.operate_filter import Filter
from rebound_oro_pipeline.warehouse import statements

_SQL = statements.load("operators")


@dataclass(frozen=True)
class HoldFilter(Filter):
    """Which open holds; what is None does not narrow."""

    subjects: tuple[str, ...] | None = None
    reason: str | None = None
    return_id: str | None = None
    order_reference: str | None = None
    older_than_days: int | None = None


@dataclass(frozen=True)
class Hold:
    """A return line that came too early: since when, and when it is asked again.

    `attempts`: which of the pauses since then it is in, whether or not a run asked in each.
    """

    subject: str
    reason: str
    return_id: str
    return_line_key: str
    order_reference: str | None
    quantity: Decimal
    currency: str | None
    amount_at_stake: Decimal | None
    registered_at: datetime
    held_since: datetime
    attempts: int
    next_check_at: datetime


def open_holds(conn: psycopg.Connection[Any], wanted: HoldFilter) -> list[Hold]:
    """List the open holds, longest first."""
    parameters = {
        **asdict(wanted),
        "subjects": list(wanted.subjects) if wanted.subjects is not None else None,
    }
    with conn.cursor(row_factory=class_row(Hold)) as cursor:
        return cursor.execute(_SQL["holds"], parameters).fetchall()


def release(conn: psycopg.Connection[Any], holds: list[Hold], deed: Deed) -> None:
    """Make holds due now, so that the next run asks again; the rules still decide. The caller commits."""
    conn.execute(_SQL["release_holds"], {"subjects": [hold.subject for hold in holds]})
    for hold in holds:
        deed.log(conn, "hold released", [hold.subject], reason=hold.reason, was_due_at=hold.next_check_at)
