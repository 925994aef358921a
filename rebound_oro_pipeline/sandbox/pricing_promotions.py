"""Promotions as OroCommerce applies them: on lines, then on what is left of the subtotal, then on shipping.

How it rounds was found from recorded orders: a line's discount is stored with four decimals but taxed
unrounded; the order's discount has two, and so have its shares of the lines, of which the last takes the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from rebound_oro_pipeline.sandbox.pricing_taxes import ZERO, money


class PromotableLine(Protocol):
    """What a promotion sees of a line."""

    @property
    def unit_code(self) -> str:
        """Unit that the line is ordered in."""

    @property
    def product(self) -> str | None:
        """Product id, None on a free-form line."""

    @property
    def row(self) -> Decimal:
        """Quantity times value, unrounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePromotion:
    """A fraction off every unit of the lines that are ordered in one unit."""

    fraction: Decimal
    unit_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippingPromotion:
    """An amount off shipping, in one currency, for orders above a subtotal that hold a matching product."""

    amount: Decimal
    currency: str
    above: Decimal
    products: Collection[str] | None = None
    """Ids of matching products; None: any product."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotions:
    """The promotions that are active; all of them apply."""

    order: Decimal | None = None
    """Fraction off what line promotions leave of the subtotal."""
    line: LinePromotion | None = None
    shipping: ShippingPromotion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotedOrder:
    """What the promotions take off."""

    line_discounts: Sequence[Decimal]
    """Per line, four decimals, as stored."""
    order_discount: Decimal
    shipping_discount: Decimal
    rows_after: Sequence[Decimal]
    """Per line: its row less its own discount (unrounded) and its share of the order's."""
    order_discount_spread: bool
    """Whether an order discount was spread over the lines."""

    @property
    def discount(self) -> Decimal:
        """All promotions but shipping's."""
        return sum(self.line_discounts, ZERO) + self.order_discount


def promote(
    promotions: Promotions,
    lines: Sequence[PromotableLine],
    *,
    currency: str,
    subtotal: Decimal,
    shipping: Decimal,
) -> PromotedOrder:
    """Apply the promotions to an order."""
    exact = [_line_discount(promotions.line, line) for line in lines]
    stored = [money(discount, 4) for discount in exact]
    rows_after = [line.row - discount for line, discount in zip(lines, exact, strict=True)]
    order_discount = ZERO
    if promotions.order is not None:
        base = subtotal - sum(stored, ZERO)
        order_discount = money(base * promotions.order)
        _spread(order_discount, base, rows_after, [line.product is not None for line in lines])
    return PromotedOrder(
        line_discounts=stored,
        order_discount=order_discount,
        shipping_discount=_shipping_discount(promotions.shipping, lines, currency, subtotal, shipping),
        rows_after=rows_after,
        order_discount_spread=promotions.order is not None,
    )


def _line_discount(promotion: LinePromotion | None, line: PromotableLine) -> Decimal:
    if promotion is None or line.product is None or line.unit_code != promotion.unit_code:
        return ZERO
    return line.row * promotion.fraction


def _spread(discount: Decimal, base: Decimal, rows: list[Decimal], promotable: Sequence[bool]) -> None:
    """Take the discount off the rows in proportion, two decimals each; the last one takes the rest.

    Free-form lines take no share but count in the base, so that the last row takes theirs: as in Oro's sources,
    not recorded.
    """
    numbers = [number for number, allowed in enumerate(promotable) if allowed]
    if not numbers or not base:
        return
    rest = discount
    for number in numbers[:-1]:
        share = money(rows[number] * discount / base)
        rows[number] -= share
        rest -= share
    rows[numbers[-1]] = max(rows[numbers[-1]] - rest, ZERO)


def _shipping_discount(
    promotion: ShippingPromotion | None,
    lines: Sequence[PromotableLine],
    currency: str,
    subtotal: Decimal,
    shipping: Decimal,
) -> Decimal:
    if promotion is None or promotion.currency != currency or subtotal <= promotion.above:
        return ZERO
    ordered = {line.product for line in lines if line.product is not None}
    if not (ordered if promotion.products is None else ordered.intersection(promotion.products)):
        return ZERO
    return min(promotion.amount, shipping)
