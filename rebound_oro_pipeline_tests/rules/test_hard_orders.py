"""Orders that can be read in two ways, or that shops make now and then: right to the cent, by SQL and oracle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline_tests.rules.by_hand import came_back, item, product, row, sold
from rebound_oro_pipeline_tests.rules.deciding import Document, decide_with_oracle
from rebound_oro_pipeline_tests.rules.outcomes import Tables
from rebound_oro_pipeline_tests.rules.price import Part
from rebound_oro_pipeline_tests.rules.sql_runner import decide_with_sql

NO_SHIPPING = {"credit": {"shipping": "never"}}
WHEN_COMPLETE = {"credit": {"shipping": "on_complete_return"}}
TWENTY_OFF = {"after_promotions": True, "shipping": "200", "currency": "SEK"}


@dataclass(frozen=True)
class Figure:
    """What all notes of these returns must come to; `quarantined` are the reasons of what is not credited."""

    name: str
    orders: Sequence[Document]
    returns: Sequence[Document]
    total: str
    shipping_tax: str = "0"
    quarantined: Sequence[str] = ()
    products: Sequence[Document] = ()
    policy: Mapping[str, Any] = field(default_factory=dict)

    def check(self, tables: Tables) -> None:
        notes = tables.credit_notes
        assert sum(note["total_amount"] for note in notes) == Decimal(self.total)
        assert sum(note["shipping_tax_amount"] for note in notes) == Decimal(self.shipping_tax)
        assert [each["reason"] for each in tables.quarantine] == list(self.quarantined)


def _back(*items: dict[str, Any], order: int = 1) -> dict[str, Any]:
    return came_back(f"R{order}", f"SO-{order}", *items)


def _one_by_one(*parts: tuple[str, str]) -> list[Document]:
    """Return a return a day, of so many units each: (quantity, unit)."""
    return [
        came_back(f"R{n}", "SO-1", item("T", quantity, unit_code=unit), on=n)
        for n, (quantity, unit) in enumerate(parts, 1)
    ]


def _twelve_one_by_one() -> list[Document]:
    return _one_by_one(*[("1", "item")] * 12)


BULBS = product(7, "T", kg=(3, "1"), g=(0, "0.001"))
BOXES = product(7, "T", item=(0, "1"), box=(None, "12"))
SETS = product(7, "T", item=(0, "1"), set=(0, "6"))
UNMEASURED = product(7, "T", item=(None, "1"), set=(None, "6"), box=(None, "12"))
NAMELESS = Part(None, Decimal(1), Decimal(20))
FIGURES = (
    Figure(
        "a discount of the size of the tax, prices without tax",
        [
            sold(
                1,
                row("S0", "2", "23.01", "0.25"),
                row("S1", "2", "94.25", "0.25"),
                row("S2", "2", "11.33", "0.25"),
                order_promotion="51.436",
                **TWENTY_OFF,
            )
        ],
        [_back(item("S0", "2"))],
        "46.02",
        policy=NO_SHIPPING,
    ),
    Figure(
        "the tax given away, prices with tax",
        [sold(1, row("A", "1", "119.00", "0.19"), includes_tax=True, order_promotion="19.00")],
        [_back(item("A", "1"))],
        "100.00",
    ),
    Figure(
        "the tax given away on the line, prices with tax",
        [sold(1, row("A", "1", "119.00", "0.19", promotion=Decimal("19.00")), includes_tax=True)],
        [_back(item("A", "1"))],
        "100.00",
    ),
    Figure(
        "the cheaper unit is the one that costs less for what came back",
        [
            sold(
                1,
                row("T", "1", "10.00", unit="kg", product_id="7"),
                row("T", "1000", "0.02", unit="g", product_id="7"),
            )
        ],
        [_back(item("T", "1", unit_code="kg"))],
        "10.00",
        products=[BULBS],
    ),
    Figure(
        "units are compared without regard to case",
        [sold(1, row("T", "2", "10.00", unit="kg", product_id="7"))],
        [_back(item("T", "1000", unit_code="G"), item("T", "1", unit_code="KG"))],
        "20.00",
        products=[BULBS],
    ),
    Figure(
        "a box comes back item by item, and with the last one its shipping",
        [sold(1, row("T", "1", "12.00", unit="box", product_id="7"), shipping="3.00")],
        _twelve_one_by_one(),
        "15.00",
        products=[BOXES],
        policy=WHEN_COMPLETE,
    ),
    Figure(
        "two thirds three times over",
        [
            sold(
                1,
                row("T", "2", "12.00", unit="box", product_id="7"),
                row("T", "1", "15.00", unit="box", product_id="7"),
            )
        ],
        [came_back(f"R{n}", "SO-1", item("T", "8", unit_code="item"), on=n) for n in range(1, 4)],
        "24.00",
        products=[BOXES],
    ),
    *(
        Figure(
            f"{units} of {threes} threes come from lines of {lines}, precision {precision}",
            [
                sold(
                    1,
                    *(row("T", lines, "3.00", product_id="7") for _ in range(int(threes) * 3 // int(lines))),
                )
            ],
            [_back(item("T", units, unit_code="three"))],
            str(3 * 3 * int(threes)) + ".00",
            products=[product(7, "T", item=(precision, "1"), three=(None, "3"))],
        )
        for units, threes, lines in (("2", "2", "2"), ("1", "1", "1"), ("2", "2", "1"))
        for precision in (0, 3, None)
    ),
    Figure(
        "units that differ in case alone are told apart by their spelling",
        [sold(1, row("T", "12", "1.00", product_id="7"))],
        [_back(item("T", "1", unit_code="box"))],
        "3.00",
        products=[product(7, "T", item=(0, "1"), Box=(0, "2"), box=(0, "3"))],
    ),
    Figure(
        "a tax of cents, prices with tax, and shipping's on top",
        [
            sold(
                1,
                *(row(f"S{n}", "1", "0.07", "0.10") for n in range(4)),
                *(row(f"S{n}", "1", "0.08", "0.10") for n in range(4, 6)),
                includes_tax=True,
                shipping="0.80",
                shipping_rate="0.10",
            )
        ],
        [_back(*(item(f"S{n}", "1") for n in range(6)))],
        "1.32",
        shipping_tax="0.08",
    ),
    Figure(
        "a set comes from lines of several units",
        [
            sold(
                1,
                row("T", "1", "1.00", product_id="7"),
                row("T", "1", "30.00", unit="set", product_id="7"),
                row("T", "5", "3.00", product_id="7"),
            )
        ],
        [_back(item("T", "1", unit_code="set"))],
        "16.00",
        products=[SETS],
    ),
    Figure(
        "a set comes from six lines",
        [
            sold(
                1,
                row("T", "1", "60.00", unit="set", product_id="7"),
                *(row("T", "1", f"{price}.00", product_id="7") for price in range(1, 7)),
            )
        ],
        [_back(item("T", "1", unit_code="set"))],
        "21.00",
        products=[SETS],
    ),
    Figure(
        "a whole kit with a component that has no SKU stops nothing else",
        [
            sold(1, row("KIT", "2", "30.00", parts=(Part("X", Decimal(1), Decimal(10)), NAMELESS))),
            sold(2, row("A", "4", "3.00")),
        ],
        [_back(item("KIT", "1"), item("X", "1")), _back(item("A", "1"), order=2)],
        "13.00",
        quarantined=["unknown_sku"],
    ),
    *(
        Figure(
            f"an order without precisions that came back whole in other units is complete: {name}",
            [
                sold(
                    1,
                    *(row("T", number, "12.00", unit=unit, product_id="7") for number, unit in lines),
                    shipping="3.00",
                )
            ],
            _one_by_one(*back),
            total,
            products=[UNMEASURED],
            policy=WHEN_COMPLETE,
        )
        for name, lines, back, total in (
            (
                "items last",
                (("1", "box"), ("1", "set")),
                (("5", "item"), ("2", "set"), ("1", "item")),
                "27.00",
            ),
            (
                "items a little more than is left",
                (("2", "set"), ("2", "box")),
                (("22", "item"), ("1", "set"), ("8", "item")),
                "51.00",
            ),
            (
                "the unit of the line last",
                (("1", "box"), ("2", "set")),
                (("10", "item"), ("1", "set"), ("2", "item"), ("1", "set")),
                "39.00",
            ),
        )
    ),
    Figure(
        "a kit of which no component has units comes back as a line, and stops nothing else",
        [
            sold(
                1,
                row("KIT", "2", "15.00", parts=(Part("X", Decimal(0), Decimal(10)),)),
                row("A", "1", "5.00"),
            ),
            sold(2, row("A", "4", "3.00")),
        ],
        [_back(item("A", "1"), item("KIT", "1")), _back(item("A", "1"), order=2)],
        "23.00",
    ),
    Figure(
        "a line of quantity 0 takes no odd cent",
        [
            sold(1, row("Z", "0", "0"), row("A", "1", "0"), total_off_by="0.01"),
            sold(2, row("A", "4", "3.00")),
        ],
        [_back(item("A", "1")), _back(item("A", "1"), order=2)],
        "3.01",
    ),
    Figure(
        "two thirds of a box that end a trillionth within the next box",
        [sold(1, *[row("T", "1", "12.00", unit="box", product_id="7")] * 3)],
        _one_by_one(*[("8", "item")] * 3, ("4", "item")),
        "28.00",
        products=[UNMEASURED],
    ),
    Figure(
        "sixths of a set that add up to a millionth more than one",
        [
            sold(
                1,
                *(row("T", number, "1.00", product_id="7") for number in ("1", "1", "4")),
                row("T", "2", "60.00", unit="set", product_id="7"),
            )
        ],
        [_back(item("T", "3", unit_code="set"))],
        "126.00",
        products=[SETS],
    ),
    Figure(
        "a twelfth of a box for a kit, and what is left of the boxes for items",
        [
            sold(
                1,
                row("T", "24", "1.00", product_id="7"),
                row("T", "1", "0.50", parts=(Part("Z", Decimal(1), Decimal(1)),)),
                row("K", "7", "3.00", parts=(Part("T", Decimal(1), Decimal(1), product_id="7"),)),
            )
        ],
        [came_back("R1", "SO-1", item("T", "2", unit_code="box")), came_back("R2", "SO-1", item("T", "8"))],
        "45.50",
        products=[UNMEASURED],
    ),
    Figure(
        "a hundred-thousandth of a unit between two lines",
        [sold(1, row("T", "10", "12.00"))],
        [_back(item("T", "5"), item("T", "0.00001"), item("T", "7"))],
        "120.00",
        quarantined=["over_return", "over_return"],
    ),
)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda each: each.name)
def test_the_oracle_credits_that_much(figure: Figure) -> None:
    figure.check(
        decide_with_oracle(figure.orders, figure.returns, products=figure.products, policy=figure.policy)
    )


@pytest.mark.parametrize("figure", FIGURES, ids=lambda each: each.name)
def test_the_sql_credits_that_much(rules_conn: psycopg.Connection[Any], figure: Figure) -> None:
    figure.check(
        decide_with_sql(
            rules_conn, figure.orders, figure.returns, products=figure.products, policy=figure.policy
        )
    )


def test_a_kit_of_which_a_hair_is_missing_is_not_whole(rules_conn: psycopg.Connection[Any]) -> None:
    """A quotient is rounded to some twenty digits; the claim of a kit more than there is ends every decision."""
    kit = row("KIT", "5", "1.00", parts=(Part("SAND", Decimal("1e25"), Decimal(0)),))
    returns = [came_back("R1", "SO-1", item("SAND", "18")), came_back("R2", "SO-1", item("KIT", "5"))]
    found = decide_with_sql(rules_conn, [sold(1, kit)], returns)
    assert [(each["reason"], each["quantity"]) for each in found.quarantine] == [("over_return", 1)]


def test_what_goes_back_on_the_shelf_fits_the_column_of_oro(rules_conn: psycopg.Connection[Any]) -> None:
    """A level has ten digits after the point; a movement with more could never be written."""
    found = decide_with_sql(
        rules_conn,
        [sold(1, row("T", "3", "12.00", unit="box", product_id="7"))],
        [
            _back(item("T", "8", unit_code="item")),
            came_back("R2", "SO-1", item("T", "28", unit_code="item"), on=2),
        ],
        products=[UNMEASURED],
    )
    moved = [delta["quantity"] for delta in found.inventory_deltas]
    assert moved == [Decimal("0.6666666667"), Decimal("2.3333333333")]
    assert sum(note["total_amount"] for note in found.credit_notes) == Decimal("36.00")


@pytest.mark.parametrize("with_subtotals", [False, True])
def test_a_fifth_off_at_a_quarter_of_tax_is_explained_whatever_the_cents(
    rules_conn: psycopg.Connection[Any], with_subtotals: bool
) -> None:
    """The rows with tax then sum to the prices, and those without to what was paid: only the total tells."""
    random = Random(1)
    orders, returns = [], []
    for number in range(1, 101):
        rows = [
            row(
                f"S{place}",
                str(random.choice((1, 2, 3, 5, 7))),
                f"{random.randint(100, 9999) / 100:.2f}",
                "0.25",
            )
            for place in range(random.randint(2, 6))
        ]
        worth = sum((each.quantity * each.value for each in rows), Decimal(0))
        shipping = random.choice(("0", "200"))
        orders.append(
            sold(
                number,
                *rows,
                order_promotion=worth * Decimal("0.2"),
                **TWENTY_OFF | {"shipping": shipping, "with_subtotals": with_subtotals},
            )
        )
        returns.append(_back(*(item(each.sku or "", str(each.quantity)) for each in rows), order=number))
    found = decide_with_sql(rules_conn, orders, returns)
    assert not found.quarantine
    assert not any(note["shipping_tax_amount"] for note in found.credit_notes)
    totals = {order["data"]["id"]: Decimal(order["data"]["attributes"]["totalValue"]) for order in orders}
    assert {note["order_id"]: note["total_amount"] for note in found.credit_notes} == totals
