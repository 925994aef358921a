"""The inbox of webhook deliveries: stored as they came, each once, then read, then settled.

*Stored* is committed before the sender is answered; *processed* is read and landed; *settled* means that what
follows from it (orders read again, returns decided) was done. What a run that died had processed but not
settled is given to the next one again.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import psycopg

from rebound_oro_pipeline.warehouse.statements import load

Source = Literal["rebound", "oro"]
Outcome = Literal["landed", "superseded", "malformed", "order_changed", "order_deleted", "ignored"]

BATCH_BYTES: Final = 16 * 2**20
"""Of the bodies that are read at once; parsed, they take several times as much memory."""
CLOCK_TOLERANCE: Final = timedelta(minutes=1)
"""How far ReBound's clock may be from ours before an event is taken for older than a reading of ours."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery as it is stored, once: known by its source, event and content, OroCommerce's by the event alone.

    `event_id` None: the same body is the same event.
    """

    source: Source
    event_id: str | None
    event_type: str | None
    received_at: datetime
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    content_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unread:
    """A stored delivery that is to be read."""

    delivery_id: int
    source: Source
    received_at: datetime
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a delivery: `document_id` is the return or the order, `registered_at` the return's.

    `order_references` are those by which the delivery itself names the order.
    """

    delivery_id: int
    outcome: Outcome
    occurred_at: datetime | None = None
    document_id: str | None = None
    registered_at: datetime | None = None
    order_references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A processed delivery whose consequences are still to come."""

    delivery_id: int
    source: Source
    outcome: Outcome
    document_id: str | None
    registered_at: datetime | None
    order_references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeldReturn:
    """A return of which a line is held, and when it was registered."""

    return_id: str
    registered_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is in the inbox: `unread` of `unsettled` deliveries."""

    unread: int
    unsettled: int

    def __bool__(self) -> bool:
        return self.unsettled > 0


async def store(conn: psycopg.AsyncConnection[Any], deliveries: Sequence[Delivery]) -> int:
    """Store deliveries with one statement and return how many were not there yet."""
    cursor = await conn.execute(
        load("inbox")["store"],
        {
            "source": [each.source for each in deliveries],
            "event_id": [each.event_id for each in deliveries],
            "event_type": [each.event_type for each in deliveries],
            "received_at": [each.received_at for each in deliveries],
            "headers": [json.dumps(dict(each.headers)) for each in deliveries],
            "body": [each.body for each in deliveries],
            "content_hash": [each.content_hash for each in deliveries],
        },
    )
    return cursor.rowcount


def take(conn: psycopg.Connection[Any], limit: int, *, most_bytes: int = BATCH_BYTES) -> list[Unread]:
    """Lock the oldest unread deliveries until the transaction ends; no other reader runs meanwhile."""
    conn.execute(load("inbox")["lock"])
    rows = conn.execute(load("inbox")["take"], {"limit": limit, "most_bytes": most_bytes})
    return [Unread(*row) for row in rows]


def superseded(
    conn: psycopg.Connection[Any], events: Sequence[tuple[str, datetime]]
) -> frozenset[tuple[str, datetime]]:
    """Return those of the events (return id, moment) after which a later state of the return is known."""
    rows = conn.execute(
        load("inbox")["superseded"],
        {
            "return_id": [return_id for return_id, _ in events],
            "occurred_at": [occurred_at for _, occurred_at in events],
            "clock_tolerance": CLOCK_TOLERANCE,
        },
    )
    return frozenset(events[place - 1] for (place,) in rows)


def mark(
    conn: psycopg.Connection[Any], readings: Sequence[Reading], *, processed_at: datetime, processed_by: str
) -> None:
    """Record what became of deliveries; those from which nothing follows are settled with it."""
    conn.execute(
        load("inbox")["mark"],
        {
            "processed_at": processed_at,
            "processed_by": processed_by,
            "delivery_id": [each.delivery_id for each in readings],
            "outcome": [each.outcome for each in readings],
            "occurred_at": [each.occurred_at for each in readings],
            "document_id": [each.document_id for each in readings],
            "registered_at": [each.registered_at for each in readings],
            "order_references": [_array(each.order_references) for each in readings],
        },
    )


def unsettled(conn: psycopg.Connection[Any]) -> list[Unsettled]:
    """List the processed deliveries whose consequences are still to come, oldest first."""
    return [
        Unsettled(delivery_id, source, outcome, document_id, registered_at, tuple(order_references))
        for delivery_id, source, outcome, document_id, registered_at, order_references in conn.execute(
            load("inbox")["unsettled"]
        )
    ]


def settle(
    conn: psycopg.Connection[Any],
    delivery_ids: Collection[int],
    *,
    now: datetime,
    but_registered_at: Collection[datetime] = (),
) -> int:
    """Record that what follows from these deliveries was done; returns how many were open.

    Left open are those of returns registered at one of the moments `but_registered_at`.
    """
    parameters = {
        "delivery_ids": list(delivery_ids),
        "settled_at": now,
        "but_registered_at": list(but_registered_at),
    }
    return conn.execute(load("inbox")["settle"], parameters).rowcount


def waiting(conn: psycopg.Connection[Any]) -> Waiting:
    """Say what is in the inbox; false where there is nothing to do. Reads only."""
    row = conn.execute(load("inbox")["waiting"]).fetchone()
    return Waiting(*row) if row else Waiting(0, 0)


def held_returns(
    conn: psycopg.Connection[Any], order_ids: Collection[str], order_references: Collection[str] = ()
) -> list[HeldReturn]:
    """List the held returns of orders: by the references of the landed orders of these ids, and by those given.

    An order that was never landed is known by its references only, so ask again once it has been read.
    """
    parameters = {"order_ids": list(order_ids), "order_references": list(order_references)}
    return [HeldReturn(*row) for row in conn.execute(load("inbox")["held_returns"], parameters)]


def _array(texts: Collection[str]) -> str:
    # As PostgreSQL writes an array: unnest of an array of arrays would flatten it.
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"
