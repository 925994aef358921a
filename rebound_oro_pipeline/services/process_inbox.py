"""Reads the webhook inbox: lands the returns it holds, and says what has to be looked at because of them.

Follow it with reading `order_ids` from OroCommerce, deciding the days and held returns, and `inbox.settle`; a run
that dies in between leaves its deliveries unsettled, and the next call names them again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import psycopg

from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.rebound import ReturnDocument, read_return
from rebound_oro_pipeline.contracts.rebound_mapping import ReboundMapping
from rebound_oro_pipeline.contracts.webhooks import (
    ORDERS,
    is_order_id,
    read_record_event,
    read_return_event,
)
from rebound_oro_pipeline.warehouse import inbox
from rebound_oro_pipeline.warehouse.inbox import HeldReturn, Reading, Unread
from rebound_oro_pipeline.warehouse.landing import Landed, land_orders, land_returns

BATCH: Final = 500
"""Deliveries of a transaction; fewer where they are large."""
MOST_BATCHES: Final = 40
"""Batches of a call: what is left over waits for the next one."""


@dataclass(frozen=True, slots=True)
class ProcessedInbox:
    """What was read in this call, and everything that is to be done because of it or of earlier calls.

    `delivery_ids` are to be settled once that is done. `registered_at` are the moments at which the returns, and
    documents that could not be read, were registered. `held` are the returns that wait for the orders `order_ids` and
    `deleted_order_ids`, as far as these are known yet: ask `inbox.held_returns` again once they are read.
    """

    outcomes: Mapping[inbox.Outcome, int]
    landed: Landed
    delivery_ids: tuple[int, ...]
    registered_at: tuple[datetime, ...]
    order_ids: tuple[str, ...]
    deleted_order_ids: tuple[str, ...]
    held: tuple[HeldReturn, ...]

    @property
    def read(self) -> int:
        """Deliveries read in this call."""
        return sum(self.outcomes.values())


@dataclass(slots=True)
class _Batch:
    """What the deliveries of one transaction come to, in the order in which their events occurred."""

    readings: list[Reading] = field(default_factory=list)
    returns: list[ReturnDocument | Fault] = field(default_factory=list)
    notices: list[Fault] = field(default_factory=list)


def process_inbox(
    conn: psycopg.Connection[Any], mapping: ReboundMapping, *, now: datetime, run_id: str, batch: int = BATCH
) -> ProcessedInbox:
    """Read what is unread, a transaction per batch, and return it with what earlier calls left unsettled.

    A return's state is as of its event's `occurred_at`: one that is older than what is known already, by a later event
    or a later reading, is passed over, so deliveries may come in any order. What lands is stamped with the time of
    receipt, the last one of its batch.
    """
    outcomes: Counter[inbox.Outcome] = Counter()
    landed = Landed()
    for _ in range(MOST_BATCHES):
        with conn.transaction():
            deliveries = inbox.take(conn, batch)
            if not deliveries:
                break
            read = _read(conn, deliveries, mapping)
            received_at = max(each.received_at for each in deliveries)
            landed += land_returns(
                conn, read.returns, source="webhook", landed_by=run_id, landed_at=received_at
            )
            landed += land_orders(
                conn, read.notices, source="webhook", landed_by=run_id, landed_at=received_at
            )
            inbox.mark(conn, read.readings, processed_at=now, processed_by=run_id)
            outcomes.update(reading.outcome for reading in read.readings)
    with conn.transaction():
        return _what_follows(conn, outcomes, landed)


def _read(conn: psycopg.Connection[Any], deliveries: Sequence[Unread], mapping: ReboundMapping) -> _Batch:
    read = _Batch()
    found: list[tuple[datetime, Unread, ReturnDocument]] = []
    received_at = max(each.received_at for each in deliveries)
    for delivery in deliveries:
        if delivery.source == "oro":
            _read_notice(delivery, received_at, read)
            continue
        event = read_return_event(delivery.body)
        content = event if isinstance(event, Fault) else read_return(event.document, mapping)
        if isinstance(content, Fault):
            read.returns.append(content)
            registered_at = content.registered_at or received_at
            read.readings.append(
                Reading(
                    delivery.delivery_id,
                    "malformed",
                    document_id=content.document_id,
                    registered_at=registered_at,
                )
            )
        else:
            told = None if isinstance(event, Fault) else event.occurred_at
            found.append((min(told or delivery.received_at, delivery.received_at), delivery, content))
    found.sort(key=lambda each: (each[0], each[1].delivery_id))
    known = inbox.superseded(conn, [(content.return_id, at) for at, _, content in found])
    latest = {content.return_id: delivery.delivery_id for _, delivery, content in found}
    for occurred_at, delivery, content in found:
        is_old = (content.return_id, occurred_at) in known or latest[
            content.return_id
        ] != delivery.delivery_id
        if not is_old:
            read.returns.append(content)
        read.readings.append(
            Reading(
                delivery.delivery_id,
                "superseded" if is_old else "landed",
                occurred_at,
                content.return_id,
                content.registered_at,
            )
        )
    return read


def _read_notice(delivery: Unread, received_at: datetime, read: _Batch) -> None:
    event = read_record_event(delivery.body)
    if isinstance(event, Fault):
        read.notices.append(event)
        read.readings.append(Reading(delivery.delivery_id, "malformed", registered_at=received_at))
    elif event.resource != ORDERS:
        read.readings.append(Reading(delivery.delivery_id, "ignored", document_id=event.record_id))
    else:
        outcome: inbox.Outcome = "order_deleted" if event.is_deletion else "order_changed"
        read.readings.append(
            Reading(
                delivery.delivery_id,
                outcome,
                document_id=event.record_id,
                order_references=event.references,
            )
        )


def _what_follows(
    conn: psycopg.Connection[Any], outcomes: Mapping[inbox.Outcome, int], landed: Landed
) -> ProcessedInbox:
    left = inbox.unsettled(conn)
    # Versions before took notices of ids that no order can have.
    orders = [each for each in left if each.source == "oro" and is_order_id(each.document_id or "")]
    deleted = {each.document_id for each in orders if each.outcome == "order_deleted"}
    held = inbox.held_returns(
        conn,
        {each.document_id for each in orders if each.document_id},
        {reference for each in orders for reference in each.order_references},
    )
    return ProcessedInbox(
        outcomes=dict(outcomes),
        landed=landed,
        delivery_ids=tuple(each.delivery_id for each in left),
        registered_at=tuple(sorted({each.registered_at for each in left if each.registered_at})),
        order_ids=tuple(
            sorted({each.document_id for each in orders if each.document_id} - deleted, key=_by_number)
        ),
        deleted_order_ids=tuple(sorted(filter(None, deleted), key=_by_number)),
        held=tuple(held),
    )


def _by_number(order_id: str) -> tuple[int, str]:
    return len(order_id), order_id
