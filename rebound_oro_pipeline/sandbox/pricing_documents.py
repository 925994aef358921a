"""What OroCommerce shows of a priced order: attributes of the order, its lines, discounts and subtotals.

Money is text with four decimals; computed attributes (`discount`, `shippingDiscount`, `percent`) are JSON
numbers, sums of binary floats as Oro adds them: the only floats here, and on purpose.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Any

from rebound_oro_pipeline.sandbox.pricing import PricedOrder
from rebound_oro_pipeline.sandbox.pricing_taxes import ZERO, LineTaxes, Taxed, TaxShare, money

JsonObject = dict[str, Any]
_FOUR = Decimal("0.0001")


def order_attributes(priced: PricedOrder) -> JsonObject:
    """Return the attributes of `orders` that pricing decides."""
    shipping = priced.order.shipping
    cost = _text(shipping.amount) if shipping else None
    overridden = shipping is not None and shipping.overridden
    amounts = sum((discount.amount or ZERO for discount in priced.order.discounts), ZERO)
    with_discounts = _text(money(priced.subtotal - priced.promoted.discount - amounts))
    return {
        "currency": priced.order.currency,
        "subtotalWithDiscountsValue": with_discounts,
        "subtotalWithDiscounts": with_discounts,
        "subtotalValue": _text(priced.subtotal),
        "totalValue": _text(priced.total),
        "estimatedShippingCostAmount": None if overridden else cost,
        "overriddenShippingCostAmount": cost if overridden else None,
        "totalDiscountsAmount": _text(sum(priced.manual, ZERO)) if priced.manual else None,
        "discount": _promotion_sum(priced),
        "shippingDiscount": json_number(priced.promoted.shipping_discount),
    }


def line_attributes(priced: PricedOrder, number: int) -> JsonObject:
    """Return the attributes of the `orderlineitems` row with this number (from 0) that pricing decides.

    Row totals with and without tax are rounded per unit, hold the order promotion's share where taxes are
    computed after promotions, have the line's own promotion subtracted (a second time, then), never fall below
    0, and are 0 where taxation is off. `rowTotalAfterDiscount` is cut, not rounded, to four decimals.
    """
    line = priced.order.lines[number]
    discount = priced.promoted.line_discounts[number]
    taxed = priced.taxes.lines[number].row.rounded() if priced.taxes else None
    after = max(line.row - discount, ZERO)
    return {
        "quantity": json_number(line.quantity),
        "productUnitCode": line.unit_code,
        "value": _text(line.value),
        "currency": priced.order.currency,
        "rowTotalDiscountAmount": _text(discount),
        "rowTotalAfterDiscountIncludingTax": _text(max(taxed.including - discount, ZERO) if taxed else ZERO),
        "rowTotalAfterDiscountExcludingTax": _text(max(taxed.excluding - discount, ZERO) if taxed else ZERO),
        "rowTotalAfterDiscount": _text(after.quantize(_FOUR, rounding=ROUND_DOWN)),
    }


def discount_attributes(priced: PricedOrder) -> list[JsonObject]:
    """Return the attributes of the order's `orderdiscounts`; the amount of a percentage is shown as 0."""
    attributes = []
    for discount in priced.order.discounts:
        by_amount = discount.fraction is None
        amount = discount.amount or ZERO
        fraction = discount.fraction or (amount / priced.subtotal if priced.subtotal else ZERO)
        attributes.append(
            {
                "description": discount.description,
                "percent": json_number(float(f"{fraction * 100:.14g}") / 100),
                "amount": _text(amount),
                "orderDiscountType": f"oro_order_discount_item_type_{'amount' if by_amount else 'percent'}",
            }
        )
    return attributes


def subtotals(priced: PricedOrder) -> list[JsonObject]:
    """Return the attributes of the order's `ordersubtotals`, in order, as computed when it was placed."""
    currency = priced.order.currency
    promotions = money(priced.promoted.discount)
    rows = [_subtotal("subtotal", "Subtotal", priced.subtotal, currency, visible=True)]
    rows += [
        _subtotal("discount", f"{entered.description} (Discount)", amount, currency, visible=True)
        for entered, amount in zip(priced.order.discounts, priced.manual, strict=True)
    ]
    rows.append(_subtotal("discount", "Discount", promotions, currency, visible=bool(promotions)))
    rows.append(
        _subtotal("shipping_cost", "Shipping", priced.shipping, currency, visible=bool(priced.shipping))
    )
    off = priced.promoted.shipping_discount
    rows.append(_subtotal("discount", "Shipping Discount", off, currency, visible=bool(off)))
    return rows + _tax_subtotals(priced)


def json_number(value: Decimal | float) -> float | int:
    """Return a JSON number as PHP prints it: without a fraction where there is none."""
    number = float(value)
    return int(number) if number.is_integer() else number


def _text(value: Decimal) -> str:
    return format(money(value, 4), "f")


def _plain(value: Decimal) -> str:
    """Return plain notation without trailing zeros."""
    return format(value.normalize() if value else ZERO, "f")


def _promotion_sum(priced: PricedOrder) -> float | int:
    total = 0.0
    for discount in priced.promoted.line_discounts:
        total += float(discount)
    return json_number(total + float(priced.promoted.order_discount))


def _subtotal(kind: str, label: str, amount: Decimal, currency: str | None, *, visible: bool) -> JsonObject:
    signed = -amount if kind == "discount" and amount else amount
    return {
        "orderSubtotalType": kind,
        "label": label,
        "amount": _text(amount),
        "signedAmount": _text(signed),
        "currency": currency,
        "visible": visible,
        "data": [],
    }


def _tax_subtotals(priced: PricedOrder) -> list[JsonObject]:
    """Return `Subtotal Tax`, `Shipping Tax` and `Tax`; only the first carries the lines."""
    taxes = priced.taxes
    if taxes is None:
        return [
            _subtotal("tax", label, ZERO, None, visible=False)
            for label in ("Subtotal Tax", "Shipping Tax", "Tax")
        ]
    currency = priced.order.currency
    total = taxes.total
    data: JsonObject = {}
    if taxes.shipping:
        data["shipping"] = _element(taxes.shipping, currency)
    data["items_total"] = _element(taxes.items, currency)
    data["total"] = _element(total, currency)
    data["taxes"] = [_share(share, currency) for share in taxes.taxes]
    items = _subtotal("tax", "Subtotal Tax", money(taxes.items.tax), currency, visible=False)
    items["data"] = {**data, "items": [_line(line, currency) for line in taxes.lines]}
    on_shipping = money(taxes.shipping.tax) if taxes.shipping else ZERO
    shipping = _subtotal(
        "tax", "Shipping Tax", on_shipping, currency if taxes.shipping else None, visible=False
    )
    shipping["data"] = data
    both = _subtotal("tax", "Tax", money(total.tax), currency, visible=bool(money(total.tax)))
    both["data"] = data
    return [items, shipping, both]


def _element(taxed: Taxed, currency: str, *, discounts_included: bool = False) -> JsonObject:
    rounded = taxed.rounded()
    element: JsonObject = {
        "includingTax": _plain(rounded.including),
        "excludingTax": _plain(rounded.excluding),
        "taxAmount": _plain(rounded.tax),
        "adjustment": _plain(rounded.adjustment),
    }
    if discounts_included:
        element["discountsIncluded"] = "1"
    element["currency"] = currency
    return element


def _share(share: TaxShare, currency: str) -> JsonObject:
    return {
        "tax": share.rule.code,
        "rate": _plain(share.rule.rate),
        "taxableAmount": _plain(money(share.taxable)),
        "taxAmount": _plain(money(share.tax)),
        "currency": currency,
    }


def _line(line: LineTaxes, currency: str) -> JsonObject:
    return {
        "unit": _element(line.unit, currency),
        "row": _element(line.row, currency, discounts_included=line.discounts_included),
        "taxes": [_share(share, currency) for share in line.taxes],
    }
