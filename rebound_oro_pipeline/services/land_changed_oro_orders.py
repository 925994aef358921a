"""Lands the OroCommerce orders that changed since they were last asked for, whether or not anything of them came back.

The watermark is the time of asking, by OroCommerce's clock where ours is far ahead of it, and never the largest
`updatedAt` seen, which may lie in the future. Each reading begins a while before it: OroCommerce writes a row with the
time at which its request began, and its clock is not ours. The lists are sorted by id and have no upper bound, so that
rows with equal times cannot straddle pages, and a row that changes meanwhile stays in the list. What is read twice is
written once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Literal

import psycopg

from rebound_oro_pipeline.clients.errors import Refused
from rebound_oro_pipeline.clients.jsonapi import in_lists
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.oro import OrderDocument
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.services.concurrently import in_order, one_by_one
from rebound_oro_pipeline.services.land_oro_orders import orders_where
from rebound_oro_pipeline.warehouse import watermarks
from rebound_oro_pipeline.warehouse.landing import Landed, land_orders

STREAM: Final = "oro_orders"
"""Name of the watermark in landing.watermarks."""
OVERLAP: Final = timedelta(minutes=15)
"""Read again before the watermark: longer than any request of OroCommerce, and than clocks differ."""
LOOKBACK: Final = timedelta(days=60)
"""How far back the first reading goes, and every reading where nothing says when an order changed."""
# More is a clock that was never set; all would be read again each time.
_MOST_AHEAD: Final = timedelta(days=1)

Field = Literal["updatedAt", "createdAt"]


@dataclass(frozen=True, slots=True)
class ChangedOrders:
    """What a reading brought: orders whose `field` is at or after `since`; the next one begins before `until`."""

    landed: Landed
    field: Field
    since: datetime
    until: datetime


def land_changed_oro_orders(
    oro: OroClient,
    conn: psycopg.Connection[Any],
    policy: Policy,
    *,
    now: datetime,
    run_id: str,
    with_subtotals: bool = False,
    stream: str = STREAM,
    lookback: timedelta = LOOKBACK,
) -> ChangedOrders:
    """Land the orders that changed since the last reading of this stream; the first one looks `lookback` back.

    OroCommerce 5.1 cannot say which orders changed: there, those created within `lookback` are read each time. A
    tracking does not move `updatedAt`: where the policy goes by trackings, orders without any are asked for again.
    Commits after every batch, and the watermark last; raises the errors of the client.
    """
    read_before = watermarks.read_until(conn, stream, now=now)
    conn.commit()
    since = read_before - OVERLAP if read_before else now - lookback

    def land(orders: Iterator[OrderDocument | Fault]) -> Landed:
        return land_orders(conn, orders, source="api", landed_by=run_id, landed_at=now)

    field: Field = "updatedAt"
    try:
        landed = land(orders_where(oro, {field: {"gte": since}}, with_subtotals=with_subtotals))
    except Refused as error:
        if not _cannot_filter(error, field):
            raise
        field, since = "createdAt", now - lookback
        landed = land(orders_where(oro, {field: {"gte": since}}, with_subtotals=with_subtotals))
    if policy.gate.when_status_missing == "tracking_is_dispatched" and field == "updatedAt":
        waiting = watermarks.orders_without_status(
            conn, created_since=now - lookback, cancelled=policy.gate.cancelled
        )
        conn.commit()
        read = partial(orders_by_id, oro, with_subtotals=with_subtotals)
        answers = in_order(read, in_lists(waiting), workers=oro.connections)
        landed += land(one_by_one(answers))
    # Changes are dated by the shop's clock. By how much ours may be ahead unnoticed, the overlap covers.
    ahead = min(oro.clock_ahead, _MOST_AHEAD)
    until = now - ahead if ahead > OVERLAP / 2 else now
    watermarks.advance(conn, stream, until, since=since)
    conn.commit()
    return ChangedOrders(landed, field, since, until)


def orders_by_id(
    oro: OroClient, order_ids: list[str], *, with_subtotals: bool
) -> list[OrderDocument | Fault]:
    """Read orders by their ids, as many as a filter takes; what is not there any more is missing."""
    return list(orders_where(oro, {"id": order_ids}, with_subtotals=with_subtotals))


def _cannot_filter(error: Refused, field: Field) -> bool:
    return any(error.does_not_know(f"filter[{field}]{operator}") for operator in ("", "[gte]"))
