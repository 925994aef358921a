"""Random shops: orders that add up (and some that do not), and histories of returns on them, from one integer.

Everything is independent from order to order, so a difference between two ways of deciding can always be shown on
one order and its returns alone (`Shop.only`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import Any

from rebound_oro_pipeline_tests.rules.price import ZERO, Part, Row, Sale, order_document, rounding

CATALOGUE = 40
KNOWN = 32
RATES = tuple(Decimal(rate) for rate in ("0", "0.07", "0.075", "0.08", "0.09", "0.095", "0.19", "0.23"))
ALIASES = (
    ("OLD-001", "SKU-001"),
    ("OLD-002", "SKU-002"),
    ("OLD-003", "SKU-003"),
    ("OLD-003", "SKU-004"),
    ("SKU-005", "SKU-006"),
    ("OLD-007", "SKU-007"),
    ("GONE-1", "SKU-900"),
)
REASONS = ("unwanted", "damaged", "faulty", "wrong_item", "not_as_described", "late", "other")
DISPOSITIONS = ("restock", "refurbish", "damaged", "destroy", "donate", "return_to_vendor")


@dataclass(frozen=True)
class Shop:
    """Documents of one generated shop; `returns_of` tells which returns belong to which order."""

    orders: tuple[dict[str, Any], ...]
    returns: tuple[dict[str, Any], ...]
    products: tuple[dict[str, Any], ...]
    aliases: tuple[tuple[str, str], ...]
    owner: dict[str, str]

    def only(self, order_id: str) -> "Shop":
        """Return the same shop with one order (and the twin that shares its identifier) and its returns alone."""
        group = (order_id, f"{order_id}x")
        return Shop(
            tuple(each for each in self.orders if each["data"]["id"] in group),
            tuple(each for each in self.returns if self.owner[each["id"]] == order_id),
            self.products,
            self.aliases,
            self.owner,
        )


@dataclass(frozen=True)
class Habits:
    """How often what happens in a shop, as fractions; `mild` makes only what can be credited."""

    mild: bool = False
    days: int = 10
    over: float = 0.15

    def rarely(self, random: Random, chance: float) -> bool:
        """Say yes with this chance, never in a mild shop."""
        return not self.mild and random.random() < chance


def sku(number: int) -> str:
    """Return the SKU of a product."""
    return f"SKU-{number:03d}"


def catalogue() -> tuple[dict[str, Any], ...]:
    """Return the products: primary unit item, sets of 6 and boxes of 12, kilograms to three digits."""
    documents = []
    for number in range(1, KNOWN + 1):
        units = [("item", 0, "1"), ("set", 0, "6"), ("box", 0, "12")]
        if number % 5 == 0:
            units = [("kg", 3, "1"), ("g", 0, "0.001")]
        entries = [
            {
                "type": "productunitprecisions",
                "id": f"{number}{place}",
                "attributes": {"precision": precision, "conversionRate": Decimal(rate), "sell": True},
                "relationships": {"unit": {"data": {"type": "productunits", "id": unit}}},
            }
            for place, (unit, precision, rate) in enumerate(units)
        ]
        documents.append(
            {
                "data": {
                    "type": "products",
                    "id": str(number),
                    "attributes": {"sku": sku(number), "status": "enabled", "productType": "simple"},
                    "relationships": {
                        "unitPrecisions": {
                            "data": [{"type": each["type"], "id": each["id"]} for each in entries]
                        }
                    },
                },
                "included": entries,
            }
        )
    return tuple(documents)


def shop(seed: int, orders: int, habits: Habits | None = None) -> Shop:
    """Make a shop of so many orders, each with its returns."""
    random = Random(seed)
    habits = habits or Habits()
    sales: list[dict[str, Any]] = []
    returns: list[dict[str, Any]] = []
    owner: dict[str, str] = {}
    for number in range(1, orders + 1):
        sale = _sale(random, str(number), habits)
        sales.append(order_document(sale))
        reference = _reference(random, sale, habits)
        if habits.rarely(random, 0.02):
            twin = _sale(random, f"{number}x", habits, identifier=sale.identifier)
            sales.append(order_document(twin))
        for each in _returns(random, sale, reference, habits):
            each["id"] = f"R{len(returns) + 1}"
            owner[each["id"]] = sale.id
            returns.append(each)
    random.shuffle(returns)
    return Shop(tuple(sales), tuple(returns), catalogue(), ALIASES, owner)


def _price(random: Random, digits: int) -> Decimal:
    if random.random() < 0.05:
        return ZERO
    fine = random.choice((digits, digits, digits, min(4, digits + 2)))
    return Decimal(random.randint(1, 10 ** random.randint(2, 5))).scaleb(-fine)


def _row(random: Random, digits: int, habits: Habits, like: Row | None = None) -> Row:
    """Make a line; `like` another one it has that one's SKU, and in a mild shop its unit."""
    number = random.randint(1, CATALOGUE) if like is None or like.sku is None else int(like.sku[-3:])
    is_weight = number % 5 == 0
    if is_weight:
        quantity = Decimal(random.randint(1, 20000)).scaleb(-3)
    else:
        quantity = Decimal(random.choice((1, 1, 2, 3, 4, 5, 7, 10, 12, 24, 100, random.randint(1, 500))))
    unit = "kg" if is_weight else random.choice(("item", "item", "item", "set", "box"))
    if habits.mild and like is not None:
        unit = like.unit or unit
    parts: tuple[Part, ...] = ()
    value = _price(random, digits)
    if not is_weight and random.random() < 0.15:
        parts = tuple(_part(random, digits, place) for place in range(random.randint(1, 4)))
        if habits.rarely(random, 0.05):
            parts = (replace(parts[0], sku=None), *parts[1:])
        own = random.choice((ZERO, ZERO, value))
        value = own + sum((part.value * part.quantity for part in parts), ZERO)
        quantity = Decimal(random.randint(1, 9))
    if habits.rarely(random, 0.01):
        quantity, parts = ZERO, ()
    promotion = ZERO
    if random.random() < 0.2:
        # From 44 % on a line's totals may be cut off at 0.
        share = random.choice(("0.05", "0.15", "0.15", "0.5", "1", f"0.{random.randint(44, 99)}"))
        promotion = (quantity * value * Decimal(share)).quantize(Decimal("0.0001"))
    return Row(
        sku=None if habits.rarely(random, 0.01) else sku(number),
        quantity=quantity,
        value=value,
        rate=random.choice(RATES),
        promotion=promotion,
        unit=unit,
        product_id=None if random.random() < 0.1 else str(number),
        free_form=not parts and random.random() < 0.05,
        parts=parts,
    )


def _part(random: Random, digits: int, place: int) -> Part:
    number = random.randint(1, CATALOGUE)
    return Part(
        sku=sku(number),
        quantity=Decimal(random.choice((1, 1, 2, 3, 5))),
        value=random.choice((ZERO, _price(random, digits), _price(random, digits))),
        unit=random.choice(("item", "set")),
        precision=0,
        product_id=str(number),
        sort_order=random.choice((0, 1, place)),
    )


def _sale(random: Random, order_id: str, habits: Habits, identifier: str | None = None) -> Sale:
    currency, digits = random.choice(
        (("USD", 2), ("USD", 2), ("EUR", 2), ("JPY", 2), ("JPY", 0), ("KWD", 3), ("KWD", 2), ("USD", 4))
    )
    rows = [
        _row(random, digits, habits) for _ in range(random.choice((1, 1, 2, 3, 4, 6, random.randint(1, 14))))
    ]
    if len(rows) > 1 and random.random() < 0.3:
        rows[-1] = _row(random, digits, habits, like=rows[0])
    if habits.rarely(random, 0.01):
        rows[-1] = Row(**(vars(rows[-1]) | {"currency": "CHF"}))
    if random.random() < 0.04:
        rows = [Row(**(vars(row) | {"value": ZERO, "promotion": ZERO, "parts": ()})) for row in rows]
    subtotal = sum((rounding(row.quantity * row.value, digits) for row in rows), ZERO)
    version = random.choice(("6.1", "6.1", "6.1", "6.0", "6.0" if habits.mild else "5.1"))
    internal, shipping_status, trackings = _statuses(random, version, habits)
    shipping = random.choice((None, ZERO, _price(random, digits), _price(random, digits)))
    has_row_totals = not habits.rarely(random, 0.04)
    order_promotion = (
        _order_promotion(random, subtotal - sum((row.promotion for row in rows), ZERO))
        if has_row_totals
        else ZERO
    )
    if has_row_totals and random.random() < 0.05:
        # As much off as the tax comes to: the rows alone do not tell whether prices include it.
        rows = [replace(row, rate=Decimal("0.25"), promotion=ZERO) for row in rows]
        order_promotion = subtotal * Decimal("0.2")
    if not has_row_totals:
        rows = [Row(**(vars(row) | {"promotion": ZERO})) for row in rows]
    return Sale(
        id=order_id,
        identifier=identifier or f"O-{order_id}",
        rows=tuple(rows),
        currency=currency,
        digits=digits,
        po_number=random.choice((None, f"PO {order_id}")),
        external_id=random.choice((None, f"ext-{order_id}")),
        includes_tax=random.random() < 0.3,
        after_promotions=random.random() < 0.3,
        from_unit=random.random() < 0.5,
        round_items=random.random() < 0.4,
        order_promotion=order_promotion,
        manual=_manual(
            random, subtotal, subtotal - order_promotion - sum((row.promotion for row in rows), ZERO)
        ),
        shipping=shipping,
        is_overridden=random.random() < 0.5,
        shipping_discount=random.choice((ZERO, ZERO, ZERO, Decimal(10))) if has_row_totals else ZERO,
        shipping_rate=random.choice(RATES),
        shipping_includes_tax=random.random() < 0.3,
        taxed=random.random() < 0.9,
        version=version,
        with_subtotals=random.random() < 0.6,
        with_tax_items=random.random() < 0.6,
        with_row_totals=has_row_totals,
        internal_status=internal,
        shipping_status=shipping_status,
        trackings=trackings,
        customer_id=random.choice((None, "7", "12")),
        total_off_by=Decimal(random.choice((1, -1, 3, 250))).scaleb(-digits)
        if habits.rarely(random, 0.05)
        else ZERO,
        stale_promotion=random.random() < 0.05,
    )


def _order_promotion(random: Random, subtotal: Decimal) -> Decimal:
    if random.random() < 0.7:
        return ZERO
    return subtotal * Decimal(random.choice(("0.25", "0.1", "0.033", "1")))


def _manual(
    random: Random, subtotal: Decimal, left: Decimal
) -> tuple[tuple[Decimal | None, Decimal | None], ...]:
    given: list[tuple[Decimal | None, Decimal | None]] = []
    if random.random() < 0.3:
        given.append((None, max(ZERO, left * Decimal("0.0123")).quantize(Decimal("0.01"))))
    if random.random() < 0.2 and left > subtotal / 10:
        given.append((Decimal("0.0333"), None))
    return tuple(given)


def _statuses(random: Random, version: str, habits: Habits) -> tuple[str | None, str | None, int]:
    """Return internal status, shipping status and number of trackings; mostly shipped."""
    shipped = "open" if version == "6.1" else "shipped"
    if habits.mild:
        return shipped, "shipped", 0
    internal = random.choice(
        [shipped] * 12 + ["open", "closed", "pending", "cancelled", "processing", "archived", None]
    )
    shipping = random.choice(["shipped"] * 12 + ["partially_shipped", "not_shipped", None])
    return internal, shipping, random.choice((0, 1))


def _reference(random: Random, sale: Sale, habits: Habits) -> str | None:
    known = [
        each
        for each in (sale.identifier, sale.po_number, sale.external_id if sale.version != "6.0" else None)
        if each
    ]
    text = random.choice(known[:1] * 4 + known)
    if habits.rarely(random, 0.03):
        return random.choice((None, "", "NOSUCH"))
    return random.choice((text, text, text.lower(), f" {text}\t"))


def _codes(random: Random, sale: Sale, row: Row) -> tuple[str, Decimal, str | None]:
    """Return a code under which something of a row may come back, how many units of it there are, and its unit."""
    back = {meant: alias for alias, meant in ALIASES}
    code, units, unit = row.sku or "", row.quantity, row.unit
    if row.parts and random.random() < 0.6:
        part = random.choice(row.parts)
        code, units, unit = part.sku or "", part.quantity * row.quantity, part.unit
    if code in back and random.random() < 0.5:
        code = back[code]
    return code, units, unit


def _returns(random: Random, sale: Sale, reference: str | None, habits: Habits) -> Sequence[dict[str, Any]]:
    documents = []
    for _ in range(random.choice((1, 1, 2, 3))):
        items = [_item(random, sale, habits) for _ in range(random.choice((1, 1, 2, 3)))]
        if habits.rarely(random, 0.1):
            for place, item in enumerate(items):
                item["id"] = f"L{sale.id}{place}"
            if random.random() < 0.4:
                items.append(_item(random, sale, habits) | {"id": items[0]["id"]})
        status = "processed"
        if habits.rarely(random, 0.15):
            status = random.choice(
                ("created", "in_network", "at_hub", "delivered", "cancelled", "lost", "", " Processed ")
            )
        day, minute = random.randrange(habits.days), random.choice((0, 0, random.randrange(1440)))
        documents.append(
            {
                "order_reference": reference,
                "date_added": f"2026-11-{day + 1:02d}T{minute // 60:02d}:{minute % 60:02d}:00Z",
                "current_tracking_status": status,
                "item": items,
            }
        )
        if habits.rarely(random, 0.01):
            documents[-1]["date_added"] = "yesterday"
    return documents


def _item(random: Random, sale: Sale, habits: Habits) -> dict[str, Any]:
    row = random.choice(sale.rows)
    code, units, unit = _codes(random, sale, row)
    if habits.rarely(random, 0.05):
        code = random.choice(("NOSUCH", sku(1), sku(KNOWN)))
    quantity = _quantity(random, units, unit, habits)
    item: dict[str, Any] = {
        "sku_code": random.choice((code, code, code.lower(), f" {code} ")),
        "quantity": str(quantity),
        "final_disposition": random.choice((*DISPOSITIONS, "restock", "restock", "restock", "RESTOCK")),
        "reason": [{"reason": random.choice(REASONS)}],
    }
    if random.random() < 0.3:
        item["quantity_received"] = random.choice(
            (str(quantity), "", None, str(_quantity(random, units, unit, habits)))
        )
    if habits.rarely(random, 0.03):
        item["final_disposition"] = random.choice((None, "", "lost"))
    if habits.rarely(random, 0.05):
        item["reason"] = random.choice(([], [{"reason": "whatever"}], [{"reason": " Faulty "}]))
    if habits.rarely(random, 0.1):
        code = random.choice(("item", "set", "box", "kg", "g", "pallet", unit))
        item["unit_code"] = random.choice((code, code, code.upper() if code else code))
    if habits.rarely(random, 0.03):
        item["currency"] = random.choice((sale.currency, sale.currency.lower(), "CHF"))
    if habits.rarely(random, 0.02):
        item["quantity"] = random.choice(("many", "-1", "", "0"))
    return item


def _quantity(random: Random, units: Decimal, unit: str | None, habits: Habits) -> Decimal:
    if random.random() < 0.25:
        return units
    if unit == "kg":
        return Decimal(random.randint(1, max(1, int(units * 1000)))).scaleb(-3)
    if habits.rarely(random, 0.02):
        return Decimal("0.5")
    most = int(units) + (random.randint(0, 3) if random.random() < habits.over else 0)
    return Decimal(random.randint(1, max(1, most)))
