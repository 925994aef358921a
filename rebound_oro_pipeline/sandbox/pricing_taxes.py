"""Taxes as OroCommerce computes them: per line and for shipping, rounded per item or once on the total.

A line's tax starts from its unit price (rounded, then times the quantity) or from its row; prices may include
tax; the part of a cent that rounding drops is kept as `adjustment`. Where the total is rounded once, line taxes
as shown need not sum to the tax that is charged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Literal

ZERO = Decimal(0)
_SCALES = tuple(Decimal(1).scaleb(-places) for places in range(7))
_CALCULATION_SCALE = 6
"""Decimals that Oro keeps where it divides."""


def money(value: Decimal, places: int = 2) -> Decimal:
    """Round half away from zero, by default to two decimals, which Oro uses in every currency."""
    return value.quantize(_SCALES[places], rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class TaxRule:
    """One tax: its code and its rate as a fraction."""

    code: str
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxSettings:
    """The tax settings of the shop (defaults as Oro ships them)."""

    enabled: bool = True
    start_with: Literal["unit", "row"] = "unit"
    round_on: Literal["total", "item"] = "total"
    prices_include_tax: bool = False
    shipping_includes_tax: bool = False
    after_promotions: bool = False


@dataclass(frozen=True, slots=True)
class Taxed:
    """An amount with and without its tax, unrounded unless said otherwise."""

    including: Decimal
    excluding: Decimal
    tax: Decimal
    adjustment: Decimal = ZERO

    def plus(self, other: Taxed) -> Taxed:
        """Add another amount, adjustments included."""
        return Taxed(
            self.including + other.including,
            self.excluding + other.excluding,
            self.tax + other.tax,
            self.adjustment + other.adjustment,
        )

    def times(self, factor: Decimal) -> Taxed:
        """Multiply; the adjustment is left as it is, `adjusted` sets it."""
        return Taxed(self.including * factor, self.excluding * factor, self.tax * factor, self.adjustment)

    def adjusted(self) -> Taxed:
        """Set the adjustment to what rounding drops of the tax."""
        return replace(self, adjustment=self.tax - money(self.tax))

    def rounded(self) -> Taxed:
        """Round the amounts to two decimals; the adjustment stays."""
        return Taxed(money(self.including), money(self.excluding), money(self.tax), self.adjustment)

    def of(self, rule: TaxRule) -> TaxShare:
        """Return it as what one tax takes."""
        return TaxShare(rule, self.excluding, self.tax)


NOTHING = Taxed(ZERO, ZERO, ZERO)


@dataclass(frozen=True, slots=True)
class TaxShare:
    """What one tax takes of an amount, unrounded."""

    rule: TaxRule
    taxable: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxableLine:
    """A line as the tax sees it; components are (value, quantity) per kit."""

    value: Decimal
    quantity: Decimal
    rule: TaxRule | None
    components: Sequence[tuple[Decimal, Decimal]] = ()
    row_after_promotions: Decimal | None = None
    """What promotions leave of the row, where taxes are computed after them."""
    row_is_final: bool = False
    """Whether that row itself is taxed, not a unit price times quantity (an order discount was spread)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxableShipping:
    """Shipping as the tax sees it."""

    amount: Decimal
    rule: TaxRule | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTaxes:
    """Tax of one line: of one unit, of the row, and by rule."""

    unit: Taxed
    row: Taxed
    taxes: Sequence[TaxShare]
    discounts_included: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTaxes:
    """Taxes of an order."""

    lines: Sequence[LineTaxes]
    items: Taxed
    shipping: Taxed | None
    taxes: Sequence[TaxShare]

    @property
    def total(self) -> Taxed:
        """Items and shipping together."""
        return self.items.plus(self.shipping) if self.shipping else self.items

    def charged(self, settings: TaxSettings) -> Decimal:
        """Return the tax that is added to the order's total: none of what prices include already."""
        charged = ZERO
        if not settings.prices_include_tax:
            charged += money(self.items.tax)
        if self.shipping and not settings.shipping_includes_tax:
            charged += money(self.shipping.tax)
        return charged


def tax_order(
    settings: TaxSettings, lines: Iterable[TaxableLine], shipping: TaxableShipping | None
) -> OrderTaxes:
    """Tax every line and shipping, and add them up."""
    taxed = [_tax_line(settings, line) for line in lines]
    items = NOTHING
    shares: dict[str, TaxShare] = {}
    for line in taxed:
        items = items.plus(line.row)
        _merge(shares, line.taxes)
    taxed_shipping = None
    if shipping:
        rate = shipping.rule.rate if shipping.rule else ZERO
        taxed_shipping = _calculate(shipping.amount, rate, included=settings.shipping_includes_tax).adjusted()
    return OrderTaxes(lines=taxed, items=items, shipping=taxed_shipping, taxes=list(shares.values()))


def _calculate(amount: Decimal, rate: Decimal, *, included: bool) -> Taxed:
    if included:
        tax = money(amount * rate / (1 + rate), _CALCULATION_SCALE)
        return Taxed(amount, amount - tax, tax)
    tax = amount * rate
    return Taxed(amount + tax, amount, tax)


def _unit_and_row(
    settings: TaxSettings, price: Decimal, quantity: Decimal, rate: Decimal, row: Decimal | None = None
) -> tuple[Taxed, Taxed]:
    included = settings.prices_include_tax
    if row is not None:
        taxable = money(row)
    elif settings.start_with == "unit":
        taxable = money(price) * quantity
    else:
        taxable = money(price * quantity)
    return (
        _calculate(price, rate, included=included).adjusted(),
        _calculate(taxable, rate, included=included).adjusted(),
    )


def _tax_line(settings: TaxSettings, line: TaxableLine) -> LineTaxes:
    rate = line.rule.rate if line.rule else ZERO
    price = line.value
    if line.row_after_promotions is not None:
        price = money(line.row_after_promotions / line.quantity, _CALCULATION_SCALE)
    if line.components:
        unit, row, share = _tax_kit(settings, line, price, rate)
    else:
        final = line.row_after_promotions if line.row_is_final else None
        unit, row = _unit_and_row(settings, price, line.quantity, rate, final)
        share = row
    return LineTaxes(
        unit=unit,
        row=_settled(settings, row),
        taxes=[_settled(settings, share).of(line.rule)] if line.rule else [],
        discounts_included=settings.after_promotions and not line.components,
    )


def _settled(settings: TaxSettings, taxed: Taxed) -> Taxed:
    return taxed.rounded() if settings.round_on == "item" else taxed


def _tax_kit(
    settings: TaxSettings, line: TaxableLine, price: Decimal, rate: Decimal
) -> tuple[Taxed, Taxed, Taxed]:
    """Tax a kit as its own price (what components leave of it) and its components, each by itself.

    Returns one kit, the row, and the row as its taxes are listed: rounded per part where items are, so that
    the list can be a cent off the row.
    """
    components = line.components
    own = line.value - sum((value * quantity for value, quantity in components), ZERO)
    if line.row_after_promotions is not None and line.value:
        own, components = _discounted_kit(line, price, own)
    unit, row, listed = NOTHING, NOTHING, NOTHING
    if own > 0:
        unit, row = _unit_and_row(settings, own, line.quantity, rate)
        listed = _settled(settings, row)
    for value, quantity in components:
        unit_part, row_part = _unit_and_row(settings, value, quantity, rate)
        unit = unit.plus(unit_part.times(quantity))
        row = row.plus(row_part.times(line.quantity))
        listed = listed.plus(_settled(settings, row_part).times(line.quantity))
    return unit.adjusted(), row.adjusted(), listed


def _discounted_kit(
    line: TaxableLine, price: Decimal, own: Decimal
) -> tuple[Decimal, list[tuple[Decimal, Decimal]]]:
    """Spread a kit's discounted price: by shares cut to six decimals, and the last component takes the rest.

    Not documented; this is the rule that gives the figures of all nine recorded kits that were taxed so.
    """

    def discounted(value: Decimal) -> Decimal:
        share = (value / line.value).quantize(_SCALES[_CALCULATION_SCALE], rounding=ROUND_DOWN)
        return (price * share).quantize(_SCALES[_CALCULATION_SCALE], rounding=ROUND_DOWN)

    rest = price
    own = discounted(own)
    rest -= own
    components = []
    for value, quantity in line.components[:-1]:
        part = (discounted(value * quantity) / quantity).quantize(
            _SCALES[_CALCULATION_SCALE], rounding=ROUND_DOWN
        )
        components.append((part, quantity))
        rest -= part * quantity
    last = line.components[-1][1]
    components.append((money(rest / last, _CALCULATION_SCALE), last))
    return own, components


def _merge(shares: dict[str, TaxShare], more: Iterable[TaxShare]) -> None:
    for share in more:
        known = shares.get(share.rule.code)
        shares[share.rule.code] = (
            TaxShare(share.rule, known.taxable + share.taxable, known.tax + share.tax) if known else share
        )
