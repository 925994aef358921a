"""Small arithmetic on exact decimals."""

from decimal import Decimal


def fraction_digits(number: Decimal) -> int:
    """Return how many digits after the point a finite number needs."""
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
