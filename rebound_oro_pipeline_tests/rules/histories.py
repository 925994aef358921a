"""Histories of returns that bring back everything of an order: whole, or in any random split, in any order."""

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any

from rebound_oro_pipeline_tests.oracle.documents import Order, key

DAYS = 5


def everything_back(order: Order, random: Random, *, whole: bool = False) -> list[dict[str, Any]]:
    """Return ReBound documents that bring back every unit: in one return, or in random parts over some days.

    A kit comes back as a kit or as its components, never both, because whole kits need all of their components.
    """
    parts = [
        part for sku, units in _units(order, random).items() for part in _parts(sku, units, random, whole)
    ]
    random.shuffle(parts)
    documents: list[dict[str, Any]] = []
    while parts:
        size = len(parts) if whole else min(len(parts), random.randint(1, 5))
        items, parts = parts[:size], parts[size:]
        documents.append(
            {
                "id": f"R{order.id}-{len(documents) + 1}",
                "order_reference": order.identifier,
                "date_added": f"2026-11-{random.randint(1, DAYS):02d}T{random.randint(0, 23):02d}:00:00Z",
                "current_tracking_status": "processed",
                "item": [
                    {
                        "sku_code": sku,
                        "quantity": str(units),
                        "final_disposition": random.choice(("restock", "damaged")),
                        "reason": [{"reason": "unwanted"}],
                    }
                    for sku, units in items
                ],
            }
        )
    return documents


def comes_back_in_one_way(order: Order) -> bool:
    """Tell whether every code of the order stands for kits, or for components, or for plain lines in one unit.

    Else units of one code could be taken from the wrong one of them, and nothing would be left for another.
    """
    kits = {key(line.sku) for line in order.lines if line.components}
    parts = [part for line in order.lines for part in line.components]
    plain = [line for line in order.lines if not line.components]
    units: dict[str | None, set[str | None]] = {}
    for sku, unit in [(part.sku, part.unit) for part in parts] + [(line.sku, line.unit) for line in plain]:
        units.setdefault(key(sku), set()).add(unit)
    skus = (kits, {key(part.sku) for part in parts}, {key(line.sku) for line in plain})
    distinct = sum(map(len, skus)) == len(set().union(*skus))
    return distinct and all(len(each) == 1 for each in units.values())


def _units(order: Order, random: Random) -> Mapping[str, Decimal]:
    units: dict[str, Decimal] = {}
    in_parts = random.random() < 0.5
    for line in order.lines:
        if line.components and in_parts:
            for part in line.components:
                units[part.sku or ""] = units.get(part.sku or "", Decimal(0)) + part.quantity * line.quantity
        else:
            units[line.sku or ""] = units.get(line.sku or "", Decimal(0)) + line.quantity
    return units


def _parts(sku: str, units: Decimal, random: Random, whole: bool) -> list[tuple[str, Decimal]]:
    step = Decimal(1) if units == units.to_integral() else Decimal("0.25")  # no finer than its precision
    left, parts = units, []
    for _ in range(0 if whole else random.randint(0, 3)):
        part = min(left, step * random.randint(0, int(left / step)))
        if part:
            parts.append((sku, part))
            left -= part
    return [*parts, (sku, left)] if left else parts
