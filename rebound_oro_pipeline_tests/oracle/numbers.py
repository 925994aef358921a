"""Exact arithmetic of the oracle: the one rounding rule, and amounts cut along cumulative weights.

Quotients are kept as whole numbers, so no digit is ever lost before the one rounding.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

Number = Decimal | Fraction | int


def rounded(value: Number, digits: int) -> Decimal:
    """Round half away from zero to so many digits after the point."""
    return _rounded_quotient(*value.as_integer_ratio(), digits)


def _rounded_quotient(numerator: int, denominator: int, digits: int) -> Decimal:
    """Round numerator/denominator (positive) half away from zero, in whole numbers."""
    units = (2 * abs(numerator) * 10**digits + denominator) // (2 * denominator)
    return Decimal(units if numerator >= 0 else -units).scaleb(-digits)


def worth(total: Decimal, start: Number, end: Number, whole: Number, digits: int) -> Decimal:
    """Return what the interval [start, end) of `whole` is worth of `total`: round(T·b/N) - round(T·a/N)."""
    return share(total, end, whole, digits) - share(total, start, whole, digits)


def share(total: Decimal, part: Number, whole: Number, digits: int) -> Decimal:
    """Return round(T·part/whole)."""
    (total_above, total_below), (part_above, part_below) = total.as_integer_ratio(), part.as_integer_ratio()
    whole_above, whole_below = whole.as_integer_ratio()
    sign = 1 if whole_above > 0 else -1
    return _rounded_quotient(
        sign * total_above * part_above * whole_below,
        sign * total_below * part_below * whole_above,
        digits,
    )


def spread(total: Decimal, weights: Sequence[Number], digits: int) -> list[Decimal]:
    """Spread an amount over weights by the same rule; negative weights count 0; equally where all are 0."""
    counted = [max(Fraction(weight), Fraction(0)) for weight in weights]
    if not any(counted):
        counted = [Fraction(1)] * len(counted)
    whole = sum(counted, Fraction(0))
    shares, reached, taken = [], Fraction(0), Decimal(0)
    for weight in counted:
        reached += weight
        upto = share(total, reached, whole, digits)
        shares.append(upto - taken)
        taken = upto
    return shares


def places(value: Decimal | None) -> int:
    """Return how many digits after the point a value really uses (15.7000 uses one)."""
    if value is None:
        return 0
    exponent = value.normalize().as_tuple().exponent
    return max(0, -int(exponent))


def by_id(identifier: str) -> tuple[int, str]:
    """Order ids as numbers would be: the shorter first, then as text."""
    return len(identifier), identifier
