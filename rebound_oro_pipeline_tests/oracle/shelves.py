"""Credited units that lie on the wrong shelf, because ReBound says otherwise since what became of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from rebound_oro_pipeline_tests.oracle.books import Books, Claim
from rebound_oro_pipeline_tests.oracle.documents import Return, key
from rebound_oro_pipeline_tests.oracle.explain import ZERO, Item
from rebound_oro_pipeline_tests.oracle.match import Catalogue, References
from rebound_oro_pipeline_tests.oracle.standing import (
    Goods,
    bearer,
    goods_of,
    is_of_the_order,
    own_units,
    standing,
    under_their_keys,
)


def on_the_wrong_shelf(
    books: Books,
    document: Return,
    known: References,
    aliases: Mapping[str, Sequence[str]],
    products: Catalogue,
    *,
    is_withdrawn: bool,
    saleable: Sequence[str],
) -> tuple[Decimal, Decimal]:
    """Return the units of a return that are to be taken off the shelf and put on it, in the units of its lines.

    Of goods of which there is less for the one shelf than was credited, and more for the other, units have moved.
    """
    claims = [
        claim
        for claim in books.claims
        if claim.return_id == document.id and is_of_the_order(claim, document, known) and not _is_free(claim)
    ]
    lines = under_their_keys(document, {claim.line_key for claim in claims})
    claims = [
        claim for claim in claims if not _is_of_unreadable(claim, bearer(lines, claim.line_key), document)
    ]
    there = standing(
        replace(books, claims=claims), document, known, aliases, products, is_withdrawn=is_withdrawn
    )
    more: dict[tuple[Goods, bool], Decimal] = {}
    for line, units in zip(there.lines, there.credited, strict=True):
        if line.fault is None and not is_withdrawn:
            shelf = goods_of(line), key(line.disposition) in saleable
            more[shelf] = more.get(shelf, ZERO) + min(units, line.units)
    for claim in claims:
        place = bearer(lines, claim.line_key)
        own = None if place is None else own_units(claim, lines[place], aliases, products)
        goods = (claim.sku, key(claim.unit)) if place is None or own is None else goods_of(lines[place])
        shelf = goods, key(claim.disposition) in saleable
        more[shelf] = more.get(shelf, ZERO) - (claim.received_units if own is None else own)
    off = on = ZERO
    for goods in {goods for goods, _ in more}:
        on_shelf, off_shelf = more.get((goods, True), ZERO), more.get((goods, False), ZERO)
        off += max(min(-on_shelf, off_shelf), ZERO)
        on += max(min(on_shelf, -off_shelf), ZERO)
    return off, on


def _is_free(claim: Claim) -> bool:
    return isinstance(claim.thing, Item) and claim.thing.free_form


def _is_of_unreadable(claim: Claim, place: int | None, document: Return) -> bool:
    return place is not None and document.lines[place].fault is not None
