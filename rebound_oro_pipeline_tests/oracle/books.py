"""What the oracle remembers between decisions: kept orders, claims and notes, as plain lists."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from rebound_oro_pipeline_tests.oracle.explain import ZERO, Explained, Item, KeptLine


@dataclass(frozen=True)
class Claim:
    """The units [start, end) of an order's item that a return line took.

    received_units are the units of the return line, in its own unit, that the claim used up; thing is the item, or the
    line of whole kits, that it took them of. What the return said then: its order's reference, SKU, unit, disposition.
    """

    order_id: str
    item_id: str
    return_id: str
    line_key: str
    start: Decimal
    end: Decimal
    received_units: Decimal
    reference: str | None
    sku: str | None
    unit: str | None
    disposition: str | None
    thing: KeptLine | Item


@dataclass
class Books:
    """The state that decisions add to; quarantine_of and held_of keep the open rows of each return."""

    kept: dict[str, Explained] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    credit_notes: list[dict[str, Any]] = field(default_factory=list)
    credit_note_lines: list[dict[str, Any]] = field(default_factory=list)
    inventory_deltas: list[dict[str, Any]] = field(default_factory=list)
    quarantine_of: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    held_of: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    held_since: dict[tuple[str, str], datetime] = field(default_factory=dict)
    taken: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    notes_of: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, claim: Claim) -> None:
        """Record a claim; it begins where the item's last one ended, so no unit is ever taken twice."""
        item = claim.order_id, claim.item_id
        if claim.start != self.taken.get(item, ZERO) or claim.end <= claim.start:
            raise AssertionError(f"a claim does not follow the last one: {claim}")
        self.claims.append(claim)
        self.taken[item] = claim.end

    def claimed(self, order_id: str, item: Item) -> Decimal:
        """Return how many units of an item are taken."""
        return self.taken.get((order_id, item.id), ZERO)

    def free(self, order_id: str, item: Item) -> Decimal:
        """Return how many units of an item are still there to be credited."""
        return item.quantity - self.claimed(order_id, item)

    def free_kits(self, order_id: str, line: KeptLine) -> Decimal:
        """Return how many whole kits every component still has units for."""
        whole = min(self.free(order_id, item) // (item.per_kit or Decimal(1)) for item in line.items)
        return Decimal(whole)

    def is_complete(self, order: Explained) -> bool:
        """Tell whether every unit of the order was credited."""
        return all(not self.free(order.order.id, item) for line in order.lines for item in line.items)
