"""Small arithmetic on exact decimals."""

from decimal import Decimal


def fraction_digits(number: Decimal) -> int:
    """Return how many digits after the point a finite number needs."""
    written = format(number, "f")
    _, point, fraction = written.partition(".")
    return len(fraction.rstrip("0")) if point else 0
