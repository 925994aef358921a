"""The shop fronts of a scenario: each with its currency, tax settings, rates by region, and campaigns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from rebound_oro_pipeline.sandbox.pricing import Promotions, ShopSettings, TaxRule, TaxSettings
from rebound_oro_pipeline.sandbox.pricing_promotions import LinePromotion, ShippingPromotion

ONE = Decimal(1)
STANDARD, REDUCED, ZERO_RATED = "standard", "reduced", "zero"
"""Tax classes of products."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """Promotions of one website in every n-th week."""

    promotions: Promotions
    every: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Website:
    """A shop front: its currency, its tax settings, its regions with their rates, and its campaigns."""

    code: str
    currency: str
    country: str
    weight: float
    price_factor: Decimal
    taxes: TaxSettings
    regions: Mapping[str, Mapping[str, TaxRule]]
    """Region → product tax class → tax."""
    shipping: tuple[str, str]
    """Cheapest and dearest shipping."""
    shipping_taxed: bool
    always: Promotions = field(default_factory=Promotions)
    campaigns: Sequence[Campaign] = ()

    def settings(self, day: date) -> ShopSettings:
        """Return the settings under which an order of that day is priced."""
        week = day.toordinal() // 7
        running = [each.promotions for each in self.campaigns if week % each.every == each.offset]
        line = next((each.line for each in running if each.line), self.always.line)
        order = next((each.order for each in running if each.order), self.always.order)
        promotions = Promotions(order=order, line=line, shipping=self.always.shipping)
        return ShopSettings(taxes=self.taxes, promotions=promotions)


def _one_rate(code: str, rate: str) -> Mapping[str, TaxRule]:
    rule = TaxRule(code, Decimal(rate))
    return {STANDARD: rule, REDUCED: rule}


WEBSITES: Sequence[Website] = (
    Website(
        code="us",
        currency="USD",
        country="US",
        weight=0.5,
        price_factor=ONE,
        taxes=TaxSettings(),
        regions={
            "CA": _one_rate("US_CA", "0.095"),
            "NY": _one_rate("US_NY", "0.08"),
            "FL": _one_rate("US_FL", "0.075"),
            "OR": {},
        },
        shipping=("4.95", "62.50"),
        shipping_taxed=True,
        always=Promotions(shipping=ShippingPromotion(amount=Decimal(10), currency="USD", above=Decimal(999))),
        campaigns=(
            Campaign(
                promotions=Promotions(line=LinePromotion(fraction=Decimal("0.15"), unit_code="item")),
                every=3,
                offset=0,
            ),
            Campaign(promotions=Promotions(order=Decimal("0.1")), every=4, offset=1),
        ),
    ),
    Website(
        code="de",
        currency="EUR",
        country="DE",
        weight=0.22,
        price_factor=Decimal("0.92"),
        taxes=TaxSettings(prices_include_tax=True, shipping_includes_tax=True),
        regions={
            "DE": {STANDARD: TaxRule("DE_19", Decimal("0.19")), REDUCED: TaxRule("DE_7", Decimal("0.07"))}
        },
        shipping=("5.90", "49.90"),
        shipping_taxed=True,
        campaigns=(Campaign(promotions=Promotions(order=Decimal("0.05")), every=2, offset=0),),
    ),
    Website(
        code="gb",
        currency="GBP",
        country="GB",
        weight=0.18,
        price_factor=Decimal("0.79"),
        taxes=TaxSettings(start_with="row", round_on="item"),
        regions={"GB": _one_rate("GB_20", "0.2")},
        shipping=("3.99", "39.00"),
        shipping_taxed=True,
        campaigns=(
            Campaign(
                promotions=Promotions(line=LinePromotion(fraction=Decimal("0.1"), unit_code="box")),
                every=2,
                offset=1,
            ),
        ),
    ),
    Website(
        code="jp",
        currency="JPY",
        country="JP",
        weight=0.1,
        price_factor=Decimal(150),
        taxes=TaxSettings(after_promotions=True),
        regions={
            "JP": {STANDARD: TaxRule("JP_10", Decimal("0.1")), REDUCED: TaxRule("JP_8", Decimal("0.08"))}
        },
        shipping=("700", "6000"),
        shipping_taxed=False,
        campaigns=(
            Campaign(promotions=Promotions(order=Decimal("0.25")), every=3, offset=1),
            Campaign(
                promotions=Promotions(line=LinePromotion(fraction=Decimal("0.15"), unit_code="item")),
                every=4,
                offset=2,
            ),
        ),
    ),
)
