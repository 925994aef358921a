"""How well the systems are in step: figures for plots and monitors, and what does not agree, for people."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import class_row

from rebound_oro_pipeline.services.operate_filter import require_known
from rebound_oro_pipeline.warehouse import statements

_SQL = statements.load("sync_health")

DESCRIPTIONS: Mapping[str, tuple[str, str]] = {
    "landing_age_seconds": ("system", "Since something new of a system was landed."),
    "decision_age_seconds": ("", "Since a decision added something."),
    "stage_lag_seconds": ("stage", "Median time between two stages, of what ended within a day."),
    "outbox_open_messages": ("kind", "Messages that wait, are under way, or whose fate is unknown."),
    "outbox_held_back_messages": ("kind", "Messages that a decision held back until somebody releases them."),
    "outbox_rejected_messages": ("kind", "Messages that were refused and wait for a person."),
    "outbox_oldest_seconds": ("kind", "Age of the oldest message that is still open."),
    "push_error_ratio": ("kind", "Refused messages among those that ended within a day, 0 to 1."),
    "circuit_open": (
        "kind",
        "1 while nothing of a kind is sent, because the other system failed repeatedly.",
    ),
    "held_lines": ("", "Return lines that came too early."),
    "oldest_hold_seconds": ("", "Age of the oldest hold."),
    "quarantined_rows": ("reason", "Open rows of the quarantine."),
    "oldest_quarantine_seconds": ("", "Age of the oldest row of the quarantine."),
    "inbox_unsettled_deliveries": ("", "Webhook deliveries that were not followed up yet."),
    "inbox_oldest_seconds": ("", "Age of the oldest of them."),
    "amount_at_stake": (
        "place",
        "Money that waits in holds and in the quarantine, by currency; an estimate.",
    ),
    "discrepancies": (
        "kind",
        "Where the systems, or our own books, do not agree, and nobody took note of it.",
    ),
    "discrepancies_acknowledged": ("kind", "Where they do not agree, and a person took note of it as it is."),
    "oldest_discrepancy_seconds": ("kind", "Since the oldest of them was first found."),
    "drift_amount": ("currency", "Money by which they differ, in absolute amounts."),
    "drift_units": ("", "Units by which they differ, in absolute amounts."),
}
"""Figure → what its label tells, and what it is. The SQL model gives the values."""


@dataclass(frozen=True)
class Figure:
    """One value of this moment; `label` is empty where the figure has one value only."""

    figure: str
    label: str
    value: Decimal


@dataclass(frozen=True)
class Discrepancy:
    """What does not agree: both sides, by how much, and what to do. Units where there is no currency.

    `seen_at`: when the other side was last read; `first_seen_at`: since when every reconciliation has found it;
    `acknowledged_at`: since when a person has taken note of it as it is.
    """

    kind: str
    subject: str
    order_identifier: str | None
    currency: str | None
    ours: Decimal | None
    theirs: Decimal | None
    difference: Decimal
    detail: str | None
    next_step: str
    seen_at: datetime | None
    first_seen_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledged_why: str | None

    @property
    def is_acknowledged(self) -> bool:
        """Whether a person took note of it."""
        return self.acknowledged_at is not None


def figures(conn: psycopg.Connection[Any]) -> list[Figure]:
    """Return all figures of this moment."""
    with conn.cursor(row_factory=class_row(Figure)) as cursor:
        return cursor.execute(_SQL["figures"]).fetchall()


def record_sightings(conn: psycopg.Connection[Any]) -> None:
    """Write down since when each discrepancy is there, and that those which are gone are; for after a reading."""
    with conn.transaction():
        conn.execute(_SQL["record_sightings"])


def discrepancies(
    conn: psycopg.Connection[Any],
    *,
    kinds: Collection[str] | None = None,
    order_identifier: str | None = None,
) -> list[Discrepancy]:
    """Return what does not agree, acknowledged or not, of some kinds, one order, or all, the largest first.

    Raises OperatorError for a kind that there is not.
    """
    wanted = {"kinds": None if kinds is None else list(kinds), "order": order_identifier}
    with conn.cursor(row_factory=class_row(Discrepancy)) as cursor:
        found = cursor.execute(_SQL["discrepancies"], wanted).fetchall()
    for kind in kinds or () if not found else ():
        require_known("kind of discrepancy", kind, conn.execute(_SQL["kinds"]))
    return found
