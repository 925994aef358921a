"""How often which situation occurs in a scenario: one table for returns, one for orders.

The shares are of our choosing (no statistics are published); what matters is that everything that the pipeline has
a rule for does occur. Every situation occurs at least once where there are as many returns as situations.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Situation(StrEnum):
    """What is special about one return."""

    ORDINARY = "ordinary"
    COMPLETE = "complete"
    SEVERAL_PARCELS = "several_parcels"
    SAME_SKU_TWICE = "same_sku_twice"
    KIT_COMPONENT = "kit_component"
    WHOLE_KIT = "whole_kit"
    FREE_FORM = "free_form"
    FRACTION = "fraction"
    OTHER_UNIT = "other_unit"
    UNIT_MISMATCH = "unit_mismatch"
    FORMER_SKU = "former_sku"
    FORMER_SKU_UNLISTED = "former_sku_unlisted"
    UNKNOWN_SKU = "unknown_sku"
    OVER_RETURN = "over_return"
    UNDISPATCHED = "undispatched"
    DISPATCHED_LATER = "dispatched_later"
    PENDING_ORDER = "pending_order"
    CANCELLED_ORDER = "cancelled_order"
    IMPORTED_ORDER = "imported_order"
    UNKNOWN_ORDER = "unknown_order"
    AMBIGUOUS_REFERENCE = "ambiguous_reference"
    BY_PO_NUMBER = "by_po_number"
    BY_EXTERNAL_ID = "by_external_id"
    SLOPPY_REFERENCE = "sloppy_reference"
    UNKNOWN_DISPOSITION = "unknown_disposition"
    UNKNOWN_STATUS = "unknown_status"
    UNKNOWN_REASON = "unknown_reason"
    RECEIVED_LESS = "received_less"
    RECEIVED_NONE = "received_none"
    RECEIVED_LATER = "received_later"
    RECEIVED_CORRECTED = "received_corrected"
    WITHDRAWN = "withdrawn"
    WITHDRAWN_LATE = "withdrawn_late"
    BAD_QUANTITY = "bad_quantity"
    MISSING_DATE = "missing_date"
    DUPLICATE_LINE = "duplicate_line"
    DIRECT_TO_RETAILER = "direct_to_retailer"
    ORDER_DOES_NOT_ADD_UP = "order_does_not_add_up"
    TAX_UNRESOLVABLE = "tax_unresolvable"
    CURRENCY_MISMATCH = "currency_mismatch"


@dataclass(frozen=True, slots=True)
class Share:
    """A situation, its share of all returns, and the quarantine reason it leads to, if any."""

    of_returns: float
    leads_to: str | None = None


SHARES: Mapping[Situation, Share] = {
    # Ordinary takes what the others leave: part of one to three lines of an order, one order in five several times.
    Situation.COMPLETE: Share(0.06),
    Situation.SEVERAL_PARCELS: Share(0.04),
    Situation.SAME_SKU_TWICE: Share(0.04),
    Situation.KIT_COMPONENT: Share(0.05),
    Situation.WHOLE_KIT: Share(0.03),
    Situation.FREE_FORM: Share(0.01),
    Situation.FRACTION: Share(0.01),
    Situation.OTHER_UNIT: Share(0.01),
    Situation.UNIT_MISMATCH: Share(0.005, "unit_mismatch"),
    Situation.FORMER_SKU: Share(0.04),
    Situation.FORMER_SKU_UNLISTED: Share(0.005, "unknown_sku"),
    Situation.UNKNOWN_SKU: Share(0.01, "unknown_sku"),
    Situation.OVER_RETURN: Share(0.02, "over_return"),
    Situation.UNDISPATCHED: Share(0.01, "dispatch_timeout"),
    Situation.DISPATCHED_LATER: Share(0.01),
    Situation.PENDING_ORDER: Share(0.005, "dispatch_timeout"),
    Situation.CANCELLED_ORDER: Share(0.005, "order_cancelled"),
    Situation.IMPORTED_ORDER: Share(0.01),
    Situation.UNKNOWN_ORDER: Share(0.01, "unknown_order"),
    Situation.AMBIGUOUS_REFERENCE: Share(0.005, "unknown_order"),
    Situation.BY_PO_NUMBER: Share(0.05),
    Situation.BY_EXTERNAL_ID: Share(0.01),
    Situation.SLOPPY_REFERENCE: Share(0.03),
    Situation.UNKNOWN_DISPOSITION: Share(0.005, "unknown_disposition"),
    Situation.UNKNOWN_STATUS: Share(0.005, "unknown_status"),
    Situation.UNKNOWN_REASON: Share(0.005),
    Situation.RECEIVED_LESS: Share(0.04),
    Situation.RECEIVED_NONE: Share(0.01),
    Situation.RECEIVED_LATER: Share(0.015),
    Situation.RECEIVED_CORRECTED: Share(0.005, "received_quantity_decreased"),
    Situation.WITHDRAWN: Share(0.02),
    Situation.WITHDRAWN_LATE: Share(0.005, "received_quantity_decreased"),
    Situation.BAD_QUANTITY: Share(0.005, "malformed_document"),
    Situation.MISSING_DATE: Share(0.005, "malformed_document"),
    Situation.DUPLICATE_LINE: Share(0.005, "duplicate_line"),
    Situation.DIRECT_TO_RETAILER: Share(0.02),
    Situation.ORDER_DOES_NOT_ADD_UP: Share(0.005, "order_does_not_add_up"),
    Situation.TAX_UNRESOLVABLE: Share(0.005, "tax_unresolvable"),
    Situation.CURRENCY_MISMATCH: Share(0.005, "currency_mismatch"),
}
"""`received_corrected` and `withdrawn_late` lead there only if the return was credited before it changed."""


class OrderState(StrEnum):
    """How far an order is; each profile has its own words for it."""

    SHIPPED = "shipped"
    PARTIALLY_SHIPPED = "partially_shipped"
    NOT_SHIPPED = "not_shipped"
    SHIPPED_LATER = "shipped_later"
    PENDING = "pending"
    CANCELLED = "cancelled"
    IMPORTED = "imported"


ORDER_STATES: Mapping[str, float] = {
    OrderState.SHIPPED: 0.78,
    OrderState.PARTIALLY_SHIPPED: 0.06,
    OrderState.NOT_SHIPPED: 0.08,
    OrderState.PENDING: 0.03,
    OrderState.CANCELLED: 0.03,
    OrderState.IMPORTED: 0.02,
}
"""States of the orders that no situation asks for."""

DISPOSITIONS: Mapping[str, float] = {
    "restock": 0.62,
    "refurbish": 0.12,
    "damaged": 0.14,
    "destroy": 0.05,
    "donate": 0.03,
    "return_to_vendor": 0.04,
}
REASONS: Mapping[str, float] = {
    "unwanted": 0.35,
    "damaged": 0.14,
    "faulty": 0.14,
    "wrong_item": 0.13,
    "not_as_described": 0.12,
    "late": 0.05,
    "other": 0.07,
}
RETURNED_AGAIN = 0.2
"""Share of the ordinary returns on an order that has one already."""
WITH_LINE_IDS = 0.5
"""Share of the returns whose items carry an id of their own."""


def pick(rng: random.Random, weights: Mapping[str, float]) -> str:
    """Draw a key by weight."""
    return rng.choices(list(weights), list(weights.values()))[0]


def situations(rng: random.Random, returns: int) -> Sequence[Situation]:
    """Return the situation of each of so many returns: the shares to the nearest return, then shuffled."""
    least = 1 if returns > len(SHARES) else 0
    drawn = [
        situation
        for situation, share in SHARES.items()
        for _ in range(max(round(share.of_returns * returns), least))
    ]
    drawn += [Situation.ORDINARY] * max(returns - len(drawn), 0)
    rng.shuffle(drawn)
    return drawn[:returns]
