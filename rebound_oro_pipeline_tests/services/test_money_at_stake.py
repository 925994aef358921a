"""The money at stake: counted in what came back, converted as the decision converts, and never beyond the sale."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.services.operate_holds import HoldFilter, open_holds
from rebound_oro_pipeline.services.sync_health import figures
from rebound_oro_pipeline.warehouse import reference
from rebound_oro_pipeline_tests.rules.by_hand import product
from rebound_oro_pipeline_tests.rules.price import Part, Row, Sale, order_document
from rebound_oro_pipeline_tests.rules.sql_runner import Landed, land
from rebound_oro_pipeline_tests.services.operators_shop import a_return, open_shop, quarantined

BOXES = Row("SHIRT", Decimal(5), Decimal("100.00"), unit="box", product_id="7")
ITEMS = Row("SHIRT", Decimal(200), Decimal("2.00"), unit="item", product_id="7")
CAP = Row("CAP", Decimal(5), Decimal("50.00"))
IN_BOXES = product(7, "SHIRT", item=(0, "1"), box=(0, "50"))
TWO_BOXES = product(7, "SHIRT", item=(0, "1"), box=(0, "50"), Box=(0, "10"))
SPELT = product(7, "SHIRT", item=(0, "1"), BOX=(0, "50"))


def opened(
    conn: psycopg.Connection[Any],
    *rows: Row,
    item: dict[str, str],
    products: tuple[dict[str, Any], ...] = (IN_BOXES,),
    **sale: Any,
) -> Landed:
    """Decide a return of a disposition that nobody knows."""
    order = order_document(Sale("1", "ORD-1", rows, **sale))
    land(conn, [order], [a_return("R1", {**item, "final_disposition": "odd"})], products)
    there = Landed(conn, reference.save_policy(conn, Policy().document()))
    there.decide()
    return there


@pytest.mark.parametrize(
    ("row", "products", "item", "worth"),
    [
        (BOXES, (IN_BOXES,), {"quantity": "100", "unit": "item"}, "200.00"),
        (BOXES, (IN_BOXES,), {"quantity": "2", "unit": "box"}, "200.00"),
        (BOXES, (IN_BOXES,), {"quantity": "2"}, "200.00"),
        (ITEMS, (IN_BOXES,), {"quantity": "2", "unit": "box"}, "200.00"),
        (ITEMS, (IN_BOXES,), {"quantity": "2", "unit": "BOX"}, "200.00"),
        (BOXES, (TWO_BOXES,), {"quantity": "5", "unit": "Box"}, "100.00"),
        (BOXES, (TWO_BOXES,), {"quantity": "1", "unit": "BOX"}, "100.00"),
        (BOXES, (SPELT,), {"quantity": "1", "unit": "Box"}, "100.00"),
        (BOXES, (), {"quantity": "1", "unit": "Box"}, "100.00"),
        (ITEMS, (), {"quantity": "2", "unit": "box"}, None),
        (BOXES, (IN_BOXES,), {"quantity": "2", "unit": "roll"}, None),
        (
            BOXES,
            (product(7, "SHIRT", item=(0, "1"), box=(0, "0")),),
            {"quantity": "50", "unit": "item"},
            None,
        ),
    ],
)
def test_units_are_worth_what_they_are_credited_with_once_they_can_be(
    conn: psycopg.Connection,
    row: Row,
    products: tuple[dict[str, Any], ...],
    item: dict[str, str],
    worth: str | None,
) -> None:
    """Without discounts and tax the estimate is the credit; the unit of a return is read in two places, in one way."""
    there = opened(conn, row, item=item, products=products)
    [waiting] = quarantined(conn)
    assert waiting.amount_at_stake == (None if worth is None else Decimal(worth))
    land(conn, [], [a_return("R1", item)])
    there.decide()
    credited = [total for (total,) in conn.execute("select total_amount from ledger.credit_notes")]
    assert credited == ([] if worth is None else [Decimal(worth)])


def test_units_are_worth_no_more_than_all_that_was_sold_of_them(conn: psycopg.Connection) -> None:
    """Five hundred of five are no money of anybody's; the price is that of the cheaper line."""
    shirt = Row("SHIRT", Decimal(5), Decimal("10.00"))
    dearer = Row("SHIRT", Decimal(1), Decimal("12.00"))
    opened(conn, shirt, dearer, item={"quantity": "500"})
    assert [each.amount_at_stake for each in quarantined(conn)] == [Decimal("62.00")]


def test_components_are_worth_no_more_than_those_of_all_kits(conn: psycopg.Connection) -> None:
    kit = Row("SET", Decimal(3), Decimal("20.00"), parts=(Part("CUP", Decimal(2), Decimal("4.00")),))
    opened(conn, kit, item={"sku_code": "CUP", "quantity": "7"})
    assert [each.amount_at_stake for each in quarantined(conn)] == [Decimal("24.00")]


def test_the_figures_add_up_what_is_held_and_what_is_quarantined_in_converted_units(
    conn: psycopg.Connection,
) -> None:
    there = opened(conn, BOXES, item={"quantity": "100", "unit": "item"})
    early = order_document(Sale("2", "ORD-2", (BOXES,), shipping_status="not_shipped"))
    land(conn, [early], [a_return("R2", {"quantity": "50", "unit": "item"}, order_reference="ORD-2")])
    there.decide()
    assert [each.amount_at_stake for each in open_holds(conn, HoldFilter())] == [Decimal("100.00")]
    stake = {each.label: each.value for each in figures(conn) if each.figure == "amount_at_stake"}
    assert stake == {"quarantined USD": 200, "held USD": 100}


@pytest.mark.parametrize("then", [[], [{"id": "L1", "sku_code": "CAP"}]], ids=["left out", "other goods"])
def test_units_that_did_not_come_back_are_worth_what_was_credited_of_them(
    conn: psycopg.Connection[Any], then: list[dict[str, str]]
) -> None:
    """Not nothing, because the line is gone, and not what stands there now."""
    sale = Sale("1", "ORD-1", (Row("SHIRT", Decimal(3), Decimal("10.00"), Decimal("0.1")), CAP))
    stays, gone = {"id": "L0", "sku_code": "CAP"}, {"id": "L1", "quantity": "2"}
    there = open_shop(conn, [order_document(sale)], [a_return("R1", stays, gone)])
    land(conn, [], [a_return("R1", stays, *then)])
    there.decide()
    [row] = quarantined(conn)
    assert (row.reason, row.quantity) == ("received_quantity_decreased", 2)
    assert (row.currency, row.amount_at_stake) == ("USD", Decimal("22.00"))
