"""A scenario: everything that happened in a shop and at ReBound in some days, made from one integer.

    scenario = build_scenario(ScenarioSettings(seed=1, days=30, orders=2000, returns=600, until=midnight))

The same settings give the same scenario, on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rebound_oro_pipeline.sandbox.oro.profiles import PROFILES
from rebound_oro_pipeline.sandbox.rebound.records import ReturnRecord
from rebound_oro_pipeline.sandbox.scenario_catalogue import Catalogue, build_catalogue
from rebound_oro_pipeline.sandbox.scenario_lifecycle import LONGEST_UNTIL_PROCESSED
from rebound_oro_pipeline.sandbox.scenario_lines import Feature
from rebound_oro_pipeline.sandbox.scenario_orders import Need, OrderPlanner, PlannedOrder
from rebound_oro_pipeline.sandbox.scenario_returns import ReturnPlanner, has_something_left
from rebound_oro_pipeline.sandbox.scenario_shares import RETURNED_AGAIN, OrderState, Situation, situations

ORDERS_BEFORE = timedelta(days=35)
"""The first order is placed so long before the first return is registered."""
SOONEST_RETURN = timedelta(days=3)
"""A return is registered at least so long after its order."""
_USUAL_WAIT = 0.5
"""Share of the orders so far among which a return looks for its own: the latest ones."""

NEEDS: dict[Situation, Need] = {
    Situation.SAME_SKU_TWICE: Need(feature=Feature.SAME_SKU),
    Situation.KIT_COMPONENT: Need(feature=Feature.KIT),
    Situation.WHOLE_KIT: Need(feature=Feature.KIT),
    Situation.FREE_FORM: Need(feature=Feature.FREE_FORM),
    Situation.FRACTION: Need(feature=Feature.FRACTION),
    Situation.OTHER_UNIT: Need(feature=Feature.BOX_BY_ITEMS),
    Situation.UNIT_MISMATCH: Need(feature=Feature.BOX),
    Situation.FORMER_SKU: Need(feature=Feature.RENAMED_LISTED),
    Situation.FORMER_SKU_UNLISTED: Need(feature=Feature.RENAMED_UNLISTED),
    Situation.UNDISPATCHED: Need(state=OrderState.NOT_SHIPPED),
    Situation.DISPATCHED_LATER: Need(state=OrderState.SHIPPED_LATER),
    Situation.PENDING_ORDER: Need(state=OrderState.PENDING),
    Situation.CANCELLED_ORDER: Need(state=OrderState.CANCELLED),
    Situation.IMPORTED_ORDER: Need(state=OrderState.IMPORTED),
    Situation.BY_EXTERNAL_ID: Need(external_id=True),
    Situation.ORDER_DOES_NOT_ADD_UP: Need(feature=Feature.DOES_NOT_ADD_UP),
    Situation.TAX_UNRESOLVABLE: Need(feature=Feature.TAX_UNRESOLVABLE),
    Situation.CURRENCY_MISMATCH: Need(feature=Feature.CURRENCY_MISMATCH),
}
"""What situations ask of their order; the others ask for a shipped one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioSettings:
    """What a scenario is made of; `until` (aware, UTC) is its present, the end of the last day of returns."""

    seed: int
    days: int
    orders: int
    returns: int
    until: datetime
    profile: str = "6.1"

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        if self.days < 1 or self.returns < 0 or self.orders < max(2, self.returns):
            raise ValueError(
                f"a scenario needs at least one day and at least as many orders as returns, not {self.days} days, "
                f"{self.orders} orders and {self.returns} returns"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A shop's orders by the time they were placed, and its returns by the time they were registered."""

    settings: ScenarioSettings
    catalogue: Catalogue
    orders: Sequence[PlannedOrder]
    returns: Sequence[ReturnRecord]


@dataclass(frozen=True, slots=True)
class _Slot:
    situation: Situation
    registered_at: datetime
    order: int | None
    """Number of the order; None: one that nobody knows."""


def build_scenario(settings: ScenarioSettings) -> Scenario:
    """Make a scenario."""
    catalogue = build_catalogue(settings.seed, settings.orders)
    placed = _placing_times(settings)
    slots, needs = _Assignment(settings, placed).assign()
    planner = OrderPlanner(settings.seed, catalogue, settings.until)
    orders = [planner.plan(number, at, needs.get(number)) for number, at in enumerate(placed)]
    returns = ReturnPlanner(seed=settings.seed, catalogue=catalogue, until=settings.until)
    others = _for_ordinary_returns(slots, orders)
    planned = []
    for number, slot in enumerate(slots):
        order = None if slot.order is None else orders[slot.order]
        if slot.situation is Situation.ORDINARY and order and not has_something_left(order):
            order = next((other for other in others if has_something_left(other)), None)
        planned.append(returns.plan(str(7_000_001 + number), slot.situation, slot.registered_at, order))
    return Scenario(settings=settings, catalogue=catalogue, orders=orders, returns=planned)


def _for_ordinary_returns(slots: Sequence[_Slot], orders: Sequence[PlannedOrder]) -> list[PlannedOrder]:
    """Return the orders that an ordinary return may be of where its own has nothing left, spare ones last."""
    special = {slot.order for slot in slots if slot.situation is not Situation.ORDINARY}
    ordinary = {slot.order for slot in slots} - special
    allowed = [order for order in orders if order.number not in special and order.state is OrderState.SHIPPED]
    return sorted(allowed, key=lambda order: order.number not in ordinary)


def _placing_times(settings: ScenarioSettings) -> list[datetime]:
    """Spread the orders over the days, in ascending order."""
    rng = random.Random(f"{settings.seed}:placing")
    first = settings.until - timedelta(days=settings.days) - ORDERS_BEFORE
    step = (settings.until - timedelta(hours=3) - first) / settings.orders
    return [
        (first + step * (number + rng.random())).replace(microsecond=0) for number in range(settings.orders)
    ]


class _Assignment:
    """Gives every return its situation, its time, and an order that was placed early enough."""

    def __init__(self, settings: ScenarioSettings, placed: Sequence[datetime]) -> None:
        self._settings = settings
        self._placed = placed
        self._rng = random.Random(f"{settings.seed}:assignment")
        self._taken = bytearray(len(placed))
        self._shared: list[int] = []

    def assign(self) -> tuple[list[_Slot], dict[int, Need]]:
        """Return the returns by time, and what is asked of which order."""
        shown = PROFILES[self._settings.profile].external_id
        drawn = [
            situation if shown or situation is not Situation.BY_EXTERNAL_ID else Situation.ORDINARY
            for situation in situations(self._rng, self._settings.returns)
        ]
        times = sorted(((self._registered_at(each), number) for number, each in enumerate(drawn)))
        slots: list[_Slot] = []
        needs: dict[int, Need] = {}
        for registered_at, number in times:
            situation = drawn[number]
            order = None if situation is Situation.UNKNOWN_ORDER else self._order(situation, registered_at)
            if order is not None:
                self._ask(needs, situation, order)
            slots.append(_Slot(situation, registered_at, order))
        return slots, needs

    def _registered_at(self, situation: Situation) -> datetime:
        """Draw a time; anything special is old enough to be processed, where there are days enough."""
        settings = self._settings
        first = settings.until - timedelta(days=settings.days)
        span = settings.until - first
        if situation is not Situation.ORDINARY:
            span = max(span - LONGEST_UNTIL_PROCESSED, span / 4)
        return first + timedelta(seconds=int(span.total_seconds() * self._rng.random()))

    def _order(self, situation: Situation, registered_at: datetime) -> int:
        ordinary = situation is Situation.ORDINARY
        if ordinary and self._shared and self._rng.random() < RETURNED_AGAIN:
            return self._rng.choice(self._shared)
        number = self._take(self._latest(registered_at))
        if ordinary:
            self._shared.append(number)
        return number

    def _latest(self, registered_at: datetime) -> int:
        """Return the number of the last order that a return of this time can be of."""
        low, high = 0, len(self._placed)
        while low < high:
            middle = (low + high) // 2
            if self._placed[middle] <= registered_at - SOONEST_RETURN:
                low = middle + 1
            else:
                high = middle
        return max(low - 1, 0)

    def _take(self, latest: int) -> int:
        """Take a free order at or before this number, else the next one after it."""
        start = self._rng.randint(int(latest * _USUAL_WAIT), latest)
        number = self._taken.rfind(0, 0, start + 1)
        if number < 0:
            number = self._taken.find(0, start)
        self._taken[number] = 1
        return number

    def _ask(self, needs: dict[int, Need], situation: Situation, order: int) -> None:
        match situation:
            case Situation.BY_PO_NUMBER:
                needs[order] = Need(po_number=f"PO-{4_500_000 + order * 3}")
            case Situation.AMBIGUOUS_REFERENCE:
                twin = self._take(order)
                needs[order] = needs[twin] = Need(po_number=f"PO-SHARED-{order}")
            case _:
                needs[order] = NEEDS.get(situation, Need())
