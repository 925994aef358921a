"""Who comes first: by registration, then return id, then line key; the ledger tells it."""

import psycopg

from rebound_oro_pipeline_tests.services.operators_shop import Landed, a_return, land, open_shop, order

SEQUENCE = "select return_id, return_line_key from ledger.claims order by decision_id, line_number"


def test_lines_claim_by_registration_then_return_then_key(conn: psycopg.Connection) -> None:
    later = "2026-11-01T11:00:00Z"
    open_shop(
        conn,
        [order(1), order(2), order(3)],
        [
            a_return("R10"),
            a_return("R9", {"item_id": "b"}, {"item_id": "a"}, order_reference="ORD-2"),
            a_return("R1", order_reference="ORD-3", date_added=later),
        ],
    )
    assert conn.execute(SEQUENCE).fetchall() == [
        ("R9", "a"),
        ("R9", "b"),
        ("R10", "R10:SHIRT:1"),
        ("R1", "R1:SHIRT:1"),
    ]


def test_a_line_that_left_its_return_has_a_number_of_its_own(conn: psycopg.Connection) -> None:
    """It is counted beside those that the return lists now, and takes no number of the next return's."""
    shop: Landed = open_shop(conn, [order(1), order(2)], [a_return("R1", {"item_id": "a"})])
    land(
        conn,
        [],
        [
            a_return("R1", {"item_id": "b", "sku_code": "HAT"}),
            a_return("R2", order_reference="ORD-2", date_added="2026-11-01T11:00:00Z"),
        ],
    )
    shop.decide()
    numbered = "select line_number, return_id, return_line_key from intermediate.int_return_lines order by line_number"
    assert conn.execute(numbered).fetchall() == [(1, "R1", "b"), (2, "R1", "a"), (3, "R2", "R2:SHIRT:1")]
    assert conn.execute(SEQUENCE).fetchall() == [("R1", "a"), ("R2", "R2:SHIRT:1")]
