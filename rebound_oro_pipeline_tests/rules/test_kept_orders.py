"""An order goes by what was kept of it at its first credit; what was not known of its products then is found later."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline_tests.oracle.books import Books
from rebound_oro_pipeline_tests.oracle.decide import decide, world
from rebound_oro_pipeline_tests.rules.by_hand import came_back, item, product, row, sold
from rebound_oro_pipeline_tests.rules.deciding import DECIDED_AT, Document, seeds, tables
from rebound_oro_pipeline_tests.rules.outcomes import COLUMNS, Tables
from rebound_oro_pipeline_tests.rules.price import Part
from rebound_oro_pipeline_tests.rules.sql_runner import land, landed

HOUR = timedelta(hours=1)


def in_turn(
    conn: psycopg.Connection[Any], *stages: tuple[Document, Sequence[Document], Sequence[Document]]
) -> Tables:
    """Decide an hour after each other what the order is then, with further returns and products; the oracle agrees."""
    books = Books()
    returns: list[Document] = []
    with landed(conn, [], []) as there:
        for number, (order, more, products) in enumerate(stages):
            land(conn, [order], more, products)
            returns += more
            at = DECIDED_AT + number * HOUR
            found = there.decide(decided_at=at)
            expected = tables(
                decide(world([order], returns, products, [], {}, seeds()), books, decided_at=at)
            )
            assert {name: found.rows(name) for name in COLUMNS} == {
                name: expected.rows(name) for name in COLUMNS
            }
    return found


def reasons(found: Tables) -> list[tuple[str, str, Decimal]]:
    return [(each["return_id"], each["reason"], each["quantity"]) for each in found.quarantine]


def test_a_kept_order_is_kept_in_its_currency(rules_conn: psycopg.Connection[Any]) -> None:
    before, after = (sold(1, row("T", "5", "100.00"), currency=each) for each in ("USD", "EUR"))
    back = [came_back(f"R-{each}", "SO-1", item("T", "1", currency=each)) for each in ("EUR", "USD")]
    found = in_turn(rules_conn, (before, [came_back("R1", "SO-1", item("T", "1"))], []), (after, back, []))
    assert reasons(found) == [("R-EUR", "currency_mismatch", 1)]
    assert [(note["return_id"], note["currency"]) for note in found.credit_notes] == [
        ("R1", "USD"),
        ("R-USD", "USD"),
    ]


def test_a_note_is_numbered_by_the_order_as_it_was_kept(rules_conn: psycopg.Connection[Any]) -> None:
    """Which is the order that the note names."""
    before, after = sold(1, row("T", "5", "100.00")), sold(1, row("T", "5", "100.00"), identifier="NEW-1")
    found = in_turn(
        rules_conn,
        (before, [came_back("R1", "SO-1", item("T", "1"))], []),
        (after, [came_back("R2", "NEW-1", item("T", "1"))], []),
    )
    assert [(note["credit_note_number"], note["order_identifier"]) for note in found.credit_notes] == [
        ("R1-SO-1", "SO-1"),
        ("R2-SO-1", "SO-1"),
    ]


@pytest.mark.parametrize("product_id", [None, "7"], ids=["found by SKU", "found by id"])
def test_units_are_checked_and_converted_once_the_product_is_known(
    rules_conn: psycopg.Connection[Any], product_id: str | None
) -> None:
    order = sold(1, row("T", "4", "10.00", unit="box", product_id=product_id))
    later = [
        came_back("R2", "SO-1", item("T", "12", unit_code="item")),
        came_back("R3", "SO-1", item("T", "0.5"), on=2),
    ]
    found = in_turn(
        rules_conn,
        (order, [came_back("R1", "SO-1", item("T", "1"))], []),
        (order, later, [product(7, "T", item=(0, "1"), box=(0, "12"))]),
    )
    assert reasons(found) == [("R3", "unit_mismatch", Decimal("0.5"))]
    assert found.sums()["total_amount"] == 20


def test_half_a_box_that_was_credited_before_its_precision_was_known_leaves_whole_ones(
    rules_conn: psycopg.Connection[Any],
) -> None:
    order = sold(1, row("T", "4", "10.00", unit="box"))
    found = in_turn(
        rules_conn,
        (order, [came_back("R1", "SO-1", item("T", "0.5"))], []),
        (order, [came_back("R2", "SO-1", item("T", "4"))], [product(7, "T", item=(0, "1"), box=(0, "12"))]),
    )
    assert (reasons(found), found.sums()["total_amount"]) == ([("R2", "over_return", 1)], 35)


def test_components_and_their_kit_are_converted_once_their_products_are_known(
    rules_conn: psycopg.Connection[Any],
) -> None:
    parts = (Part("X", Decimal(2), Decimal(10), unit="box"),)
    order = sold(1, row("KIT", "4", "30.00", unit="set", parts=parts))
    later = [
        came_back("R2", "SO-1", item("X", "12", unit_code="item")),
        came_back("R3", "SO-1", item("KIT", "2", unit_code="half"), on=2),
    ]
    found = in_turn(
        rules_conn,
        (order, [came_back("R1", "SO-1", item("KIT", "1"))], []),
        (
            order,
            later,
            [product(7, "X", item=(0, "1"), box=(0, "12")), product(8, "KIT", half=(0, "1"), set=(0, "2"))],
        ),
    )
    assert (reasons(found), found.sums()["total_amount"]) == ([], 75)


def test_a_free_form_line_has_no_product_though_its_sku_is_one(
    rules_conn: psycopg.Connection[Any],
) -> None:
    order = sold(1, row("T", "4", "10.00", unit="box", free_form=True))
    found = in_turn(
        rules_conn,
        (order, [came_back("R1", "SO-1", item("T", "1"))], []),
        (
            order,
            [came_back("R2", "SO-1", item("T", "12", unit_code="item"))],
            [product(7, "T", item=(0, "1"), box=(0, "12"))],
        ),
    )
    assert reasons(found) == [("R2", "unit_mismatch", 12)]
