"""Orders priced as OroCommerce prices them: from lines and shop settings to every figure that is stored.

All arithmetic is exact (`Decimal`), rounded half away from zero to two decimals in every currency:

    total = subtotal - manual discounts - promotions + shipping - shipping discount + tax charged on top

The settings are the shop's own, none of them is visible through the API; what the API shows of the result is
in `pricing_documents`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from rebound_oro_pipeline.sandbox.pricing_promotions import LinePromotion, PromotedOrder, Promotions, promote
from rebound_oro_pipeline.sandbox.pricing_taxes import (
    ZERO,
    OrderTaxes,
    TaxableLine,
    TaxableShipping,
    TaxRule,
    TaxSettings,
    money,
    tax_order,
)

__all__ = [
    "Component",
    "LinePromotion",
    "ManualDiscount",
    "OrderInput",
    "OrderLine",
    "PricedOrder",
    "Promotions",
    "ShippingCost",
    "ShopSettings",
    "TaxRule",
    "TaxSettings",
    "price_order",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopSettings:
    """What the shop is set to when an order is placed."""

    taxes: TaxSettings = field(default_factory=TaxSettings)
    promotions: Promotions = field(default_factory=Promotions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A component of a kit line; value and quantity are those of one kit."""

    value: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """A line as it is ordered; `value` is the price of one unit (of a kit: with its components)."""

    value: Decimal
    quantity: Decimal
    unit_code: str
    product: str | None
    """None: a free-form line, which no promotion touches."""
    tax: TaxRule | None = None
    components: Sequence[Component] = ()

    @property
    def row(self) -> Decimal:
        """Quantity times value, unrounded."""
        return self.quantity * self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualDiscount:
    """A discount that someone entered on the order: either an amount or a fraction of the subtotal."""

    description: str
    amount: Decimal | None = None
    fraction: Decimal | None = None

    def of(self, subtotal: Decimal) -> Decimal:
        """Return what it takes off an order of this subtotal."""
        return money(subtotal * self.fraction) if self.fraction is not None else self.amount or ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippingCost:
    """The price of shipping and the tax on it; `overridden`: entered by hand instead of estimated."""

    amount: Decimal
    tax: TaxRule | None = None
    overridden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderInput:
    """An order before it is priced."""

    currency: str
    lines: Sequence[OrderLine]
    shipping: ShippingCost | None = None
    discounts: Sequence[ManualDiscount] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedOrder:
    """Every figure of an order; `taxes` is None where taxation is off."""

    order: OrderInput
    settings: ShopSettings
    rows: Sequence[Decimal]
    """Per line: quantity times value, two decimals."""
    subtotal: Decimal
    manual: Sequence[Decimal]
    """Per manual discount, two decimals."""
    promoted: PromotedOrder
    taxes: OrderTaxes | None
    total: Decimal

    @property
    def shipping(self) -> Decimal:
        """What shipping costs before its discount, two decimals."""
        return money(self.order.shipping.amount) if self.order.shipping else ZERO


def price_order(order: OrderInput, settings: ShopSettings) -> PricedOrder:
    """Price an order under the settings of the shop."""
    rows = [money(line.row) for line in order.lines]
    subtotal = sum(rows, ZERO)
    manual = [discount.of(subtotal) for discount in order.discounts]
    shipping = order.shipping.amount if order.shipping else ZERO
    promoted = promote(
        settings.promotions,
        order.lines,
        currency=order.currency,
        subtotal=subtotal,
        shipping=shipping,
    )
    taxes = _taxes(order, settings.taxes, promoted) if settings.taxes.enabled else None
    total = (
        subtotal
        - sum(manual, ZERO)
        - money(promoted.discount)
        + money(shipping)
        - promoted.shipping_discount
        + (taxes.charged(settings.taxes) if taxes else ZERO)
    )
    return PricedOrder(
        order=order,
        settings=settings,
        rows=rows,
        subtotal=subtotal,
        manual=manual,
        promoted=promoted,
        taxes=taxes,
        total=total,
    )


def _taxes(order: OrderInput, settings: TaxSettings, promoted: PromotedOrder) -> OrderTaxes:
    """Tax the order: with taxes after promotions, lines and shipping at what is left of them."""
    lines = []
    for number, line in enumerate(order.lines):
        after = settings.after_promotions and line.product is not None
        lines.append(
            TaxableLine(
                value=line.value,
                quantity=line.quantity,
                rule=line.tax,
                components=[(component.value, component.quantity) for component in line.components],
                row_after_promotions=promoted.rows_after[number] if after else None,
                row_is_final=after and promoted.order_discount_spread,
            )
        )
    shipping = None
    if order.shipping and order.shipping.amount > 0:
        discount = promoted.shipping_discount if settings.after_promotions else ZERO
        shipping = TaxableShipping(amount=order.shipping.amount - discount, rule=order.shipping.tax)
    return tax_order(settings, lines, shipping)
