"""What earlier decisions credited of a return, by the line that stands for it when the return is read again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from rebound_oro_pipeline_tests.oracle.books import Books, Claim
from rebound_oro_pipeline_tests.oracle.documents import Return, ReturnLine, key
from rebound_oro_pipeline_tests.oracle.explain import ZERO
from rebound_oro_pipeline_tests.oracle.match import REFERENCES, Catalogue, References

Goods = tuple[str | None, str | None]
"""A SKU and a unit, as they are compared."""


@dataclass
class Standing:
    """Lines under the keys of their credits, the units credited of each, and what no line stands for, by key."""

    lines: list[ReturnLine]
    credited: list[Decimal]
    gone: list[tuple[str, Decimal]]


def standing(
    books: Books,
    document: Return,
    known: References,
    aliases: Mapping[str, Sequence[str]],
    products: Catalogue,
    *,
    is_withdrawn: bool,
) -> Standing:
    """Give each line what was credited of it, its own claims first and then what was credited of its SKU."""
    claims = [claim for claim in books.claims if claim.return_id == document.id]
    lines = under_their_keys(document, {claim.line_key for claim in claims})
    there = [ZERO if is_withdrawn else line.units for line in lines]
    found = Standing(lines, [ZERO] * len(lines), [])
    left: dict[tuple[str, str, Goods], Decimal] = {}
    converted: set[int] = set()
    for claim in claims:
        index = bearer(lines, claim.line_key)
        own = None if index is None else own_units(claim, lines[index], aliases, products)
        if not is_of_the_order(claim, document, known):
            found.gone += [(claim.line_key, claim.received_units)] if claim.received_units else []
        elif index is None or own is None:
            place = (claim.line_key, claim.order_id, (claim.sku, key(claim.unit)))
            left[place] = left.get(place, ZERO) + claim.received_units
        else:
            found.credited[index] += own
            converted |= {index} if key(claim.unit) != key(lines[index].unit) else set()
    for index in converted:
        # A third of a box has no last digit.
        if abs(found.credited[index] - there[index]) <= Decimal("0.00001"):
            found.credited[index] = there[index]
    _move(found, there, left)
    return found


def _move(found: Standing, there: Sequence[Decimal], left: Mapping[tuple[str, str, Goods], Decimal]) -> None:
    """Let what was credited of a SKU and is not listed where it was count for other lines of it; tell what is over."""
    room: dict[int, Decimal] = {}
    surplus: list[tuple[int | None, str, Goods, Decimal]] = []
    met: set[str] = set()
    for index, line in enumerate(found.lines):
        if line.fault is not None:
            continue
        if found.credited[index] > there[index]:
            surplus.append((index, line.key, goods_of(line), found.credited[index] - there[index]))
        if line.key not in met:
            room[index] = there[index] - found.credited[index]
        met.add(line.key)
    surplus += [
        (None, line_key, goods, units) for (line_key, _, goods), units in sorted(left.items(), key=_place)
    ]
    for source, line_key, goods, units in surplus:
        rest = units
        for index, free in room.items():
            moved = min(rest, free) if goods_of(found.lines[index]) == goods else ZERO
            if moved > 0:
                rest -= moved
                room[index] -= moved
                found.credited[index] += moved
                if source is not None:
                    found.credited[source] -= moved
        if source is None and rest > 0:
            found.gone.append((line_key, rest))


def _place(left: tuple[tuple[str, str, Goods], Decimal]) -> tuple[str, str, str, bool, str]:
    (line_key, order_id, (sku, unit)), _ = left
    return line_key, order_id, sku or "", unit is None, unit or ""


def under_their_keys(document: Return, credited: set[str]) -> list[ReturnLine]:
    """Give lines the key under which they were credited, be it in other letters (one without an id is of the SKU)."""
    named = list(document.lines)
    for line_key in sorted(credited):
        if any(line.key == line_key for line in named) or not line_key.startswith(f"{document.id}:"):
            continue
        for number, line in enumerate(named):
            if line.key.lower() == line_key.lower() and line.key not in credited:
                named[number] = replace(line, key=line_key)
                break
    return named


def bearer(lines: Sequence[ReturnLine], line_key: str) -> int | None:
    """Return the first line with a key that can be read; one that cannot where there is no other."""
    found = [index for index, line in enumerate(lines) if line.key == line_key]
    return min(found, key=lambda index: (lines[index].fault is not None, index), default=None)


def goods_of(line: ReturnLine) -> Goods:
    """Return what a line is of."""
    return key(line.sku), key(line.unit)


def is_of_the_order(claim: Claim, document: Return, known: References) -> bool:
    """Whether the return names the order of a claim: as it did then, or by any reference that the order has."""
    reference = key(document.order_reference)
    if claim.reference == reference:
        return True
    orders = [order for name in REFERENCES for order in known.get((name, reference or ""), ())]
    return reference is not None and any(order.id == claim.order_id for order in orders)


def own_units(
    claim: Claim, line: ReturnLine, aliases: Mapping[str, Sequence[str]], products: Catalogue
) -> Decimal | None:
    """Return the units of a claim in the unit of the line, None where the line is not of the same goods."""
    if line.fault is not None:
        return claim.received_units
    then, now = (
        {code, *(key(each) for each in aliases.get(code or "", ()))} for code in (claim.sku, key(line.sku))
    )
    if not then & now:
        return None
    # Where none is named it is that of the order line.
    if key(claim.unit) == key(line.unit) or key(claim.unit or claim.thing.unit) == key(
        line.unit or claim.thing.unit
    ):
        return claim.received_units
    product = products.product(claim.thing)
    rates = {key(code): rate for code, (_, rate) in product.units.items()} if product else {}
    before, after = (rates.get(key(unit or claim.thing.unit)) for unit in (claim.unit, line.unit))
    return claim.received_units * before / after if before and after else None
