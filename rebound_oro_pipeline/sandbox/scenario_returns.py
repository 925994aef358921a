"""Returns of a scenario: what comes back of an order, and what ReBound will say of it as time goes on."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from rebound_oro_pipeline.sandbox.rebound.records import ItemRecord, ReturnRecord
from rebound_oro_pipeline.sandbox.scenario_catalogue import Catalogue
from rebound_oro_pipeline.sandbox.scenario_lifecycle import CARRIER, Lifecycle, lifecycle, parcels
from rebound_oro_pipeline.sandbox.scenario_orders import PlannedOrder
from rebound_oro_pipeline.sandbox.scenario_shares import (
    DISPOSITIONS,
    REASONS,
    WITH_LINE_IDS,
    Situation,
    pick,
)

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item as it is announced; `received` None: all of it, which the hub may also leave unsaid."""

    sku: str
    quantity: Decimal
    received: Decimal | None = None
    unit: str | None = None
    disposition: str | None = None
    reason: str | None = None
    quantity_text: str | None = None
    """What stands in the document instead of the quantity."""
    parcel: int = 0
    line_id: str | None = None


@dataclass(slots=True, kw_only=True)
class ReturnPlanner:
    """Makes returns one by one; keeps ordinary ones within what their orders have left."""

    seed: int
    catalogue: Catalogue
    until: datetime
    _special: dict[Situation, Callable[[random.Random, PlannedOrder], list[Item]]] = field(init=False)

    def __post_init__(self) -> None:
        """Say which situations are made of items of their own; all others are made of ordinary ones."""
        self._special = {
            Situation.COMPLETE: _everything,
            Situation.SAME_SKU_TWICE: _across_two_lines,
            Situation.KIT_COMPONENT: _component,
            Situation.WHOLE_KIT: _first_line,
            Situation.FREE_FORM: _first_line,
            Situation.FRACTION: _fraction,
            Situation.OTHER_UNIT: _one_box,
            Situation.UNIT_MISMATCH: self._part_of_a_box,
            Situation.FORMER_SKU: self._under_former_sku,
            Situation.FORMER_SKU_UNLISTED: self._under_former_sku,
            Situation.CURRENCY_MISMATCH: _first_line,
            Situation.OVER_RETURN: _too_much,
        }

    def plan(
        self, return_id: str, situation: Situation, registered_at: datetime, order: PlannedOrder | None
    ) -> ReturnRecord:
        """Make one return; an order of None is one that nobody knows."""
        rng = random.Random(f"{self.seed}:return:{return_id}")
        if order is None:
            items = [Item(sku=rng.choice(self.catalogue.products).sku, quantity=Decimal(rng.randint(1, 5)))]
        else:
            items = self._special.get(situation, _part)(rng, order)
        items = _as_the_situation_says(rng, situation, items)
        with_ids = rng.random() < WITH_LINE_IDS or situation is Situation.DUPLICATE_LINE
        items = [
            replace(
                item,
                disposition=item.disposition or pick(rng, DISPOSITIONS),
                reason=item.reason or pick(rng, REASONS),
                line_id=f"{return_id}{position:02d}" if with_ids else None,
            )
            for position, item in enumerate(items, 1)
        ]
        if situation is Situation.DUPLICATE_LINE:
            items.append(replace(items[0], reason=pick(rng, REASONS)))
        life = lifecycle(rng, situation, registered_at, self.until)
        tracking = [f"1Z{return_id}{number}" for number in range(1 + max(item.parcel for item in items))]
        return ReturnRecord(
            return_id=return_id,
            registered_at=registered_at,
            fields={
                **_occasion(return_id, situation, registered_at, order),
                **self._sender(rng, situation, order),
                "tracking": tracking[0],
            },
            statuses=life.statuses,
            items=[self._item(item, life, tracking) for item in items],
            parcels=parcels(rng, life, tracking),
            situation=situation,
        )

    def _sender(
        self, rng: random.Random, situation: Situation, order: PlannedOrder | None
    ) -> dict[str, object]:
        """Return who sends the goods back, and where to."""
        customers = self.catalogue.customers
        customer = customers[order.customer] if order else rng.choice(customers)
        country = customer.website.country
        return {
            "name": f"Receiving desk {rng.randint(1, 40)}",
            "company_name": customer.name,
            "email": f"returns{rng.randint(1, 999)}@{customer.name.split()[0].lower()}.example",
            "phone": None,
            "addr1": f"{rng.randint(1, 300)} Dock Road",
            "addr2": None,
            "addr3": None,
            "city": "Unit town",
            "state": customer.region if country == "US" else None,
            "zip": f"{rng.randint(10_000, 99_999)}",
            "country": country,
            "carrier": CARRIER,
            "verification_entity": "merchant" if situation is Situation.DIRECT_TO_RETAILER else "rebound_hub",
            "final_dest_name": "Main warehouse",
            "final_dest_country": country,
        }

    def _item(self, item: Item, life: Lifecycle, tracking: Sequence[str]) -> ItemRecord:
        fields: dict[str, object] = {
            "id": item.line_id,
            "sku_code": item.sku,
            "sku_desc": item.sku,
            "quantity": _text(item.quantity) if item.quantity_text is None else item.quantity_text,
            "unit_code": item.unit,
            "price": "9.99",
            "tracking": tracking[item.parcel],
            "non_returnable": "0",
            "days_for_return": "30",
            "hs_code": None,
            "weight": "0.50",
            "weight_uom": "kg",
            "reason": [
                {"reason": item.reason, "action": "return", "wish": "refund", "additional": []},
            ],
        }
        optional = ("id", "unit_code")
        return ItemRecord(
            fields={
                name: value for name, value in fields.items() if value is not None or name not in optional
            },
            received=life.received(item.quantity if item.received is None else item.received, item.quantity),
            disposition=life.disposition(item.disposition),
        )

    def _under_former_sku(self, rng: random.Random, order: PlannedOrder) -> list[Item]:
        number = order.lines[0].product
        former = self.catalogue.products[number].former_sku if number is not None else None
        return [replace(item, sku=former or item.sku) for item in _first_line(rng, order)]

    def _part_of_a_box(self, rng: random.Random, order: PlannedOrder) -> list[Item]:
        """Count items where boxes were ordered, and not as many as fill boxes."""
        line = order.lines[0]
        rate = self.catalogue.products[line.product or 0].unit("box").rate
        return [Item(sku=line.sku, quantity=Decimal(rng.randint(1, rate - 1)), unit="item")]


def _text(quantity: Decimal) -> str:
    return format(quantity, "f")


def _occasion(
    return_id: str, situation: Situation, registered_at: datetime, order: PlannedOrder | None
) -> dict[str, object]:
    """Return which order is returned when."""
    dated = situation is not Situation.MISSING_DATE
    return {
        "display_id": f"RB-{return_id}",
        "external_id": None,
        "order_reference": _reference(situation, order, return_id),
        "date_added": registered_at.strftime("%Y-%m-%d %H:%M:%S") if dated else None,
    }


def _reference(situation: Situation, order: PlannedOrder | None, return_id: str) -> str | None:
    if order is None:
        return f"SO9{return_id}"
    if situation in (Situation.BY_PO_NUMBER, Situation.AMBIGUOUS_REFERENCE):
        return order.po_number
    if situation is Situation.BY_EXTERNAL_ID:
        return order.external_id
    if situation is Situation.SLOPPY_REFERENCE:
        return f"  {order.identifier.lower()} "
    return order.identifier


def _units(rng: random.Random, most: Decimal) -> Decimal:
    """Draw whole units of what is left, all of it in one case of four (fractions come back as a whole)."""
    if most != most.to_integral_value() or most <= 1 or rng.random() < 0.25:
        return most
    return Decimal(rng.randint(1, min(int(most), max(2, int(most) // 3))))


def _part(rng: random.Random, order: PlannedOrder) -> list[Item]:
    """Take part of one to three lines that have something left (kits as a whole)."""
    skus = [line.sku for line in order.lines]
    open_lines = [
        number
        for number, line in enumerate(order.lines)
        if order.left[number] > 0 and skus.count(line.sku) == 1
    ]
    chosen = rng.sample(open_lines, min(len(open_lines), rng.choice((1, 1, 2, 3))))
    items = []
    for number in sorted(chosen):
        units = _units(rng, order.left[number])
        order.left[number] -= units
        items.append(Item(sku=order.lines[number].sku, quantity=units))
    return items


def has_something_left(order: PlannedOrder) -> bool:
    """Tell whether an ordinary return can still be made of an order."""
    skus = [line.sku for line in order.lines]
    return any(
        left > 0 and skus.count(line.sku) == 1 for line, left in zip(order.lines, order.left, strict=True)
    )


def _everything(rng: random.Random, order: PlannedOrder) -> list[Item]:
    """Take all of an order; kits as a whole or, as often, in parts."""
    items = []
    for number, line in enumerate(order.lines):
        order.left[number] = ZERO
        if line.parts and rng.random() < 0.5:
            items += [Item(sku=part.sku, quantity=line.quantity * part.quantity) for part in line.parts]
        else:
            items.append(Item(sku=line.sku, quantity=line.quantity))
    return items


def _first_line(rng: random.Random, order: PlannedOrder) -> list[Item]:
    return [Item(sku=order.lines[0].sku, quantity=_units(rng, order.lines[0].quantity))]


def _across_two_lines(rng: random.Random, order: PlannedOrder) -> list[Item]:
    """Take more of a SKU than either of its two lines holds."""
    first, second = order.lines[:2]
    both = first.quantity + second.quantity
    more = Decimal(rng.randint(int(max(first.quantity, second.quantity)) + 1, int(both)))
    return [Item(sku=first.sku, quantity=more)]


def _component(rng: random.Random, order: PlannedOrder) -> list[Item]:
    line = order.lines[0]
    part = rng.choice(line.parts)
    return [Item(sku=part.sku, quantity=_units(rng, line.quantity * part.quantity))]


def _fraction(rng: random.Random, order: PlannedOrder) -> list[Item]:
    line = order.lines[0]
    return [Item(sku=line.sku, quantity=Decimal(rng.randint(25, int(line.quantity * 100))) / 100)]


def _one_box(rng: random.Random, order: PlannedOrder) -> list[Item]:
    return [Item(sku=order.lines[0].sku, quantity=Decimal(rng.randint(1, 2)), unit="box")]


def _too_much(rng: random.Random, order: PlannedOrder) -> list[Item]:
    line = order.lines[0]
    return [Item(sku=line.sku, quantity=line.quantity + rng.randint(1, 5))]


def _as_the_situation_says(rng: random.Random, situation: Situation, items: list[Item]) -> list[Item]:
    """Change the first item, or how the items come, as the situation says."""
    first, *others = items
    match situation:
        case Situation.SEVERAL_PARCELS:
            half = (first.quantity / 2).to_integral_value()
            if 0 < half < first.quantity:
                others.append(replace(first, quantity=half, parcel=1))
                first = replace(first, quantity=first.quantity - half)
            else:
                others = [replace(item, parcel=1) for item in others]
        case Situation.UNKNOWN_SKU:
            first = replace(first, sku=f"NO-{rng.randint(1000, 9999)}")
        case Situation.UNKNOWN_DISPOSITION:
            first = replace(first, disposition="regrade_pending")
        case Situation.UNKNOWN_REASON:
            first = replace(first, reason="changed my mind")
        case Situation.RECEIVED_LESS:
            first = replace(first, received=_less(rng, first.quantity))
        case Situation.RECEIVED_NONE:
            first = replace(first, received=ZERO)
        case Situation.BAD_QUANTITY:
            first = replace(first, quantity_text=rng.choice(("two", "-1", "1,5", "")))
    return [first, *others]


def _less(rng: random.Random, quantity: Decimal) -> Decimal:
    return Decimal(rng.randint(1, int(quantity) - 1)) if quantity >= 2 else ZERO
