"""Deciding a single return again, and asking a hold before it is time."""

from datetime import UTC, datetime

import psycopg
import pytest

from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.services.operate_again import replay_return
from rebound_oro_pipeline.services.operate_deed import OperatorError
from rebound_oro_pipeline.services.operate_holds import HoldFilter, open_holds, release
from rebound_oro_pipeline_tests.services.operators_shop import (
    DEED,
    a_return,
    land,
    open_shop,
    order,
    places,
    rules,
)


def test_only_the_return_that_was_named_is_decided(conn: psycopg.Connection) -> None:
    """Another one of the same day goes on waiting for its own run; what was credited is not credited again."""
    later = a_return("R2", date_added="2026-11-01T10:00:01Z")
    there = open_shop(conn, [], [a_return("R1", display_id="RET-1"), later])
    land(conn, [order()], [])
    decided = replay_return(conn, "RET-1", DEED, rules(there), mapping=default_mapping())
    assert [note.credit_note_number for note in decided.notes] == ["R1-ORD-1"]
    assert places(conn, "R2") == {("held", "unknown_order"): 1}
    again = replay_return(conn, "R1", DEED, rules(there), mapping=default_mapping())
    assert not again.notes
    assert places(conn, "R1") == {("credited", None): 1}


def test_a_document_that_could_not_be_read_is_read_again(conn: psycopg.Connection) -> None:
    there = open_shop(conn, [order()], [{"id": "R1", "date_added": "2026-11-01T10:00:00Z", "item": "none"}])
    conn.execute(
        "update landing.malformed_documents set source = 'webhook', document = replace(document, '\"none\"',"
        ' \'[{"sku_code": "SHIRT", "quantity": "1"}]\')'
    )
    decided = replay_return(conn, "R1", DEED, rules(there), mapping=default_mapping())
    assert len(decided.places) == 1
    assert conn.execute("select source from landing.rebound_returns").fetchall() == [("webhook",)]
    with pytest.raises(OperatorError, match="no return R9"):
        replay_return(conn, "R9", DEED, rules(there), mapping=default_mapping())


def test_a_released_hold_is_due_now_and_still_held(conn: psycopg.Connection) -> None:
    open_shop(conn, [order(shipping_status="not_shipped")], [a_return("R1")])
    conn.execute("update ledger.holds set next_check_at = now() + interval '1 day'")
    release(conn, open_holds(conn, HoldFilter(order_reference=" ord-1 ")), DEED)
    [hold] = open_holds(conn, HoldFilter())
    assert hold.next_check_at <= datetime.now(UTC)
    assert conn.execute("select action, subject from outbox.audit_log").fetchall() == [
        ("hold released", "R1 / R1:SHIRT:1")
    ]
