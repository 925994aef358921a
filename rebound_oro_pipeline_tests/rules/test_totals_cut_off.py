"""Row totals that OroCommerce cut off at 0: a line of which much was given away keeps its tax, or is not credited.

A promotion of the line is off both row totals, twice where taxes come after promotions. What would be less than 0 shows
as 0, of the total without tax first of all, and then the two do not differ by the line's tax any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebound_oro_pipeline_tests.rules.by_hand import came_back, item, row, sold
from rebound_oro_pipeline_tests.rules.deciding import Document, decide_with_oracle
from rebound_oro_pipeline_tests.rules.laws import lawful, shop_seeds
from rebound_oro_pipeline_tests.rules.outcomes import Tables, differences
from rebound_oro_pipeline_tests.rules.price import Row, Sale, order_document
from rebound_oro_pipeline_tests.rules.sql_runner import decide_with_sql

BY_VALUE: Mapping[str, Any] = {"tax": {"without_rows": "by_value"}}
UNKNOWN = "tax_unresolvable"
AFTER: Mapping[str, Any] = {"after_promotions": True}
INCLUDED: Mapping[str, Any] = {"includes_tax": True}


def off(sku: str, quantity: str, price: str, rate: str, promotion: str) -> Row:
    """Return a line with that much off."""
    return row(sku, quantity, price, rate, promotion=Decimal(promotion))


SIXTY_OFF = (off("A", "1", "100.00", "0.10", "60.00"), row("B", "1", "55.00", "0.10"))
TWO_FOR_ONE = (off("A", "4", "100.00", "0.25", "200.00"), row("B", "1", "100.00", "0.25"))
SHIPPED: Mapping[str, Any] = {"shipping": "30.00"}
TAXED: Mapping[str, Any] = SHIPPED | {"shipping_rate": "0.10"}
TOLD: Mapping[str, Any] = {"with_subtotals": True}
TOLD_OF_SHIPPING: Mapping[str, Any] = {"with_subtotals": True, "with_tax_items": False}


@dataclass(frozen=True)
class Example:
    """An order that comes back whole: the tax of its lines, and of shipping; or the reason why it is not credited."""

    name: str
    rows: Sequence[Row]
    order: Mapping[str, Any]
    expected: Mapping[str, str] | str
    shipping_tax: str = "0"
    policy: Mapping[str, Any] = field(default_factory=dict)

    @property
    def document(self) -> Document:
        return sold(1, *self.rows, **self.order)

    @property
    def returns(self) -> list[Document]:
        return [came_back("R1", "SO-1", *(item(each.sku or "", str(each.quantity)) for each in self.rows))]

    def check(self, tables: Tables) -> None:
        if isinstance(self.expected, str):
            assert {each["reason"] for each in tables.quarantine} == {self.expected}
            assert not tables.credit_notes
            return
        assert not tables.quarantine
        taxes = {line["sku"]: line["tax_amount"] for line in tables.credit_note_lines}
        assert taxes == {sku: Decimal(tax) for sku, tax in self.expected.items()}
        sums = tables.sums()
        assert sums["shipping_tax_amount"] == Decimal(self.shipping_tax)
        assert sums["total_amount"] == Decimal(self.document["data"]["attributes"]["totalValue"])


EXAMPLES = (
    Example("60 % off is not shipping's tax", SIXTY_OFF, AFTER | SHIPPED, UNKNOWN),
    Example("60 % off, without shipping, does add up", SIXTY_OFF, AFTER, UNKNOWN),
    Example("60 % off, spread", SIXTY_OFF, AFTER | SHIPPED, {"A": "4.00", "B": "5.50"}, policy=BY_VALUE),
    Example("60 % off, told", SIXTY_OFF, AFTER | TAXED | TOLD, {"A": "4.00", "B": "5.50"}, "3.00"),
    Example("60 % off, shipping's tax alone is told", SIXTY_OFF, AFTER | TAXED | TOLD_OF_SHIPPING, UNKNOWN),
    Example(
        "60 % off, shipping's tax alone is told, spread",
        SIXTY_OFF,
        AFTER | TAXED | TOLD_OF_SHIPPING,
        {"A": "4.00", "B": "5.50"},
        "3.00",
        policy=BY_VALUE,
    ),
    Example(
        "60 % off, shipping includes more tax than the line has, spread",
        SIXTY_OFF,
        AFTER
        | TOLD_OF_SHIPPING
        | {"shipping": "55.00", "shipping_rate": "0.10", "shipping_includes_tax": True},
        {"A": "4.00", "B": "5.50"},
        "5.00",
        policy=BY_VALUE,
    ),
    Example("60 % off, taxes before promotions", SIXTY_OFF, TAXED, {"A": "10.00", "B": "5.50"}, "3.00"),
    Example(
        "99 % off, taxes before promotions",
        (off("A", "1", "100.00", "0.10", "99.00"),),
        TAXED,
        {"A": "10.00"},
        "3.00",
    ),
    Example(
        "51 % off, of which the total with tax shows something",
        (off("A", "1", "100.00", "0.10", "51.00"),),
        AFTER,
        UNKNOWN,
    ),
    Example(
        "60 % off at a rate of 0",
        (off("A", "1", "100.00", "0", "60.00"), row("B", "1", "55.00", "0.10")),
        AFTER | SHIPPED,
        {"A": "0", "B": "5.50"},
    ),
    Example("60 % off, untaxed", SIXTY_OFF, AFTER | SHIPPED | {"taxed": False}, {"A": "0", "B": "0"}),
    Example(
        "all off",
        (off("A", "1", "100.00", "0.10", "100.00"), row("B", "1", "55.00", "0.10")),
        AFTER | TAXED,
        {"A": "0", "B": "5.50"},
        "3.00",
    ),
    Example(
        "all off, prices with tax",
        (off("A", "1", "100.00", "0.25", "100.00"), row("B", "1", "50.00", "0.25")),
        AFTER | INCLUDED | TAXED,
        {"A": "0", "B": "10.00"},
        "3.00",
    ),
    Example(
        "60 % off, a total that does not add up",
        SIXTY_OFF,
        AFTER | {"total_off_by": "-4.10"},
        "order_does_not_add_up",
    ),
    # Without the promotion half of the row is left, which is what the total without tax is cut off at: 0 is right.
    Example("two for one", TWO_FOR_ONE, AFTER | TAXED, {"A": "50.00", "B": "25.00"}, "3.00"),
    Example("two for one, prices with tax", TWO_FOR_ONE, AFTER | INCLUDED, UNKNOWN),
    Example(
        "two for one, prices with tax, shipping's on top", TWO_FOR_ONE, AFTER | INCLUDED | TAXED, UNKNOWN
    ),
    Example(
        "two for one, prices with tax, told",
        TWO_FOR_ONE,
        AFTER | INCLUDED | TAXED | TOLD,
        {"A": "40.00", "B": "20.00"},
        "3.00",
    ),
    Example(
        "two for one alone, prices with tax, told",
        TWO_FOR_ONE[:1],
        AFTER | INCLUDED | TOLD,
        {"A": "40.00"},
    ),
    Example(
        "two for one, prices with tax, taken to be taxed as the rest",
        TWO_FOR_ONE,
        AFTER | INCLUDED | TAXED,
        {"A": "40.00", "B": "20.00"},
        "3.00",
        policy=BY_VALUE,
    ),
    Example(
        "two for one, prices with tax, taxes before promotions",
        TWO_FOR_ONE,
        INCLUDED,
        {"A": "80.00", "B": "20.00"},
    ),
    Example(
        "45 % off at a quarter, prices with tax, of which the total with tax shows something",
        (off("A", "1", "100.00", "0.25", "45.00"),),
        AFTER | INCLUDED,
        UNKNOWN,
    ),
    Example(
        "43 % off at a quarter, prices with tax",
        (off("A", "1", "100.00", "0.25", "43.00"),),
        AFTER | INCLUDED,
        {"A": "11.40"},
    ),
    Example(
        "85 % off at a quarter, prices with tax, taxes before promotions",
        (off("A", "1", "100.00", "0.25", "85.00"), row("B", "1", "50.00", "0.25")),
        INCLUDED,
        UNKNOWN,
    ),
    Example(
        "85 % off at a quarter, prices with tax, taxes before promotions, told",
        (off("A", "1", "100.00", "0.25", "85.00"), row("B", "1", "50.00", "0.25")),
        INCLUDED | TOLD,
        {"A": "20.00", "B": "10.00"},
    ),
    Example(
        "two for one, and a tenth off the order, spread",
        (
            row("A", "6", "163.80", "0.25"),
            off("B", "2", "95.92", "0", "28.78"),
            off("C", "2", "296.19", "0.25", "296.19"),
        ),
        AFTER | {"order_promotion": "144.205"},
        {"A": "225.65", "B": "0", "C": "61.96"},
        policy=BY_VALUE,
    ),
    Example(
        "40 % off, and 30 % of the order",
        (off("A", "1", "100.00", "0.10", "40.00"), row("B", "1", "100.00", "0.10")),
        AFTER | SHIPPED | {"order_promotion": "60.00"},
        UNKNOWN,
    ),
)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.name)
def test_the_oracle_keeps_the_lines_tax(example: Example) -> None:
    example.check(decide_with_oracle([example.document], example.returns, policy=example.policy))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.name)
def test_the_sql_keeps_the_lines_tax(rules_conn: psycopg.Connection[Any], example: Example) -> None:
    example.check(decide_with_sql(rules_conn, [example.document], example.returns, policy=example.policy))


def test_subtotals_of_other_lines_tell_nothing(rules_conn: psycopg.Connection[Any]) -> None:
    document = sold(1, *SIXTY_OFF, **AFTER, **TOLD)
    for each in document["included"]:
        if each["type"] == "ordersubtotals" and each["attributes"]["data"]:
            each["attributes"]["data"]["items"].pop()
    returns = [came_back("R1", "SO-1", item("A", "1"))]
    for found in (decide_with_oracle([document], returns), decide_with_sql(rules_conn, [document], returns)):
        assert [each["reason"] for each in found.quarantine] == [UNKNOWN]


def generous_sale(random: Random, number: int) -> Sale:
    """Make an order of which 44 to 99 % of some lines, two for one among them, are given away, in any setting."""
    rows = []
    for place in range(random.choice((1, 2, 2, 3, 5))):
        quantity, price = Decimal(random.choice((1, 2, 4, 6))), Decimal(random.randint(500, 30000)).scaleb(-2)
        percent = random.choice((0, 0, 15, 50, 50, 100, random.randint(44, 99)))
        promotion = (quantity * price * percent / 100).quantize(Decimal("0.01"))
        rate = Decimal(random.choice(("0", "0.07", "0.19", "0.25")))
        rows.append(Row(f"S{place}", quantity, price, rate, promotion))
    shipping = random.choice((None, Decimal(random.randint(100, 4000)).scaleb(-2)))
    left = sum((each.quantity * each.value - each.promotion for each in rows), Decimal(0))
    includes_tax, after_promotions = random.random() < 0.5, random.random() < 0.7
    if includes_tax and not after_promotions:
        left = Decimal(
            0
        )  # A price may then include more tax than was paid: a line that is worth less than nothing.
    return Sale(
        str(number),
        f"SO-{number}",
        tuple(rows),
        includes_tax=includes_tax,
        after_promotions=after_promotions,
        order_promotion=left * Decimal(random.choice(("0", "0", "0", "0.1"))),
        shipping=shipping,
        shipping_rate=Decimal(random.choice(("0", "0.19"))),
        shipping_includes_tax=random.random() < 0.3,
        with_subtotals=random.random() < 0.5,
    )


def charged(sale: Sale) -> tuple[Decimal, Decimal]:
    """Return the tax that was charged on the goods of worth, and on shipping."""
    document = order_document(replace(sale, with_subtotals=True))
    told = {
        each["attributes"]["label"]: each["attributes"]
        for each in document["included"]
        if each["type"] == "ordersubtotals"
    }
    goods = sum(
        (
            Decimal(each["row"]["includingTax"]) - Decimal(each["row"]["excludingTax"])
            for each, line in zip(told["Subtotal Tax"]["data"]["items"], sale.rows, strict=True)
            # A price that is given away altogether includes no tax.
            if not sale.includes_tax or line.quantity * line.value > line.promotion
        ),
        Decimal(0),
    )
    return goods, Decimal(told["Shipping Tax"]["amount"])


@dataclass(frozen=True)
class Generosity:
    """A shop of such orders, all of which come back whole."""

    sales: Mapping[str, Sale]

    @classmethod
    def of(cls, seed: int, **more: Any) -> "Generosity":
        random = Random(seed)
        return cls({str(number): replace(generous_sale(random, number), **more) for number in range(1, 401)})

    @property
    def documents(self) -> list[Document]:
        return [order_document(sale) for sale in self.sales.values()]

    @property
    def returns(self) -> list[Document]:
        return [
            came_back(
                f"R{sale.id}",
                sale.identifier or "",
                *(item(each.sku or "", str(each.quantity)) for each in sale.rows),
            )
            for sale in self.sales.values()
        ]


@settings(lawful, max_examples=3)
@given(seed=shop_seeds)
def test_no_order_is_credited_another_tax_than_was_charged(
    rules_conn: psycopg.Connection[Any], seed: int
) -> None:
    """Whatever is given away: the tax that was charged on goods and on shipping is credited, or nothing is."""
    made = Generosity.of(seed)
    found = decide_with_sql(rules_conn, made.documents, made.returns)
    assert {each["reason"] for each in found.quarantine} == {UNKNOWN}
    unknown = {each["return_id"].removeprefix("R") for each in found.quarantine}
    assert not any(made.sales[number].with_subtotals for number in unknown)
    wrong = []
    for note in found.credit_notes:
        sale = made.sales[note["order_id"]]
        goods, shipping = charged(sale)
        if not sale.with_subtotals and sale.includes_tax and not note["tax_amount"]:
            continue  # Neither a line nor the total shows any tax, as with an untaxed order.
        if not sale.with_subtotals and sale.shipping_includes_tax:
            shipping = Decimal(0)  # A shipping price that includes its tax shows none.
        off_by = max(abs(note["tax_amount"] - goods), abs(note["shipping_tax_amount"] - shipping))
        if off_by > Decimal("0.01") * (len(sale.rows) + 2):
            wrong.append((sale, note["tax_amount"], goods, note["shipping_tax_amount"], shipping))
    assert not wrong
    assert (len(unknown) > 40, len(found.credit_notes) > 300) == (True, True)


@pytest.mark.parametrize("policy", [{}, BY_VALUE], ids=["quarantined", "by value"])
@settings(lawful, max_examples=3)
@given(seed=shop_seeds, with_tax_items=st.booleans())
def test_the_sql_decides_them_as_the_oracle(
    rules_conn: psycopg.Connection[Any], policy: Mapping[str, Any], seed: int, with_tax_items: bool
) -> None:
    made = Generosity.of(seed, with_tax_items=with_tax_items)
    expected = decide_with_oracle(made.documents, made.returns, policy=policy)
    found = decide_with_sql(rules_conn, made.documents, made.returns, policy=policy)
    assert not differences(expected, found)
    totals = {
        each["data"]["id"]: Decimal(each["data"]["attributes"]["totalValue"]) for each in made.documents
    }
    assert all(note["total_amount"] == totals[note["order_id"]] for note in found.credit_notes)
    assert bool(found.quarantine) == (not policy)
