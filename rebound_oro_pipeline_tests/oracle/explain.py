"""How an order's total comes about: rows, discounts, shipping and the tax that was charged on top.

Written from the prose of the rules (explain, then cut), one order at a time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from rebound_oro_pipeline_tests.oracle.documents import Line, Order
from rebound_oro_pipeline_tests.oracle.numbers import Number, by_id, places, rounded, spread

ZERO = Decimal(0)


@dataclass(frozen=True)
class Item:
    """What can come back of an order: a plain line, or a component of a kit line, with all of its amounts."""

    id: str
    line_id: str
    line_sku: str | None
    component_id: str | None
    sort_order: int
    sku: str | None
    product_id: str | None
    free_form: bool
    unit: str | None
    precision: int | None
    quantity: Decimal
    per_kit: Decimal | None
    net: Decimal
    discount: Decimal
    tax: Decimal


@dataclass(frozen=True)
class KeptLine:
    """A line as it was explained; its items are itself or its components."""

    id: str
    sku: str | None
    product_id: str | None
    free_form: bool
    unit: str | None
    quantity: Decimal
    net: Decimal
    discount: Decimal
    tax: Decimal
    items: tuple[Item, ...]
    is_kit: bool


@dataclass(frozen=True)
class Explained:
    """An order whose amounts hang together: net + tax + shipping + shipping tax = total."""

    order: Order
    digits: int
    reading: int
    includes_tax: bool
    lines: tuple[KeptLine, ...]
    shipping: Decimal
    shipping_tax: Decimal

    @property
    def net(self) -> Decimal:
        """The goods after all discounts, without tax."""
        return sum((line.net for line in self.lines), ZERO)

    @property
    def tax(self) -> Decimal:
        """The goods' tax."""
        return sum((line.tax for line in self.lines), ZERO)


@dataclass(frozen=True)
class Attempt:
    """One reading of the order at one number of digits, before it is judged."""

    order: Order
    digits: int
    reading: int
    lines: tuple[Line, ...]
    rows: tuple[Decimal, ...]
    line_promotions: tuple[Decimal, ...]
    promotions: Decimal
    shipping_price: Decimal
    shipping_discount: Decimal
    charged: Decimal
    includes_tax: bool
    line_taxes: tuple[Decimal, ...]
    tax_weights: tuple[Number, ...]

    @property
    def tolerance(self) -> Decimal:
        """Half a unit of the last digit per line and two more."""
        return Decimal("0.5").scaleb(-self.digits) * (len(self.lines) + 2)

    @property
    def order_level(self) -> Decimal:
        """Discounts of the order as a whole: manual ones, and promotions that are not on a line."""
        manual = rounded(self.order.manual or ZERO, self.digits)
        return manual + self.promotions - sum(self.line_promotions, ZERO)

    @property
    def rest(self) -> Decimal:
        """What was charged beyond the tax that the lines tell."""
        on_top = ZERO if self.includes_tax else rounded(sum(self.line_taxes, ZERO), self.digits)
        return self.charged - on_top

    @property
    def quiet(self) -> tuple[Line, ...]:
        """The lines of worth that do not tell their tax, unless the order has no row totals at all."""
        quiet = tuple(line for line in self.lines if line.tax is None)
        return () if self.tells_nothing and not all(line.promotion for line in quiet) else quiet

    @property
    def tells_nothing(self) -> bool:
        """Tell whether no line of worth shows a total or has its tax told."""
        return all(line.tax is None and not line.including_tax for line in self.lines if line.worth > 0)

    @property
    def hides_tax(self) -> bool:
        """Tell whether more than odd cents of what lines are worth may have a tax that nothing tells."""
        on_lines = sum(self.line_promotions, ZERO)
        if self.includes_tax or abs(self.promotions - on_lines) > self.tolerance:
            hidden = sum((line.worth for line in self.quiet), Fraction(0))
        else:
            hidden = sum((_cut_off(line) for line in self.quiet), Fraction(0))
        left = Fraction(self.order.subtotal - self.promotions)
        return hidden * left > Fraction(self.tolerance * (self.order.subtotal - on_lines))

    @property
    def discount_weights(self) -> list[Decimal]:
        """The value over which order-level amounts are spread; where nothing has any, the lines that have units."""
        values = [
            row - promotion - (tax if self.includes_tax else ZERO)
            for row, promotion, tax in zip(self.rows, self.line_promotions, self.line_taxes, strict=True)
        ]
        has_units = [Decimal(line.quantity > 0) for line in self.lines]
        return values if any(value > 0 for value in values) else has_units


def _cut_off(line: Line) -> Fraction:
    """Return by how much the total without tax may have been cut off at 0, where prices do not include tax."""
    if not line.including_tax:
        return line.worth
    return max(Fraction(line.promotion or 0) - line.worth, Fraction(0))


def attempts(order: Order, currency_digits: int | None) -> Iterator[list[Attempt]]:
    """Yield the attempts whose rows add up to the subtotal, those of one number of digits and one reading together.

    By digits, then by reading of the promotions; what nobody asks for is not worked out.
    """
    lines = tuple(sorted(order.lines, key=lambda line: by_id(line.id)))
    own = (
        [currency_digits] if currency_digits is not None and _stored_places(order) <= currency_digits else []
    )
    tried: list[int] = []
    for digits in [*own, 2, 3, 4]:
        if digits in tried:
            continue
        tried.append(digits)
        rows = tuple(rounded(Fraction(line.quantity) * Fraction(line.value), digits) for line in lines)
        if not lines or sum(rows, ZERO) != order.subtotal:
            continue
        if max(places(order.total), places(order.manual)) > digits:
            continue
        first = rounded(order.discount or ZERO, digits)
        yield _attempts(order, digits, 1, lines, rows, first)
        if order.with_discounts is not None:
            second = rounded(order.subtotal - order.with_discounts - order.discount_amounts, digits)
            yield _attempts(order, digits, 2, lines, rows, second)


def _stored_places(order: Order) -> int:
    """Digits that the stored amounts use; unit prices and the raw promotions may have more."""
    shipping = (
        order.overridden_shipping if order.overridden_shipping is not None else order.estimated_shipping
    )
    amounts = [order.subtotal, order.total, order.manual, shipping]
    for line in order.lines:
        amounts += [line.promotion, line.including_tax, line.excluding_tax]
    return max(places(amount) for amount in amounts)


def _attempts(
    order: Order,
    digits: int,
    reading: int,
    lines: tuple[Line, ...],
    rows: tuple[Decimal, ...],
    promotions: Decimal,
) -> list[Attempt]:
    """Return the attempt at which the rows are nearer to the goods' value, and the other where it is near enough."""
    line_promotions = tuple(rounded(line.promotion or ZERO, digits) for line in lines)
    shipping_price = order.overridden_shipping
    if shipping_price is None:
        shipping_price = order.estimated_shipping or ZERO
    shipping_price = rounded(shipping_price, digits)
    shipping_discount = rounded(order.shipping_discount or ZERO, digits)
    manual = rounded(order.manual or ZERO, digits)
    charged = order.total - (order.subtotal - manual - promotions + shipping_price - shipping_discount)
    including = sum((line.including_tax or ZERO for line in lines), ZERO)
    excluding = sum((line.excluding_tax or ZERO for line in lines), ZERO)
    goods = _worth_of_what_shows(order, lines, sum(line_promotions, ZERO), promotions)
    off_including = min(abs(Fraction(including) - value) for value in goods)
    off_excluding = min(abs(Fraction(excluding) - value) for value in goods)
    line_taxes = tuple(line.shown_tax if line.tax is None else line.tax for line in lines)
    nearer = Attempt(
        order,
        digits,
        reading,
        lines,
        rows,
        line_promotions,
        promotions,
        shipping_price,
        shipping_discount,
        charged,
        off_including < off_excluding,
        line_taxes,
        line_taxes,
    )
    tax = abs(rounded(sum(line_taxes, ZERO), digits))
    if max(off_including, off_excluding) <= nearer.tolerance < tax:
        return [nearer, replace(nearer, includes_tax=not nearer.includes_tax)]
    return [nearer]


def _worth_of_what_shows(
    order: Order, lines: Sequence[Line], on_lines: Decimal, promotions: Decimal
) -> list[Fraction]:
    """Return what the rows that have totals are worth: less line promotions, all promotions, line promotions twice."""
    cut_rows, cut_off = _rows_and_promotions(
        line for line in lines if line.including_tax and not line.excluding_tax
    )
    # As the subtotal and the promotions are rounded, so is what is seen of them.
    unseen_rows, unseen_off = _rows_and_promotions(line for line in lines if not line.including_tax)
    seen = Fraction(order.subtotal) - unseen_rows
    seen_off = Fraction(on_lines) - unseen_off
    if not order.subtotal:
        return [seen - seen_off]
    of_order = Fraction(promotions - on_lines) / Fraction(order.subtotal)
    twice = seen * (1 - of_order) - 2 * seen_off
    # Oro shows nothing below 0.
    return [
        seen - seen_off,
        seen * (1 - of_order) - seen_off,
        twice - min(cut_rows * (1 - of_order) - 2 * cut_off, Fraction(0)),
    ]


def _rows_and_promotions(lines: Iterable[Line]) -> tuple[Fraction, Fraction]:
    """Return what rows cost, and what promotions of their own are off, unrounded."""
    some = list(lines)
    rows = sum((Fraction(line.quantity) * Fraction(line.value) for line in some), Fraction(0))
    return rows, sum((Fraction(line.promotion or 0) for line in some), Fraction(0))


def shipping_tax_of(attempt: Attempt, max_rate: Decimal) -> tuple[Decimal, Decimal, bool] | None:
    """Split what was charged beyond the goods' tax: (odd cents, shipping's tax, is it inside), or None."""
    rest = attempt.rest
    if attempt.order.shipping_tax is not None:
        tax = rounded(attempt.order.shipping_tax, attempt.digits)
        if abs(rest - tax) <= abs(rest):
            return (rest - tax, tax, False) if abs(rest - tax) <= attempt.tolerance else None
        return (rest, tax, True) if abs(rest) <= attempt.tolerance else None
    if abs(rest) <= attempt.tolerance:
        return rest, ZERO, False
    if 0 < rest <= max_rate * attempt.shipping_price + attempt.tolerance:
        return ZERO, rest, False
    return None


def tells_enough(attempt: Attempt, shipping_tax: Decimal) -> bool:
    """Tell whether no line's tax may be hidden: inside its price, or in what would be taken for shipping's."""
    if not attempt.hides_tax:
        return True
    is_guessed = attempt.order.shipping_tax is None and shipping_tax != 0
    return not attempt.includes_tax and not is_guessed


def hidden_tax_of(attempt: Attempt, max_rate: Decimal) -> tuple[Attempt, Decimal, Decimal, bool] | None:
    """Spread by value what the lines do not tell: (attempt, odd cents, shipping's tax, is it inside), or None."""
    if not attempt.hides_tax:
        return None
    found = shipping_tax_of(attempt, max_rate)
    if attempt.includes_tax:
        if found is None:
            return None
        odd, shipping_tax, inside = found
        return _spread_by_value(attempt, None), odd, shipping_tax, inside
    if attempt.rest <= attempt.tolerance:
        return None
    shipping_tax = _own_shipping_tax(attempt)
    inside = attempt.rest < shipping_tax
    goods_tax = attempt.charged - (ZERO if inside else shipping_tax)
    spread_out = _spread_by_value(attempt, goods_tax)
    return spread_out, goods_tax - _included_tax(spread_out), shipping_tax, inside


def _spread_by_value(attempt: Attempt, goods_tax: Decimal | None) -> Attempt:
    """Give the quiet lines what is left of the goods' tax; where it is not told, by value as the others have it."""
    lines, digits = attempt.lines, attempt.digits
    if attempt.tells_nothing:
        return replace(attempt, line_taxes=(ZERO,) * len(lines), tax_weights=())
    quiet = {line.id: line.worth for line in attempt.quiet}
    value = sum(quiet.values(), Fraction(0))
    shown = sum((line.shown_tax for line in attempt.quiet), ZERO)
    told = rounded(sum(attempt.line_taxes, ZERO), digits) - rounded(shown, digits)
    if goods_tax is not None:
        left = goods_tax - told
    else:
        others = Fraction(attempt.order.subtotal - sum(attempt.line_promotions, ZERO)) - value
        left = rounded(
            max(Fraction(told) * value / others if others else Fraction(0), Fraction(shown)), digits
        )
    weights = tuple(
        Fraction(left) * quiet[line.id] if line.id in quiet else Fraction(line.tax or ZERO) * value
        for line in lines
    )
    taxes = tuple(spread(told + left, weights, digits))
    return replace(attempt, line_taxes=taxes, tax_weights=weights)


def rows_tell_no_tax(attempt: Attempt) -> bool:
    """Tell whether there are rows of worth and all lack their totals while more than shipping's tax was charged."""
    of_worth = [
        line
        for line, weight in zip(attempt.lines, _values_after_discounts(attempt), strict=True)
        if weight > 0
    ]
    if not of_worth or any(line.including_tax or line.tax is not None for line in of_worth):
        return False
    return attempt.charged - _own_shipping_tax(attempt) > attempt.tolerance


def _values_after_discounts(attempt: Attempt) -> list[Decimal]:
    shares = spread(attempt.order_level, attempt.discount_weights, attempt.digits)
    return [
        row - promotion - share
        for row, promotion, share in zip(attempt.rows, attempt.line_promotions, shares, strict=True)
    ]


def _own_shipping_tax(attempt: Attempt) -> Decimal:
    return rounded(attempt.order.shipping_tax or ZERO, attempt.digits)


def explain(
    order: Order, currency_digits: int | None, max_rate: Decimal, without_rows: str
) -> Explained | str:
    """Explain an order, or return the reason why it cannot be: tax_unresolvable or order_does_not_add_up."""
    tried: list[Attempt] = []
    for alike in attempts(order, currency_digits):
        tried += alike
        told = [
            (attempt, found)
            for attempt in alike
            if (found := shipping_tax_of(attempt, max_rate)) is not None and tells_enough(attempt, found[1])
        ]
        # Better without a tax of shipping that nobody told of.
        told.sort(key=lambda pair: order.shipping_tax is None and pair[1][1] != 0)
        if told:
            attempt, (odd, shipping_tax, inside) = told[0]
            return _of_worth(attempt, _explained(attempt, odd, shipping_tax, inside=inside))
    for attempt in tried:
        hidden = hidden_tax_of(attempt, max_rate)
        if hidden is None and rows_tell_no_tax(attempt):
            shipping_tax = _own_shipping_tax(attempt)
            hidden = attempt, attempt.charged - shipping_tax, shipping_tax, False
        if hidden is not None:
            if without_rows != "by_value":
                return "tax_unresolvable"
            estimated, odd, shipping_tax, inside = hidden
            return _of_worth(estimated, _explained(estimated, odd, shipping_tax, inside=inside))
    return "order_does_not_add_up"


def _of_worth(attempt: Attempt, explained: Explained) -> Explained | str:
    """Refuse an order whose discounts make a line worth less than nothing, beyond odd cents."""
    if any(line.net + line.tax < -attempt.tolerance for line in explained.lines):
        return "order_does_not_add_up"
    return explained


def _explained(attempt: Attempt, odd: Decimal, shipping_tax: Decimal, *, inside: bool) -> Explained:
    digits = attempt.digits
    included_tax = _included_tax(attempt)
    tax_weights = attempt.tax_weights if any(attempt.tax_weights) else tuple(attempt.discount_weights)
    taxes = spread(included_tax + odd, tax_weights, digits)
    inside_rows = spread(included_tax, tax_weights, digits) if attempt.includes_tax else [ZERO] * len(taxes)
    shares = spread(attempt.order_level, attempt.discount_weights, digits)
    lines = []
    for number, line in enumerate(attempt.lines):
        discount = attempt.line_promotions[number] + shares[number]
        net = attempt.rows[number] - discount - inside_rows[number]
        lines.append(_kept_line(line, net, discount, taxes[number], digits))
    shipping = attempt.shipping_price - attempt.shipping_discount - (shipping_tax if inside else ZERO)
    explained = Explained(
        attempt.order, digits, attempt.reading, attempt.includes_tax, tuple(lines), shipping, shipping_tax
    )
    parts = explained.net + explained.tax + explained.shipping + explained.shipping_tax
    if parts != attempt.order.total:
        raise AssertionError(
            f"order {attempt.order.id}: parts {parts} are not the total {attempt.order.total}"
        )
    return explained


def _included_tax(attempt: Attempt) -> Decimal:
    return rounded(sum(attempt.line_taxes, ZERO), attempt.digits)


def _kept_line(line: Line, net: Decimal, discount: Decimal, tax: Decimal, digits: int) -> KeptLine:
    whole = Item(
        line.id, line.id, line.sku, None, 0, line.sku, line.product_id, line.free_form, line.unit, None,
        line.quantity, None, net, discount, tax,
    )  # fmt: skip
    components = sorted(line.components, key=lambda part: (part.sort_order, by_id(part.id)))
    if not any(part.quantity > 0 for part in components):
        components = []
        items: list[Item] = [whole]
    else:
        weights = [part.value * part.quantity for part in components]
        if not any(weights):
            weights = [part.quantity for part in components]
        nets, discounts, taxes = (spread(amount, weights, digits) for amount in (net, discount, tax))
        items = [
            replace(
                whole,
                id=f"{line.id}/{part.id}",
                component_id=part.id,
                sort_order=part.sort_order,
                sku=part.sku,
                product_id=part.product_id,
                free_form=False,
                unit=part.unit,
                precision=part.precision,
                quantity=line.quantity * part.quantity,
                per_kit=part.quantity,
                net=nets[number],
                discount=discounts[number],
                tax=taxes[number],
            )
            for number, part in enumerate(components)
        ]
    return KeptLine(
        line.id, line.sku, line.product_id, line.free_form, line.unit, line.quantity, net, discount, tax,
        tuple(items), bool(components),
    )  # fmt: skip
