"""The worked examples as documents: what OroCommerce and ReBound would answer with.

Every example has its own orders, SKUs and references, so that all of them can be decided together.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from rebound_oro_pipeline_tests.docs.notation import Example, Item, Line, Order, Return

ZERO = Decimal(0)
CENT = Decimal("0.01")
"""OroCommerce rounds rows to two decimals in every currency."""


def own(example: Example, name: str) -> str:
    """Make a name that no other example has; blanks around it stay."""
    return name.replace(name.strip(), f"x{example.number}-{name.strip()}")


def told(example: Example, name: str) -> str:
    """Give the name as the example tells it."""
    return name.removeprefix(f"x{example.number}-")


def order_document(example: Example, order: Order, place: int, created_at: str) -> dict[str, Any]:
    """Write an order, its amounts as the example states them; `days old` makes it older than the moment given."""
    given = order.settings
    order_id = str(example.number * 10 + place)
    rows = [(line.quantity * line.price).quantize(CENT, ROUND_HALF_UP) for line in order.lines]
    included: list[dict[str, Any]] = []
    attributes: dict[str, Any] = {
        "identifier": own(example, order.name),
        "poNumber": own(example, given["po"]) if "po" in given else None,
        "externalId": own(example, given["external id"]) if "external id" in given else None,
        "createdAt": _earlier(created_at, int(given.get("days old", "0"))),
        "currency": given["currency"],
        "subtotalValue": str(sum(rows, ZERO)),
        "totalValue": given["total"],
        "totalDiscountsAmount": given.get("manual discount"),
        "discount": Decimal(given.get("promotions", "0")),
        "shippingDiscount": Decimal(given.get("shipping discount", "0")),
        "estimatedShippingCostAmount": given.get("shipping"),
    }
    if "subtotal with discounts" in given:
        attributes["subtotalWithDiscounts"] = given["subtotal with discounts"]
    relationships: dict[str, Any] = {
        "lineItems": {
            "data": [
                _line(example, given, line, row, f"{order_id}{number}", included)
                for number, (line, row) in enumerate(zip(order.lines, rows, strict=True), start=1)
            ]
        },
        "internalStatus": _one("orderinternalstatuses", given.get("internal status", "open")),
    }
    if given.get("OroCommerce") != "6.0":
        relationships["shippingStatus"] = _one(
            "ordershippingstatuses", given.get("shipping status", "shipped")
        )
    if subtotals := _tax_subtotals(order, rows):
        relationships["orderSubtotals"] = {
            "data": [
                _add(included, "ordersubtotals", f"{order_id}-tax-{number}", subtotal)
                for number, subtotal in enumerate(subtotals)
            ]
        }
    return {
        "data": {"type": "orders", "id": order_id, "attributes": attributes, "relationships": relationships},
        "included": included,
    }


def return_document(
    example: Example, given: Return, orders: list[Order], registered_at: str
) -> dict[str, Any]:
    """Write a return in the shape of the default mapping; everything is a text, as there."""
    reference = orders[0].name if given.reference is None else given.reference
    return {
        "id": own(example, given.name),
        "order_reference": own(example, reference),
        "date_added": registered_at,
        "current_tracking_status": given.settings.get("status", "processed"),
        "currency": given.settings.get("currency"),
        "item": [_item(example, given, item) for item in given.items],
    }


def product_document(example: Example, sku: str, units: Mapping[str, str], place: int) -> dict[str, Any]:
    """Write a product with its units, each `rate`, `rate to N digits`, or `rate to any digits`: none known."""
    product_id = f"{example.number * 10 + place}"
    included: list[dict[str, Any]] = []
    data = []
    for unit, text in units.items():
        rate, _, digits = text.removesuffix(" digits").partition(" to ")
        places = None if digits == "any" else int(digits or 0)
        precision = {"conversionRate": Decimal(rate), "precision": places}
        data.append(_add(included, "productunitprecisions", f"{product_id}-{unit}", precision))
        included[-1]["relationships"] = {"unit": _one("productunits", unit)}
    return {
        "data": {
            "type": "products",
            "id": product_id,
            "attributes": {"sku": own(example, sku)},
            "relationships": {"unitPrecisions": {"data": data}},
        },
        "included": included,
    }


def _tax_subtotals(order: Order, rows: list[Decimal]) -> list[dict[str, Any]]:
    """Write what OroCommerce says of the tax on goods, where a line names a rate, and on shipping."""
    given = order.settings
    by_line = [_rates(line.settings, "rate ", row) for line, row in zip(order.lines, rows, strict=True)]
    on_shipping = _rates(given, "shipping rate ", Decimal(given.get("shipping", "0")))
    said = {}
    if any(by_line):
        taxes = sum((Decimal(line.settings.get("tax", "0")) for line in order.lines), ZERO)
        totals = [
            _with_and_without_tax(given, line, row) for line, row in zip(order.lines, rows, strict=True)
        ]
        items = [
            {"row": {"includingTax": str(including), "excludingTax": str(excluding)}, "taxes": rates}
            for (including, excluding), rates in zip(totals, by_line, strict=True)
        ]
        said["Subtotal Tax"] = (str(taxes), {"items": items})
    if "shipping tax" in given:
        shipping = {"excludingTax": given.get("shipping"), "taxAmount": given["shipping tax"]}
        said["Shipping Tax"] = (given["shipping tax"], {"shipping": shipping, "taxes": on_shipping})
    return [
        {
            "orderSubtotalType": "tax",
            "label": label,
            "amount": amount,
            "currency": given["currency"],
            "data": data,
        }
        for label, (amount, data) in said.items()
    ]


def _with_and_without_tax(given: Mapping[str, str], line: Line, row: Decimal) -> tuple[Decimal, Decimal]:
    charged = row - Decimal(line.settings.get("promotion", "0"))
    tax = Decimal(line.settings.get("tax", "0"))
    return (charged, charged - tax) if "prices include tax" in given else (charged + tax, charged)


def _rates(settings: Mapping[str, str], prefix: str, row: Decimal) -> list[dict[str, str]]:
    return [
        {
            "tax": name.removeprefix(prefix),
            "rate": rate,
            "taxableAmount": str(row),
            "taxAmount": str((row * Decimal(rate)).quantize(CENT, ROUND_HALF_UP)),
        }
        for name, rate in settings.items()
        if name.startswith(prefix)
    ]


def _line(
    example: Example,
    given: Mapping[str, str],
    line: Line,
    row: Decimal,
    line_id: str,
    included: list[dict[str, Any]],
) -> dict[str, str]:
    promotion = Decimal(line.settings.get("promotion", "0"))
    # OroCommerce takes the promotion off once more where it is off what is taxed, and shows nothing below 0.
    off_again = promotion if "taxes after promotions" in given else ZERO
    including, excluding = (max(ZERO, total - off_again) for total in _with_and_without_tax(given, line, row))
    missing = "without row totals" in line.settings
    attributes = {
        "productSku": own(example, line.sku),
        "freeFormProduct": line.sku if "free form" in line.settings else None,
        "quantity": line.quantity,
        "productUnitCode": line.unit,
        "value": str(line.price),
        "currency": line.settings.get("currency", given["currency"]),
        "rowTotalDiscountAmount": str(promotion),
        "rowTotalAfterDiscountIncludingTax": None if missing else str(including),
        "rowTotalAfterDiscountExcludingTax": None if missing else str(excluding),
    }
    entry = _add(included, "orderlineitems", line_id, attributes)
    own_line = included[-1]
    parts = [
        _add(
            included,
            "orderproductkititemlineitems",
            f"{line_id}{number}",
            {
                "productSku": own(example, part.sku),
                "quantity": part.quantity,
                "productUnitCode": part.unit,
                "productUnitPrecision": 0,
                "sortOrder": number,
                "value": str(part.price),
            },
        )
        for number, part in enumerate(line.parts)
    ]
    own_line["relationships"] = {"kitItemLineItems": {"data": parts}}
    return entry


def _item(example: Example, given: Return, item: Item) -> dict[str, Any]:
    both = item.announced is not None
    return {
        "id": own(example, item.id) if item.id else None,
        "sku_code": own(example, item.sku),
        "quantity": str(item.announced if both else item.received),
        "quantity_received": str(item.received) if both else None,
        "unit_code": item.unit,
        "final_disposition": given.settings.get("disposition", "restock"),
        "reason": [{"reason": given.settings.get("reason", "other")}],
    }


def _earlier(moment: str, days: int) -> str:
    return (datetime.fromisoformat(moment) - timedelta(days=days)).isoformat()


def _one(kind: str, identifier: str) -> dict[str, Any]:
    return {"data": None if identifier == "missing" else {"type": kind, "id": identifier}}


def _add(
    included: list[dict[str, Any]], kind: str, identifier: str, attributes: dict[str, Any]
) -> dict[str, str]:
    included.append({"type": kind, "id": identifier, "attributes": attributes})
    return {"type": kind, "id": identifier}
