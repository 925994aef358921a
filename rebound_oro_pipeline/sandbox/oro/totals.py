"""What Oro does to an order's total when the order is written through the API after it was placed.

Any such write adds the total up anew under that day's settings, while the stored taxes stay as they were:

    total = subtotal - manual discounts - promotions + shipping - shipping discount + tax on top

with promotions and shipping discount as they are that day. Whether prices include tax then is told by the
shop's terms; the rest by the order's stored pricing, all optional: `discount_today` and
`shipping_discount_today` (text; by default what the order's attributes say) and `promotions_end_at` (text, a
time after which both are zero).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from rebound_oro_pipeline.sandbox.oro.database import JsonObject
from rebound_oro_pipeline.sandbox.oro.wire import to_text
from rebound_oro_pipeline.sandbox.pricing import TaxSettings
from rebound_oro_pipeline.sandbox.pricing_taxes import ZERO, money

_ON_TOP = {"Subtotal Tax": "prices_include_tax", "Shipping Tax": "shipping_includes_tax"}


def add_up_again(
    attributes: JsonObject,
    pricing: Mapping[str, Any],
    discounts: Iterable[Mapping[str, Any]],
    settings: TaxSettings,
    now: datetime,
) -> None:
    """Set `totalValue` and the subtotals with discounts of an order's attributes.

    `discounts` are the attributes of its `orderdiscounts`.
    """
    ended = promotions_ended(pricing, now)

    def today(key: str, attribute: str) -> Decimal:
        return ZERO if ended else money(amount(pricing.get(key, attributes.get(attribute))))

    discount = today("discount_today", "discount")
    shipping_discount = today("shipping_discount_today", "shippingDiscount")
    tax = sum(
        (
            amount(row["amount"])
            for row in pricing.get("subtotals", ())
            if row["label"] in _ON_TOP and not getattr(settings, _ON_TOP[row["label"]])
        ),
        ZERO,
    )
    subtotal = amount(attributes.get("subtotalValue"))
    goods = subtotal - amount(attributes.get("totalDiscountsAmount")) - discount
    total = goods + money(shipping_cost(attributes)) - shipping_discount + tax
    by_amount = sum((amount(entered.get("amount")) for entered in discounts), ZERO)
    attributes["totalValue"] = text(total)
    attributes["subtotalWithDiscounts"] = text(subtotal - discount - by_amount)
    attributes["subtotalWithDiscountsValue"] = attributes["subtotalWithDiscounts"]


def shipping_cost(attributes: Mapping[str, Any]) -> Decimal:
    """Return an order's price of shipping: the one entered by hand wins over the estimate."""
    overridden = attributes.get("overriddenShippingCostAmount")
    return amount(attributes.get("estimatedShippingCostAmount") if overridden is None else overridden)


def subtotal_ids(order_id: str, subtotals: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the ids of an order's subtotals: type and position, so not stable."""
    return [f"{order_id}-{row['orderSubtotalType']}-{number}" for number, row in enumerate(subtotals)]


def promotions_ended(pricing: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether the promotions that the order was placed under are over."""
    end = pricing.get("promotions_end_at")
    return end is not None and str(end) <= to_text(now)


def subtotals_today(pricing: Mapping[str, Any], now: datetime) -> list[JsonObject]:
    """Return an order's subtotals as Oro computes them now: stored taxes, ended promotions as zero."""
    rows = [dict(row) for row in pricing.get("subtotals", ())]
    if promotions_ended(pricing, now):
        for row in rows:
            if row["label"] in {"Discount", "Shipping Discount"}:
                row.update(amount="0.0000", signedAmount="0.0000", visible=False)
    return rows


def amount(value: object) -> Decimal:
    """Read a stored amount (text or number); nothing is zero."""
    return Decimal(str(value)) if value is not None else ZERO


def text(value: Decimal) -> str:
    """Return an amount as Oro prints it: four decimals."""
    return format(money(value, 4), "f")
