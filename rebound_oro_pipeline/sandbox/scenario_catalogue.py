"""Who buys what at which price: customers with price lists, products with units, kits, former SKUs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from rebound_oro_pipeline.sandbox.pricing import TaxRule
from rebound_oro_pipeline.sandbox.pricing_taxes import money
from rebound_oro_pipeline.sandbox.scenario_shares import pick
from rebound_oro_pipeline.sandbox.scenario_websites import REDUCED, STANDARD, WEBSITES, ZERO_RATED, Website


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A company that buys on one website at its own price list."""

    name: str
    website: Website
    region: str
    exempt: bool
    price_list: Decimal
    """Factor on the list price."""

    def tax(self, tax_class: str) -> TaxRule | None:
        """Return the tax on goods of a class, or None."""
        return None if self.exempt else self.website.regions[self.region].get(tax_class)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit that a product is sold in; `rate`: how many primary units one of it holds."""

    code: str
    precision: int
    rate: int
    stock: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KitPart:
    """A component of a kit, per one kit."""

    product: int
    """Number in the catalogue."""
    unit: str
    quantity: int
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product; the first unit is the primary one, its price is per that unit in US dollars."""

    sku: str
    name: str
    price: Decimal
    tax_class: str
    units: Sequence[Unit]
    four_decimals: bool = False
    parts: Sequence[KitPart] = ()
    former_sku: str | None = None
    """Code under which it was sold before, which ReBound may still know."""
    former_sku_listed: bool = False
    """Whether operators have listed that code among the aliases."""

    def unit(self, code: str) -> Unit:
        """Return the unit with this code; KeyError where there is none."""
        for unit in self.units:
            if unit.code == code:
                return unit
        raise KeyError(code)

    def value(self, unit: Unit, customer: Customer, quantity: Decimal) -> Decimal:
        """Return the price of one such unit on the customer's price list for this quantity."""
        price = self.price * unit.rate * customer.price_list * customer.website.price_factor
        if unit.rate > 1:
            price *= Decimal("0.94")
        if quantity >= 50:
            price *= Decimal("0.9") if quantity >= 200 else Decimal("0.95")
        if customer.website.currency == "JPY":
            return money(price, 0)
        return money(price, 4 if self.four_decimals else 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Customers and products, and which products serve which situation (numbers in `products`)."""

    customers: Sequence[Customer]
    products: Sequence[Product]
    simple: Sequence[int]
    kits: Sequence[int]
    fractional: Sequence[int]
    boxed: Sequence[int]
    """Products sold by the item and by the box."""
    renamed_listed: Sequence[int]
    renamed_unlisted: Sequence[int]

    def aliases(self) -> list[tuple[str, str]]:
        """Return the aliases that operators know: former code, code of today."""
        return [
            (product.former_sku, product.sku)
            for product in self.products
            if product.former_sku and product.former_sku_listed
        ]


_GOODS = (
    "Glove",
    "Goggles",
    "Clamp",
    "Valve",
    "Bearing",
    "Filter",
    "Cable",
    "Lamp",
    "Hinge",
    "Socket",
    "Relay",
    "Pump",
)
_FINISH = (
    "blue",
    "steel",
    "M",
    "XL",
    "12 mm",
    "heavy duty",
    "sealed",
    "twin",
    "long",
    "short",
    "coated",
    "rapid",
)
_FIRMS = (
    "Hallam",
    "Brandt",
    "Okada",
    "Reyes",
    "Larkin",
    "Weber",
    "Mori",
    "Pike",
    "Sutter",
    "Ito",
    "Keller",
    "Frost",
)
_TRADES = ("Supplies", "Medical", "Tools", "Industrial", "Works", "Trading", "Labs", "Foods")


def build_catalogue(seed: int, orders: int) -> Catalogue:
    """Build customers and products for a shop with so many orders."""
    rng = random.Random(f"{seed}:catalogue")
    simple = max(60, orders // 10)
    products = [_simple_product(rng, number) for number in range(simple)]
    countable = [number for number, product in enumerate(products) if product.units[0].precision == 0]
    products += [_kit(rng, number, products, countable) for number in range(max(8, simple // 10))]
    customers = [_customer(rng, number) for number in range(max(20, orders // 20))]
    return Catalogue(
        customers=customers,
        products=products,
        simple=countable,
        kits=range(simple, len(products)),
        fractional=[number for number in range(simple) if products[number].units[0].precision],
        boxed=[n for n in countable if any(unit.code == "box" for unit in products[n].units)],
        renamed_listed=[n for n in countable if products[n].former_sku and products[n].former_sku_listed],
        renamed_unlisted=[
            n for n in countable if products[n].former_sku and not products[n].former_sku_listed
        ],
    )


def _simple_product(rng: random.Random, number: int) -> Product:
    # A fixed rhythm, so that even the smallest catalogue holds every kind of product.
    fractional = number % 17 == 5
    four_decimals = rng.random() < 0.12
    price = (
        Decimal(rng.choice((rng.randint(150, 2999), rng.randint(300, 9999), rng.randint(1000, 89999)))) / 100
    )
    units = [
        Unit(
            code="meter" if fractional else "item",
            precision=2 if fractional else 0,
            rate=1,
            stock=_stock(rng, 4000),
        )
    ]
    if not fractional and rng.random() < 0.4:
        units.append(Unit(code="set", precision=0, rate=rng.choice((2, 5, 6, 10)), stock=_stock(rng, 600)))
    if not fractional and number % 3 == 0:
        units.append(Unit(code="box", precision=0, rate=rng.choice((12, 24, 50)), stock=_stock(rng, 200)))
    renamed = number % 5 == 2
    return Product(
        sku=f"HX-{1000 + number * 7}",
        name=f"{rng.choice(_GOODS)} {rng.choice(_FINISH)} {number}",
        price=price + (Decimal(rng.randint(1, 99)) / 10000 if four_decimals else 0),
        tax_class=pick(rng, {STANDARD: 0.8, REDUCED: 0.15, ZERO_RATED: 0.05}),
        units=units,
        four_decimals=four_decimals,
        former_sku=f"OLD-{1000 + number * 7}" if renamed else None,
        former_sku_listed=renamed and number % 20 != 2,
    )


def _kit(rng: random.Random, number: int, products: Sequence[Product], countable: Sequence[int]) -> Product:
    parts = [
        KitPart(
            product=product,
            unit=rng.choice([unit.code for unit in products[product].units if unit.code != "box"]),
            quantity=rng.choice((1, 1, 2, 3)),
            optional=rng.random() < 0.2,
        )
        for product in rng.sample(countable, rng.randint(2, 4))
    ]
    return Product(
        sku=f"KIT-{100 + number}",
        name=f"Kit {rng.choice(_FIRMS)} {number}",
        price=Decimal(rng.choice((0, 0, 990, 1500))) / 100,
        tax_class=STANDARD,
        units=[Unit(code="item", precision=0, rate=1, stock=_stock(rng, 100))],
        parts=parts,
    )


def _customer(rng: random.Random, number: int) -> Customer:
    # The first customers cover every website.
    website = (
        WEBSITES[number] if number < len(WEBSITES) else rng.choices(WEBSITES, [w.weight for w in WEBSITES])[0]
    )
    return Customer(
        name=f"{rng.choice(_FIRMS)} {rng.choice(_TRADES)} {number + 1}",
        website=website,
        region=rng.choice(list(website.regions)),
        exempt=number >= len(WEBSITES) and rng.random() < 0.08,
        price_list=Decimal(rng.choice(("1", "1", "0.95", "0.9", "0.85"))),
    )


def _stock(rng: random.Random, most: int) -> int:
    return rng.randint(most // 20, most)
