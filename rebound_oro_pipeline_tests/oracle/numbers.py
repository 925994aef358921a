"""Exact arithmetic of the oracle: the one rounding rule, and amounts cut along cumulative weights.

Quotients are `Fraction`s, so no digit is ever lost before the one rounding.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

Number = Decimal | Fraction | int


def rounded(value: Number, digits: int) -> Decimal:
    """Round half away from zero to so many digits after the point."""
    scaled = Fraction(value) * 10**digits
    units = (abs(scaled) + Fraction(1, 2)).__floor__()
    return Decimal(units if scaled >= 0 else -units).scaleb(-digits)


def worth(total: Decimal, start: Number, end: Number, whole: Number, digits: int) -> Decimal:
    """Return what the interval [start, end) of `whole` is worth of `total`: round(T·b/N) - round(T·a/N)."""
    return rounded(Fraction(total) * Fraction(end) / Fraction(whole), digits) - rounded(
        Fraction(total) * Fraction(start) / Fraction(whole), digits
    )


def spread(total: Decimal, weights: Sequence[Number], digits: int) -> list[Decimal]:
    """Spread an amount over weights by the same rule; negative weights count 0; equally where all are 0."""
    counted = [max(Fraction(weight), Fraction(0)) for weight in weights]
    if not any(counted):
        counted = [Fraction(1)] * len(counted)
    whole = sum(counted)
    shares, reached = [], Fraction(0)
    for weight in counted:
        shares.append(worth(total, reached, reached + weight, whole, digits))
        reached += weight
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
