"""Lines of a scenario's orders: simple products in several units, kits, fractions, free-form lines."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from rebound_oro_pipeline.sandbox.pricing import TaxRule
from rebound_oro_pipeline.sandbox.pricing_taxes import money
from rebound_oro_pipeline.sandbox.scenario_catalogue import Catalogue, Customer
from rebound_oro_pipeline.sandbox.scenario_websites import STANDARD


class Feature(StrEnum):
    """What the first line (or the order) must be, so that a situation can occur on it."""

    KIT = "kit"
    SAME_SKU = "same_sku"
    RENAMED_LISTED = "renamed_listed"
    RENAMED_UNLISTED = "renamed_unlisted"
    BOX_BY_ITEMS = "box_by_items"
    BOX = "box"
    FRACTION = "fraction"
    FREE_FORM = "free_form"
    DOES_NOT_ADD_UP = "does_not_add_up"
    TAX_UNRESOLVABLE = "tax_unresolvable"
    CURRENCY_MISMATCH = "currency_mismatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPart:
    """A component of a kit line."""

    product: int
    sku: str
    unit: str
    quantity: int
    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLine:
    """A line of an order; `product` is a number in the catalogue, None on a free-form line."""

    product: int | None
    sku: str
    name: str
    unit: str
    quantity: Decimal
    value: Decimal
    tax: TaxRule | None
    parts: Sequence[PlannedPart] = ()


FREE_FORM_NAMES = ("Custom cut", "Engraving", "Special length", "Assembly on request")


def may_buy_free_form(customer: Customer) -> bool:
    """Tell whether a customer may order free-form lines: not where taxes are computed after promotions.

    How Oro spreads an order's promotion over such a line there was not recorded.
    """
    return not customer.website.taxes.after_promotions


class LinePlanner:
    """Makes the lines of orders from one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._makers: Mapping[Feature, Callable[[random.Random, Customer], PlannedLine]] = {
            Feature.KIT: self._kit_line,
            Feature.FRACTION: self._fractional_line,
            Feature.FREE_FORM: self._free_form_line,
        }
        self._choices: Mapping[Feature, Sequence[int]] = {
            Feature.RENAMED_LISTED: catalogue.renamed_listed,
            Feature.RENAMED_UNLISTED: catalogue.renamed_unlisted,
            Feature.BOX_BY_ITEMS: catalogue.boxed,
            Feature.BOX: catalogue.boxed,
            Feature.TAX_UNRESOLVABLE: [
                number for number in catalogue.simple if catalogue.products[number].tax_class == STANDARD
            ],
        }

    def plan(self, rng: random.Random, customer: Customer, feature: Feature | None) -> list[PlannedLine]:
        """Make the lines of one order; no SKU stands on two of them unless the feature says so."""
        lines = self._featured_lines(rng, customer, feature)
        used = {line.sku for line in lines} | {part.sku for line in lines for part in line.parts}
        wanted = rng.choice((1, 1, 2, 2, 3, 3, 4, 5, 6, 9)) if not lines else rng.choice((0, 1, 1, 2, 3))
        for _ in range(wanted):
            draw = rng.random()
            if draw < 0.06:
                line = self._kit_line(rng, customer)
            elif draw < 0.08:
                line = self._fractional_line(rng, customer)
            elif draw < 0.095 and may_buy_free_form(customer):
                line = self._free_form_line(rng, customer, len(lines))
            else:
                line = self._simple_line(rng, customer, rng.choice(self._catalogue.simple))
            skus = {line.sku, *(part.sku for part in line.parts)}
            if not used & skus:
                used |= skus
                lines.append(line)
        return lines or [self._simple_line(rng, customer, rng.choice(self._catalogue.simple))]

    def _featured_lines(
        self, rng: random.Random, customer: Customer, feature: Feature | None
    ) -> list[PlannedLine]:
        """Make the line (or two) that a feature asks for."""
        if feature is None:
            return []
        if feature is Feature.SAME_SKU:
            product = rng.choice(self._catalogue.simple)
            return [
                self._simple_line(rng, customer, product, unit="item", quantity=rng.randint(2, 60)),
                self._simple_line(rng, customer, product, unit="item", quantity=rng.randint(60, 240)),
            ]
        if feature in self._makers:
            return [self._makers[feature](rng, customer)]
        product = rng.choice(self._choices.get(feature, self._catalogue.simple))
        match feature:
            case Feature.BOX_BY_ITEMS:
                whole = self._catalogue.products[product].unit("box").rate * rng.randint(2, 5)
                line = self._simple_line(rng, customer, product, unit="item", quantity=whole)
            case Feature.BOX:
                line = self._simple_line(rng, customer, product, unit="box", quantity=rng.randint(2, 20))
            case _:
                line = self._simple_line(rng, customer, product, quantity=rng.randint(5, 40))
        return [line]

    def _simple_line(
        self,
        rng: random.Random,
        customer: Customer,
        number: int,
        *,
        unit: str | None = None,
        quantity: int = 0,
    ) -> PlannedLine:
        product = self._catalogue.products[number]
        sold = product.unit(unit) if unit else rng.choice((product.units[0], *product.units))
        ordered = Decimal(quantity or _ordered_quantity(rng, sold.rate))
        return PlannedLine(
            product=number,
            sku=product.sku,
            name=product.name,
            unit=sold.code,
            quantity=ordered,
            value=product.value(sold, customer, ordered),
            tax=customer.tax(product.tax_class),
        )

    def _fractional_line(self, rng: random.Random, customer: Customer) -> PlannedLine:
        number = rng.choice(self._catalogue.fractional)
        product = self._catalogue.products[number]
        ordered = Decimal(rng.randint(150, 9000)) / 100
        return PlannedLine(
            product=number,
            sku=product.sku,
            name=product.name,
            unit=product.units[0].code,
            quantity=ordered,
            value=product.value(product.units[0], customer, ordered),
            tax=customer.tax(product.tax_class),
        )

    def _kit_line(self, rng: random.Random, customer: Customer) -> PlannedLine:
        number = rng.choice(self._catalogue.kits)
        kit = self._catalogue.products[number]
        ordered = Decimal(rng.choice((1, 2, 3, 4, 6, 10, 25)))
        parts = [
            PlannedPart(
                product=part.product,
                sku=(component := self._catalogue.products[part.product]).sku,
                unit=part.unit,
                quantity=part.quantity,
                value=component.value(component.unit(part.unit), customer, ordered),
            )
            for part in kit.parts
            if not part.optional or rng.random() < 0.5 or part is kit.parts[0]
        ]
        own = kit.value(kit.units[0], customer, ordered)
        return PlannedLine(
            product=number,
            sku=kit.sku,
            name=kit.name,
            unit="item",
            quantity=ordered,
            value=own + sum((part.value * part.quantity for part in parts), Decimal(0)),
            tax=customer.tax(kit.tax_class),
            parts=parts,
        )

    def _free_form_line(self, rng: random.Random, customer: Customer, position: int = 0) -> PlannedLine:
        value = Decimal(rng.randint(500, 30_000)) / 100 * customer.website.price_factor
        return PlannedLine(
            product=None,
            sku=f"FREE-{position + 1}",
            name=rng.choice(FREE_FORM_NAMES),
            unit="item",
            quantity=Decimal(rng.randint(1, 12)),
            value=money(value, 0 if customer.website.currency == "JPY" else 2),
            tax=customer.tax(STANDARD),
        )


def _ordered_quantity(rng: random.Random, rate: int) -> int:
    """Draw from 1 to 500 units, mostly few, and fewer of the large ones."""
    low, high = rng.choices(((1, 5), (6, 20), (21, 100), (101, 500)), (30, 35, 25, 10))[0]
    return max(1, rng.randint(low, high) // (1 if rate == 1 else 4))
