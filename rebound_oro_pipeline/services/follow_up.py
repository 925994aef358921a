"""Looks again at single returns of any day: because a webhook came, a hold is due, or a person said something.

Exactly the returns concerned are looked at: their orders and goods are read from OroCommerce, and the moments at which
they were registered are decided, all in one run. Where there are many, their whole days are, which costs less than so
many decisions. A run that dies leaves what it did not finish to the next one: deliveries stay unsettled, holds stay
due, the mark of what people said stays where it was, and a look that has not ended says since when its landings wait.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any, Final

import psycopg

from rebound_oro_pipeline.clients.jsonapi import in_lists
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.rebound_mapping import ReboundMapping
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.concurrently import in_order, one_by_one
from rebound_oro_pipeline.services.decide import Decision, DecisionRefused, decide
from rebound_oro_pipeline.services.land_changed_oro_orders import land_changed_oro_orders, orders_by_id
from rebound_oro_pipeline.services.land_oro_inventory_levels import land_levels_of, land_oro_inventory_levels
from rebound_oro_pipeline.services.land_oro_orders import land_oro_orders
from rebound_oro_pipeline.services.land_oro_products import land_oro_products, land_products_by
from rebound_oro_pipeline.services.land_rebound_returns import land_missing_returns, land_open_returns
from rebound_oro_pipeline.services.process_inbox import process_inbox
from rebound_oro_pipeline.sqlmodels.errors import BuildError
from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.warehouse import follow_up as asked
from rebound_oro_pipeline.warehouse import inbox, watermarks
from rebound_oro_pipeline.warehouse.landing import Landed, land_orders

INTERVENTIONS: Final = "interventions"
"""Watermark: up to when what people said was followed."""
SWEEP: Final = "orders of the catch-up"
"""Watermark: orders that changed since the last sweep, whoever else reads changed orders."""
OVERLAP: Final = timedelta(minutes=10)
"""Looked at again before that mark: a transaction shows what it wrote only when it commits."""
SINGLE_MOMENTS: Final = 20
"""Up to so many moments are decided each by itself; of more, their whole days."""
MISSED_DAYS: Final = 7
"""How far back returns are looked for whose webhook, or whose day, was missed."""

MOST_REFUSED: Final = 10
"""Moments of a look that may be refused while the others are decided."""
_REFUSALS: Final = (
    DecisionRefused,
    BuildError,
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.CardinalityViolation,
    psycopg.errors.RaiseException,
)
"""What is wrong with the decision of these returns, and not with the database or the look."""
_EARLIEST: Final = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Follower:
    """What every look needs: both systems, the rules, the moment as of which (aware), and the run."""

    oro: OroClient
    rebound: ReboundClient
    conn: psycopg.Connection[Any]
    models: Models
    mapping: ReboundMapping
    policy: Policy
    policy_version: int
    now: datetime
    run_id: str
    with_subtotals: bool = False
    decide_only: bool = False


@dataclass(frozen=True)
class FollowedUp:
    """What a look came to: moments by occasion, the windows that were decided, and what landed on the way.

    `refused` are the moments that could not be decided, and why; the call that found them raises the first.
    """

    occasions: Mapping[str, int]
    decisions: tuple[Decision, ...]
    landed: Mapping[str, Landed]
    refused: Mapping[datetime, Exception] = field(default_factory=dict)

    @property
    def notes(self) -> int:
        """Credit notes added."""
        return sum(decision.notes for decision in self.decisions)

    @property
    def days(self) -> tuple[date, ...]:
        """Days (UTC) of the windows that were decided."""
        return tuple(sorted({day for decision in self.decisions for day, _ in decision.window.spans(1)}))


def windows_of(moments: Collection[datetime]) -> list[Window]:
    """Return the windows that hold these moments: one for each of a few, else the days, neighbours together."""
    distinct = sorted(set(moments))
    if len(distinct) <= SINGLE_MOMENTS:
        return [Window.moment(moment) for moment in distinct]
    days = sorted({moment.astimezone(UTC).date() for moment in distinct})
    runs = groupby(enumerate(days), key=lambda each: each[1].toordinal() - each[0])
    spans = [[day for _, day in run] for _, run in runs]
    return [Window.days(span[0], span[-1]) for span in spans]


def follow_up(look: Follower) -> FollowedUp:
    """Look at what webhooks brought, at holds that are due, and at what people said.

    Raises the errors of the clients; DecisionRefused, or what the database refuses, once all else has been decided.
    """
    conn = look.conn
    since = watermarks.read_until(conn, INTERVENTIONS, now=look.now) or _EARLIEST + OVERLAP
    conn.commit()
    delivered = process_inbox(conn, look.mapping, now=look.now, run_id=look.run_id)
    changed = _land_orders_by_id(look, delivered.order_ids)
    held = inbox.held_returns(conn, {*delivered.order_ids, *delivered.deleted_order_ids})
    moments = {
        "webhooks": {*delivered.registered_at, *(each.registered_at for each in (*delivered.held, *held))},
        "holds": set(asked.due_holds(conn, look.now)),
        "people": set(asked.interventions(conn, since - OVERLAP)),
    }
    conn.commit()
    found = _look_at(look, moments, {"returns": delivered.landed, "orders": changed})
    inbox.settle(conn, delivered.delivery_ids, now=look.now, but_registered_at=found.refused)
    if not found.refused:
        watermarks.advance(conn, INTERVENTIONS, look.now)
    conn.commit()
    return _undisturbed(found)


def follow_open_returns(look: Follower) -> FollowedUp:
    """Read the open returns of the last 30 days again, because ReBound announces no update, and decide what changed."""
    with _kept_until_decided(look) as since:
        landed = land_open_returns(look.rebound, look.conn, look.mapping, now=look.now, run_id=look.run_id)
        moments = {
            "changed": set(asked.landed_since(look.conn, since)),
            "orders": set(asked.held_for_changed_orders(look.conn, since)),
        }
        look.conn.commit()
        return _undisturbed(_look_at(look, moments, {"returns": landed}))


def follow_history(look: Follower, registered_at: Collection[datetime]) -> FollowedUp:
    """Decide the returns of a file, which were registered at these moments, whichever import has landed them."""
    return _undisturbed(_look_at(look, {"imported": registered_at}, {}))


def catch_up(look: Follower) -> FollowedUp:
    """Look for what webhooks and schedules missed: returns nobody told us of, orders that changed meanwhile."""
    window = Window(look.now - timedelta(days=MISSED_DAYS), look.now)
    with _kept_until_decided(look) as since:
        missing = land_missing_returns(
            look.rebound,
            look.conn,
            window,
            look.mapping,
            now=look.now,
            run_id=look.run_id,
        )
        orders = land_changed_oro_orders(
            look.oro,
            look.conn,
            look.policy,
            now=look.now,
            run_id=look.run_id,
            with_subtotals=look.with_subtotals,
            stream=SWEEP,
        )
        moments = {
            "missed": set(asked.landed_since(look.conn, since)),
            "orders": set(asked.held_for_changed_orders(look.conn, since)),
            "holds": set(asked.due_holds(look.conn, look.now)),
        }
        look.conn.commit()
        return _undisturbed(_look_at(look, moments, {"returns": missing, "orders": orders.landed}))


def refresh_catalogue(look: Follower) -> Mapping[str, Landed]:
    """Read all products that ever came back, or were on an order of theirs, again, with their stock levels."""
    products = asked.known_products(look.conn)
    look.conn.commit()
    given: dict[str, Any] = {"now": look.now, "run_id": look.run_id}
    return {
        "products": land_products_by(look.oro, look.conn, "id", products, **given),
        "levels": land_levels_of(look.oro, look.conn, products, **given),
    }


def _look_at(
    look: Follower, moments: Mapping[str, Collection[datetime]], landed: Mapping[str, Landed]
) -> FollowedUp:
    asked_for = sorted({moment for each in moments.values() for moment in each})
    windows = windows_of(asked_for)
    orders, products, levels = landed.get("orders", Landed()), Landed(), Landed()
    given: dict[str, Any] = {"now": look.now, "run_id": look.run_id}
    for window in windows:
        orders += land_oro_orders(
            look.oro, look.conn, window, look.policy, with_subtotals=look.with_subtotals, **given
        )
        products += land_oro_products(look.oro, look.conn, window, **given)
        levels += land_oro_inventory_levels(look.oro, look.conn, window, **given)
    refused: dict[datetime, Exception] = {}
    decisions = tuple(
        decision
        for window in windows
        for decision in _decided(
            look,
            window,
            asked_for[bisect_left(asked_for, window.start) : bisect_left(asked_for, window.end)],
            refused,
        )
    )
    look.conn.commit()
    return FollowedUp(
        {name: len(each) for name, each in moments.items()},
        decisions,
        {**landed, "orders": orders, "products": products, "levels": levels},
        refused,
    )


def _decided(
    look: Follower, window: Window, moments: Sequence[datetime], refused: dict[datetime, Exception]
) -> Iterator[Decision]:
    """Yield the decision of a window; where it is refused, those of the halves of its moments that are not.

    One return must not keep all others from being decided, now and at every further look. Raises what was refused
    where it is more than MOST_REFUSED moments: then it is no single return.
    """
    try:
        yield _decide(look, window)
    except _REFUSALS as error:
        if len(refused) == MOST_REFUSED:
            raise
        if window == Window.moment(moments[0]):
            refused[moments[0]] = error
            return
    else:
        return
    middle = len(moments) // 2
    for half in filter(None, (moments[:middle], moments[middle:])):
        yield from _decided(look, Window.moments(half[0], half[-1]), half, refused)


def _decide(look: Follower, window: Window) -> Decision:
    return decide(
        look.conn,
        look.models,
        window,
        policy_version=look.policy_version,
        decided_at=look.now,
        run_id=look.run_id,
        decide_only=look.decide_only,
    )


def _undisturbed(found: FollowedUp) -> FollowedUp:
    """Return what a look came to; raise the first of what it could not decide."""
    for error in found.refused.values():
        raise error
    return found


def _land_orders_by_id(look: Follower, order_ids: Iterable[str]) -> Landed:
    read = partial(orders_by_id, look.oro, with_subtotals=look.with_subtotals)
    answers = in_order(read, in_lists(order_ids), workers=look.oro.connections)
    return land_orders(
        look.conn,
        one_by_one(answers),
        source="api",
        landed_by=look.run_id,
        landed_at=look.now,
    )


@contextmanager
def _kept_until_decided(look: Follower) -> Iterator[datetime]:
    """Keep the look among those not ended until the block has come to its end; give since when landings may wait.

    What a look lands is no change any more when it is read again, so one that fails would leave it undecided for ever.
    """
    since = asked.begin_look(look.conn, look.run_id, look.now)
    look.conn.commit()
    try:
        yield since
        asked.end_look(look.conn, look.run_id)
        look.conn.commit()
    finally:
        if not look.conn.closed:
            look.conn.rollback()
            asked.let_go_of_look(look.conn, look.run_id)
            look.conn.commit()
