"""Orders of a scenario: what is on them, at which prices, in which state, and how they stand in OroCommerce."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from rebound_oro_pipeline.sandbox.pricing import (
    Component,
    ManualDiscount,
    OrderInput,
    OrderLine,
    PricedOrder,
    ShippingCost,
    ShopSettings,
    price_order,
)
from rebound_oro_pipeline.sandbox.pricing_taxes import money
from rebound_oro_pipeline.sandbox.scenario_catalogue import Catalogue, Customer
from rebound_oro_pipeline.sandbox.scenario_lines import Feature, LinePlanner, PlannedLine, may_buy_free_form
from rebound_oro_pipeline.sandbox.scenario_shares import ORDER_STATES, OrderState, pick
from rebound_oro_pipeline.sandbox.scenario_websites import STANDARD

ON_ORDER = frozenset({Feature.DOES_NOT_ADD_UP, Feature.TAX_UNRESOLVABLE, Feature.CURRENCY_MISMATCH})


@dataclass(frozen=True, slots=True)
class Need:
    """What a situation asks of its order; `po_number` and `external_id`: a reference that must be there."""

    state: OrderState = OrderState.SHIPPED
    feature: Feature | None = None
    po_number: str | None = None
    external_id: bool = False


@dataclass(slots=True, kw_only=True)
class PlannedOrder:
    """An order with its price; `left` counts, per line, the units that no planned return has claimed yet."""

    number: int
    identifier: str
    po_number: str | None
    external_id: str | None
    placed_at: datetime
    dispatch_at: datetime | None
    """When an order that is shipped later leaves."""
    state: OrderState
    feature: Feature | None
    customer: int
    lines: Sequence[PlannedLine]
    priced: PricedOrder
    tracked: bool
    updated_at: datetime
    left: list[Decimal] = field(default_factory=list)


class OrderPlanner:
    """Makes the orders of a scenario one by one, each from its own number and the seed."""

    def __init__(self, seed: int, catalogue: Catalogue, until: datetime) -> None:
        self._seed = seed
        self._catalogue = catalogue
        self._lines = LinePlanner(catalogue)
        self._until = until

    def plan(self, number: int, placed_at: datetime, need: Need | None) -> PlannedOrder:
        """Make the order with this number; without a need it is whatever the shares give."""
        rng = random.Random(f"{self._seed}:order:{number}")
        feature = need.feature if need else None
        state = need.state if need else OrderState(pick(rng, ORDER_STATES))
        customer = self._customer(rng, feature)
        lines = self._lines.plan(rng, self._catalogue.customers[customer], feature)
        website = self._catalogue.customers[customer].website
        settings = website.settings(placed_at.date())
        if feature in ON_ORDER:
            settings = ShopSettings(taxes=settings.taxes)
        po_number = need.po_number if need else None
        if po_number is None and rng.random() < 0.85:
            po_number = f"PO-{4_500_000 + number * 3}"
        return PlannedOrder(
            number=number,
            identifier=f"SO{100_001 + number}",
            po_number=po_number,
            external_id=f"ERP-{70_000 + number}"
            if (need and need.external_id) or rng.random() < 0.3
            else None,
            placed_at=placed_at,
            dispatch_at=self._dispatch_at(state, placed_at, rng),
            state=state,
            feature=feature,
            customer=customer,
            lines=lines,
            priced=self._price(rng, customer, lines, settings, plain=feature in ON_ORDER),
            tracked=rng.random() < 0.7,
            updated_at=placed_at + timedelta(minutes=rng.randint(1, 2000)),
            left=[line.quantity for line in lines],
        )

    def _dispatch_at(self, state: OrderState, placed_at: datetime, rng: random.Random) -> datetime | None:
        """Let an order that is late leave within the three days after the scenario's end."""
        if state is not OrderState.SHIPPED_LATER:
            return None
        return max(placed_at, self._until) + timedelta(minutes=rng.randint(60, 3 * 24 * 60))

    def _customer(self, rng: random.Random, feature: Feature | None) -> int:
        customers = self._catalogue.customers
        if feature is Feature.TAX_UNRESOLVABLE:  # tax must have been charged on top of prices without it
            return next(
                number
                for number, customer in enumerate(customers)
                if customer.website.code == "gb" and not customer.exempt
            )
        if feature is Feature.FREE_FORM:
            return rng.choice([n for n, customer in enumerate(customers) if may_buy_free_form(customer)])
        return rng.randrange(len(customers))

    def _price(
        self,
        rng: random.Random,
        customer: int,
        lines: Sequence[PlannedLine],
        settings: ShopSettings,
        *,
        plain: bool,
    ) -> PricedOrder:
        buyer = self._catalogue.customers[customer]
        order_lines = [
            OrderLine(
                value=line.value,
                quantity=line.quantity,
                unit_code=line.unit,
                product=line.sku if line.product is not None else None,
                tax=line.tax,
                components=[
                    Component(value=part.value, quantity=Decimal(part.quantity)) for part in line.parts
                ],
            )
            for line in lines
        ]
        subtotal = sum((money(line.row) for line in order_lines), Decimal(0))
        order = OrderInput(
            currency=buyer.website.currency,
            lines=order_lines,
            shipping=None if plain else _shipping(rng, buyer),
            discounts=() if plain else _discounts(rng, subtotal, buyer.website.currency),
        )
        return price_order(order, settings)


def _shipping(rng: random.Random, buyer: Customer) -> ShippingCost | None:
    if rng.random() < 0.25:
        return None
    website = buyer.website
    whole = website.currency == "JPY"
    cheapest, dearest = (int(Decimal(bound) * (1 if whole else 100)) for bound in website.shipping)
    amount = Decimal(rng.randint(cheapest, dearest)) / (1 if whole else 100)
    return ShippingCost(
        amount=amount,
        tax=buyer.tax(STANDARD) if website.shipping_taxed else None,
        overridden=rng.random() < 0.5,
    )


def _discounts(rng: random.Random, subtotal: Decimal, currency: str) -> list[ManualDiscount]:
    """Draw manual discounts: an amount, a percentage, seldom both."""
    discounts = []
    draw = rng.random()
    if draw < 0.09:
        amount = money(subtotal * Decimal(rng.randint(1, 60)) / 1000, 0 if currency == "JPY" else 2)
        discounts.append(ManualDiscount(description="Goodwill", amount=amount))
    if 0.08 < draw < 0.17:
        fraction = Decimal(rng.choice(("0.03", "0.05", "0.075", "0.1", "0.125")))
        discounts.append(ManualDiscount(description="Contract", fraction=fraction))
    return [discount for discount in discounts if discount.of(subtotal) > 0]
