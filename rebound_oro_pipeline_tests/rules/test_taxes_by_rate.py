"""Tax by code and rate: recorded orders that came back whole give back what was charged at each rate."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline_tests.oracle.documents import read_orders
from rebound_oro_pipeline_tests.rules.by_hand import day
from rebound_oro_pipeline_tests.rules.deciding import Window
from rebound_oro_pipeline_tests.rules.histories import everything_back
from rebound_oro_pipeline_tests.rules.price import Row, Sale, order_document
from rebound_oro_pipeline_tests.rules.sql_runner import landed
from rebound_oro_pipeline_tests.rules.test_recorded_orders import Document, recorded
from rebound_oro_pipeline_tests.services.operators_shop import a_return

ODD_CENT = Decimal("0.005")
GIVEN_BACK = """
select notes.order_id, taxes.applies_to, taxes.tax_code, taxes.rate, sum(taxes.tax_amount)
from ledger.credit_notes as notes inner join marts.credit_note_taxes as taxes using (credit_note_number)
group by notes.order_id, taxes.applies_to, taxes.tax_code, taxes.rate
"""
OF_ORDERS = "select order_id, tax_amount, shipping_tax_amount from ledger.orders"
Rate = tuple[str, Decimal] | None


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("source", ["6.1", "exchanges"])
def test_recorded_orders_give_back_what_was_charged_at_each_rate(
    rules_conn: psycopg.Connection[Any], source: str, seed: int
) -> None:
    """An odd cent aside: OroCommerce rounds its taxes for show, what was charged is the truth."""
    random = Random(f"{source} {seed}")
    documents = recorded(source)
    orders = {order.id: order for document in documents for order in read_orders(document)}
    returns = [each for order in orders.values() for each in everything_back(order, random, whole=seed == 0)]
    with landed(rules_conn, documents, returns) as there:
        there.decide()
        goods: dict[str, dict[Rate, Decimal]] = defaultdict(dict)
        shipping: dict[str, dict[Rate, Decimal]] = defaultdict(dict)
        for order_id, applies_to, code, rate, amount in there.conn.execute(GIVEN_BACK):
            by_rate = goods if applies_to == "goods" else shipping
            by_rate[order_id][None if code is None else (code, rate)] = amount
        charged = {row[0]: row[1:] for row in there.conn.execute(OF_ORDERS)}
    with_rates = with_shipping_rate = 0
    for order_id, said in _said(documents):
        on_goods, on_shipping = goods[order_id], shipping[order_id]
        tolerance = ODD_CENT * (len(orders[order_id].lines) + 2)
        assert (sum(on_goods.values()), sum(on_shipping.values())) == charged[order_id], order_id
        assert on_goods.keys() - {None} == said.keys(), order_id
        assert all(abs(on_goods[key] - said[key]) <= tolerance for key in said), order_id
        assert abs(on_goods.get(None, Decimal(0))) <= tolerance, order_id
        assert on_shipping.keys() <= said.keys(), order_id
        with_rates += bool(said)
        with_shipping_rate += bool(on_shipping)
    assert (with_rates, with_shipping_rate) == ((38, 32) if source == "6.1" else (13, 12))


def _said(documents: tuple[Document, ...]) -> Iterator[tuple[str, dict[Rate, Decimal]]]:
    """Yield by order what its `Tax` subtotal says was charged on goods at each rate; of shipping it says nothing."""
    for document in documents:
        for each in document["included"]:
            if each["type"] == "ordersubtotals" and each["attributes"]["label"] == "Tax":
                data = each["attributes"]["data"]
                taxes = data.get("taxes", []) if isinstance(data, dict) else []
                said: dict[Rate, Decimal] = {
                    (tax["tax"], Decimal(tax["rate"])): Decimal(tax["taxAmount"])
                    for tax in taxes
                    if Decimal(tax["taxAmount"])
                }
                yield document["data"]["id"], said


@pytest.mark.parametrize(
    ("excluding_tax", "rates"),
    [("0.04", ("0",)), ("0", ("0.19",)), ("0.04", ("0", "0.0"))],
    ids=["a rate of nothing", "shipping for nothing", "two rates of nothing"],
)
def test_a_tax_of_shipping_that_no_rate_makes_stands_under_none(
    rules_conn: psycopg.Connection[Any], excluding_tax: str, rates: tuple[str, ...]
) -> None:
    """A cent of tax is within the tolerance of every rate on (almost) nothing, and of a rate of 0 on anything."""
    row = Row("SHIRT", Decimal(1), Decimal("10.00"))
    sale = Sale(
        id="1", identifier="ORD-1", rows=(row,), shipping=Decimal("0.04"), shipping_rate=Decimal("0.19")
    )
    document = order_document(sale)
    for each in document["included"]:
        if each["attributes"].get("label") == "Shipping Tax":
            each["attributes"]["data"] = {
                "shipping": {"excludingTax": excluding_tax, "taxAmount": "0.01"},
                "taxes": [{"tax": f"T{place}", "rate": rate} for place, rate in enumerate(rates)],
            }
    with landed(rules_conn, [document], [a_return("R1")]) as there:
        there.decide()
        taxes = there.conn.execute(
            "select applies_to, rate, tax_amount from ledger.credit_note_taxes"
        ).fetchall()
    assert taxes == [("shipping", None, Decimal("0.01"))]


@pytest.mark.parametrize(
    "windows", [[None], [day(number) for number in range(1, 11)]], ids=["at once", "in turn"]
)
def test_taxes_of_shipping_are_given_back_at_each_rate_however_many_notes_there_are(
    rules_conn: psycopg.Connection[Any], windows: list[Window | None]
) -> None:
    """A cent of two taxes is one of them whole: of ten such cents each has five."""
    row = Row("SHIRT", Decimal(10), Decimal("10.00"))
    document = order_document(
        Sale(id="1", identifier="ORD-1", rows=(row,), shipping=Decimal("1.00"), shipping_rate=Decimal("0.1"))
    )
    for each in document["included"]:
        if each["attributes"].get("label") == "Shipping Tax":
            each["attributes"]["data"] = {
                "shipping": {"excludingTax": "1.00", "taxAmount": "0.10"},
                "taxes": [{"tax": code, "rate": "0.05"} for code in ("CITY", "STATE")],
            }
    returns = [
        a_return(f"R{number}", date_added=f"2026-11-{number:02d}T10:00:00Z") for number in range(1, 11)
    ]
    with landed(rules_conn, [document], returns) as there:
        there.decide(windows)
        given_back = {code: amount for _, _, code, _, amount in there.conn.execute(GIVEN_BACK)}
    assert given_back == {"CITY": Decimal("0.05"), "STATE": Decimal("0.05")}


UNREADABLE: dict[str, Any] = {
    "no data": None,
    "a word": "n/a",
    "a list": [],
    "no shipping": {"taxes": [{"tax": "T", "rate": "0.19"}]},
    "a taxable amount in words": {
        "shipping": {"excludingTax": "n/a", "taxAmount": "0.01"},
        "taxes": [{"tax": "T", "rate": "0.19"}],
    },
    "an amount in words": {
        "shipping": {"excludingTax": "0.04", "taxAmount": "free"},
        "taxes": [{"tax": "T", "rate": "0.19"}],
    },
    "a rate in words": {
        "shipping": {"excludingTax": "0.04", "taxAmount": "0.01"},
        "taxes": [{"tax": "T", "rate": "standard"}],
    },
    "taxes that are no list": {"shipping": {"excludingTax": "0.04", "taxAmount": "0.01"}, "taxes": {"T": 1}},
    "taxes that are no objects": {"shipping": {"excludingTax": "0.04", "taxAmount": "0.01"}, "taxes": ["T"]},
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_taxes_of_shipping_that_cannot_be_read_stand_under_no_rate(
    rules_conn: psycopg.Connection[Any], name: str
) -> None:
    row = Row("SHIRT", Decimal(1), Decimal("10.00"))
    document = order_document(
        Sale(id="1", identifier="ORD-1", rows=(row,), shipping=Decimal("0.04"), shipping_rate=Decimal("0.19"))
    )
    for each in document["included"]:
        if each["attributes"].get("label") == "Shipping Tax":
            each["attributes"]["data"] = UNREADABLE[name]
    with landed(rules_conn, [document], [a_return("R1")]) as there:
        there.decide()
        taxes = there.conn.execute("select applies_to, rate, tax_amount from ledger.credit_note_taxes")
        assert taxes.fetchall() == [("shipping", None, Decimal("0.01"))]


ITEMS_UNREADABLE: dict[str, Any] = {
    "no data": None,
    "a word": "n/a",
    "items that are no list": {"items": {"0": {}}},
    "no row": {
        "items": [{"taxes": [{"tax": "T", "rate": "0.19", "taxAmount": "1.90", "taxableAmount": "10.00"}]}]
    },
    "taxes that are no list": {
        "items": [{"row": {"includingTax": "11.90", "excludingTax": "10.00"}, "taxes": 7}]
    },
    "an amount in words": {
        "items": [
            {
                "row": {"includingTax": "much", "excludingTax": "10.00"},
                "taxes": [{"tax": "T", "rate": "0.19", "taxAmount": "some", "taxableAmount": "all"}],
            }
        ]
    },
    "a rate in words": {
        "items": [
            {
                "row": {"includingTax": "11.90", "excludingTax": "10.00"},
                "taxes": [{"tax": "T", "rate": "standard", "taxAmount": "1.90", "taxableAmount": "10.00"}],
            }
        ]
    },
}


@pytest.mark.parametrize("name", ITEMS_UNREADABLE)
def test_taxes_of_lines_that_cannot_be_read_change_no_credit(
    rules_conn: psycopg.Connection[Any], name: str
) -> None:
    """The line's own totals tell its tax; what stands under which rate is for show."""
    row = Row("SHIRT", Decimal(1), Decimal("10.00"), Decimal("0.19"))
    document = order_document(Sale(id="1", identifier="ORD-1", rows=(row,)))
    for each in document["included"]:
        if each["attributes"].get("label") == "Subtotal Tax":
            each["attributes"]["data"] = ITEMS_UNREADABLE[name]
    with landed(rules_conn, [document], [a_return("R1")]) as there:
        there.decide()
        amounts = there.conn.execute("select net_amount, tax_amount from ledger.credit_notes").fetchall()
        taxes = there.conn.execute("select sum(tax_amount) from ledger.credit_note_taxes").fetchone()
    assert amounts == [(Decimal("10.00"), Decimal("1.90"))]
    assert taxes == (Decimal("1.90"),)
