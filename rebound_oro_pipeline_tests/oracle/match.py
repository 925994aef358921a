"""Finding the order and the order lines of a return line."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from rebound_oro_pipeline_tests.oracle.documents import Order, Product, key
from rebound_oro_pipeline_tests.oracle.explain import Explained, Item, KeptLine
from rebound_oro_pipeline_tests.oracle.numbers import by_id

REFERENCES = {"identifier": "identifier", "poNumber": "po_number", "externalId": "external_id"}


References = Mapping[tuple[str, str], Sequence[Order]]


def references(orders: Iterable[Order]) -> References:
    """Return the orders by each of their references: (field, value) to orders."""
    known: dict[tuple[str, str], list[Order]] = {}
    for order in orders:
        for name, attribute in REFERENCES.items():
            value = key(getattr(order, attribute))
            if value is not None:
                known.setdefault((name, value), []).append(order)
    return known


def find_order(known: References, reference: str | None, fields: Sequence[str]) -> Order | str:
    """Find the one order of a reference, or "missing" or "ambiguous"; the first field that has it decides."""
    wanted = key(reference)
    for name in fields:
        found = known.get((name, wanted or ""), ())
        if len(found) > 1:
            return "ambiguous"
        if found:
            return found[0]
    return "missing"


@dataclass(frozen=True)
class Catalogue:
    """The products that are known."""

    by_id: Mapping[str, Product]
    by_sku: Mapping[str | None, Product]

    @classmethod
    def of(cls, products: Sequence[Product]) -> "Catalogue":
        """Index products by id and SKU."""
        return cls({each.id: each for each in products}, {key(each.sku): each for each in products})

    def product(self, thing: "KeptLine | Item") -> Product | None:
        """Return the product of an order line or component: by its id; by its SKU where Oro shows no id."""
        if thing.product_id is not None:
            return self.by_id.get(thing.product_id)
        return None if thing.free_form else self.by_sku.get(key(thing.sku))


@dataclass(frozen=True)
class Candidate:
    """Where units of a return line may go: an item, or a whole kit line (item is None)."""

    line: KeptLine
    item: Item | None
    rate: Fraction

    @property
    def quantity(self) -> Decimal:
        """Ordered units, in the candidate's own unit."""
        return self.line.quantity if self.item is None else self.item.quantity


def candidates(
    order: Explained, sku: str, unit: str | None, aliases: Mapping[str, Iterable[str]], products: Catalogue,
    duplicate_sku: str,
) -> list[Candidate]:  # fmt: skip
    """Return every candidate in the sequence in which they are tried; rate 0 where the units do not meet."""
    code = key(sku)
    meant = [{code}, {key(each) for each in aliases.get(code or "", ())} - {code}]
    found: list[Candidate] = []
    for skus in meant:
        lines = [
            line
            for line in order.lines
            if line.quantity > 0 and key(line.sku) in skus and not _has_nameless_part(line)
        ]
        found += sorted(
            (_line_candidate(line, unit, products) for line in lines),
            key=lambda each: (_price(each, each.line.net, duplicate_sku), by_id(each.line.id)),
        )
    for skus in meant:
        parts = [
            (Candidate(line, item, _rate(item, unit, products)), item)
            for line in order.lines
            if line.is_kit
            for item in line.items
            if item.quantity > 0 and key(item.sku) in skus
        ]
        parts.sort(
            key=lambda part: (
                _price(part[0], part[1].net, duplicate_sku),
                by_id(part[0].line.id),
                part[1].sort_order,
                by_id(part[1].component_id or ""),
            )
        )
        found += [candidate for candidate, _ in parts]
    return found


def _has_nameless_part(line: KeptLine) -> bool:
    return line.is_kit and any(key(item.sku) is None for item in line.items)


def _price(candidate: Candidate, net: Decimal, duplicate_sku: str) -> Fraction:
    """Return what a unit costs as it came back, or as it was ordered where the two do not meet."""
    if duplicate_sku != "cheapest_first":
        return Fraction(0)
    return Fraction(net) / Fraction(candidate.quantity) * (candidate.rate or 1)


def _line_candidate(line: KeptLine, unit: str | None, products: Catalogue) -> Candidate:
    item = None if line.is_kit else line.items[0]
    return Candidate(line, item, _rate(line, unit, products))


def _rate(thing: KeptLine | Item, unit: str | None, products: Catalogue) -> Fraction:
    """Return how many units of the order line one unit of the return is; 0 where that is not known."""
    if unit is None or key(unit) == key(thing.unit):
        return Fraction(1)
    product = products.product(thing)
    if product is None:
        return Fraction(0)
    rates = {key(code): rate for code, (_, rate) in product.units.items()}
    theirs, ours = rates.get(key(unit)), rates.get(key(thing.unit))
    return Fraction(theirs) / Fraction(ours) if theirs and ours else Fraction(0)


def fits(candidate: Candidate, units: Decimal, products: Catalogue) -> bool:
    """Tell whether so many units can be counted in the candidate's unit: its precision, whole kits."""
    if not candidate.rate:
        return False
    wanted = Fraction(units) * candidate.rate
    if candidate.item is None and wanted.denominator != 1:
        return False
    precision = precision_of(candidate, products)
    return precision is None or (wanted * 10**precision).denominator == 1


def floored(candidate: Candidate, units: Fraction, products: Catalogue) -> Fraction:
    """Return how many of so many units can be counted in the candidate's unit: whole kits, its precision."""
    precision = 0 if candidate.item is None else precision_of(candidate, products)
    return units if precision is None else Fraction((units * 10**precision).__floor__(), 10**precision)


def precision_of(candidate: Candidate, products: Catalogue) -> int | None:
    """Return the digits after the point that the candidate's unit allows, None where that is not known."""
    thing = candidate.item if candidate.item is not None else candidate.line
    if candidate.item is not None and candidate.item.component_id is not None:
        return candidate.item.precision
    product = products.product(thing)
    if product is None:
        return None
    precisions = {key(code): precision for code, (precision, _) in product.units.items()}
    return precisions.get(key(thing.unit))
