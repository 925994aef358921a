"""How a return moves on: created, in the network, at the hub, processed, delivered; or withdrawn, or lost.

Processed is the first time that the content is looked at: from then on the received quantity and the disposition are
known. A return to the retailer directly sees no hub; it is looked at when it is delivered.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from rebound_oro_pipeline.sandbox.rebound.records import ParcelRecord, Step, TrackRecord
from rebound_oro_pipeline.sandbox.scenario_shares import Situation

LONGEST_UNTIL_PROCESSED = timedelta(hours=36 + 72 + 48)
"""After so long a return that goes its ordinary way is processed."""
CARRIER = "UPS"
_HALF = Decimal("0.5")
_COUNTED_TWICE = (Situation.RECEIVED_LATER, Situation.RECEIVED_CORRECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """The moments of one return."""

    situation: Situation
    statuses: Sequence[Step]
    inspected_at: datetime | None
    """None: never looked at."""
    changed_at: datetime
    """When the hub says something new of it, where it does."""
    silent: bool
    """Whether the hub leaves the received quantity unsaid because all came."""

    def received(self, received: Decimal, announced: Decimal) -> list[Step]:
        """Return when the hub says which quantity; never for one that nobody counts."""
        uncounted = self.situation is Situation.DIRECT_TO_RETAILER or (self.silent and received == announced)
        if self.inspected_at is None or uncounted:
            return []
        some = (received * _HALF).to_integral_value(rounding="ROUND_DOWN")
        match self.situation:
            case Situation.RECEIVED_LATER:
                return [_step(self.inspected_at, some), _step(self.changed_at, received)]
            case Situation.RECEIVED_CORRECTED:
                return [_step(self.inspected_at, received), _step(self.changed_at, some)]
        return [_step(self.inspected_at, received)]

    def disposition(self, disposition: str | None) -> list[Step]:
        """Return when the hub says what becomes of the goods."""
        return [Step(self.inspected_at, disposition)] if self.inspected_at else []


def _step(at: datetime, quantity: Decimal) -> Step:
    return Step(at, format(quantity, "f"))


def lifecycle(
    rng: random.Random, situation: Situation, registered_at: datetime, until: datetime
) -> Lifecycle:
    """Draw the moments of a return; what happens late happens after `until`, the scenario's end."""

    def after(moment: datetime, least: int, most: int) -> datetime:
        return moment + timedelta(minutes=rng.randint(least * 60, most * 60))

    in_network = after(registered_at, 6, 36)
    at_hub = after(in_network, 24, 72)
    processed = after(at_hub, 6, 48)
    delivered = after(processed, 24, 96)
    changed = after(processed, 24, 72)
    statuses = [
        Step(registered_at, "created"),
        Step(in_network, "in_network"),
        Step(at_hub, "at_hub"),
        Step(processed, "processed"),
        Step(delivered, "delivered"),
    ]
    inspected: datetime | None = processed
    match situation:
        case Situation.DIRECT_TO_RETAILER:
            statuses = [*statuses[:2], Step(processed, "delivered")]
        case Situation.WITHDRAWN:
            keep = rng.randint(1, 3)
            statuses = [*statuses[:keep], Step(after(statuses[keep - 1].at, 1, 5), "cancelled")]
            inspected = None
        case Situation.WITHDRAWN_LATE:
            statuses = [*statuses[:4], Step(after(max(processed, until), 6, 36), "cancelled")]
        case Situation.UNKNOWN_STATUS:
            statuses = [*statuses[:2], Step(at_hub, "lost_in_transit")]
        case Situation.RECEIVED_CORRECTED:
            changed = after(max(processed, until), 6, 36)
    return Lifecycle(
        situation=situation,
        statuses=statuses,
        inspected_at=inspected,
        changed_at=changed,
        silent=rng.random() < 0.15 and situation not in _COUNTED_TWICE,
    )


def parcels(rng: random.Random, life: Lifecycle, tracking: Sequence[str]) -> list[ParcelRecord]:
    """Return the parcels of a return with the events that its statuses imply."""
    track = [
        TrackRecord(
            at=step.at, status=step.value or "", country="GB", city=rng.choice(("Leeds", "Derby", "Hull"))
        )
        for step in life.statuses
    ]
    return [ParcelRecord(tracking_code=code, carrier=CARRIER, track=track) for code in tracking]
