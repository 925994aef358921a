"""Decisions of operators: they act at once, hold in every later decision, and every unit stays in one place."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.services.operate_deed import Deed, OperatorError
from rebound_oro_pipeline.services.operate_quarantine import assign, history, reopen, settle, tag
from rebound_oro_pipeline.warehouse import reference
from rebound_oro_pipeline_tests.services.operators_shop import (
    DEED,
    a_return,
    land,
    open_shop,
    order,
    places,
    quarantined,
    rules,
)

SUBJECT = "R1 / R1:SHIRT:1"


def audit(conn: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return conn.execute(
        "select actor, action, subject, reason from outbox.audit_log order by audit_id"
    ).fetchall()


def test_rejected_units_stay_rejected_in_every_later_decision(conn: psycopg.Connection) -> None:
    there = open_shop(conn, [order()], [a_return("R1", {"quantity": "5"})])
    assert places(conn, "R1") == {("credited", None): 3, ("quarantined", "over_return"): 2}
    [decided] = settle(conn, quarantined(conn), "rejected", DEED, rules(there))
    expected = {("credited", None): Decimal(3), ("rejected", "over_return"): Decimal(2)}
    assert {(place.destination, place.reason): place.quantity for place in decided.places} == expected
    there.decide()
    assert places(conn, "R1") == expected
    assert not quarantined(conn)
    assert [row["resolution"] for row in history(conn, SUBJECT)["history"]] == ["rejected"]
    assert audit(conn) == [("maria", "quarantine rejected", SUBJECT, "counted again")]


def test_only_the_units_that_a_person_saw_are_taken_out(conn: psycopg.Connection) -> None:
    """Two units beyond the order are rejected; a third that is reported later opens a row of one."""
    there = open_shop(conn, [order()], [a_return("R1", {"quantity": "5"})])
    settle(conn, quarantined(conn), "written_off", DEED, rules(there))
    land(conn, [], [a_return("R1", {"quantity": "6"})])
    there.decide()
    assert places(conn, "R1") == {
        ("credited", None): 3,
        ("written_off", "over_return"): 2,
        ("quarantined", "over_return"): 1,
    }
    [row] = quarantined(conn)
    settle(conn, [row], "rejected", DEED, rules(there))
    land(conn, [], [a_return("R1", {"quantity": "4"})])
    there.decide()
    assert places(conn, "R1") == {("credited", None): 3, ("written_off", "over_return"): 1}


def test_a_rejected_line_is_not_credited_when_its_alias_comes(conn: psycopg.Connection) -> None:
    there = open_shop(
        conn, [order()], [a_return("R1", {"sku_code": "OLD"}), a_return("R2", {"sku_code": "OLD"})]
    )
    settle(conn, quarantined(conn, return_id="R1"), "rejected", DEED, rules(there))
    reference.add_alias(conn, "OLD", "SHIRT", added_by="maria")
    [again] = settle(conn, quarantined(conn, return_id="R2"), None, DEED, rules(there))
    there.decide()
    assert [note.total_amount for note in again.notes] == [Decimal("10.00")]
    assert places(conn, "R1") == {("rejected", "unknown_sku"): 1}
    assert places(conn, "R2") == {("credited", None): 1}
    assert [row["resolution"] for row in history(conn, "R2 / R2:OLD:1")["history"]] == ["healed"]


def test_reopening_puts_the_units_back(conn: psycopg.Connection) -> None:
    there = open_shop(conn, [order()], [a_return("R1", {"quantity": "5"})])
    settle(conn, quarantined(conn), "rejected", DEED, rules(there))
    reopen(conn, SUBJECT, None, Deed("ines", "was a mistake"), rules(there))
    assert places(conn, "R1") == {("credited", None): 3, ("quarantined", "over_return"): 2}
    assert history(conn, SUBJECT)["decisions"] == []
    assert [row[:2] for row in audit(conn)] == [
        ("maria", "quarantine rejected"),
        ("ines", "quarantine reopened"),
    ]
    with pytest.raises(OperatorError, match="nobody decided"):
        reopen(conn, SUBJECT, None, DEED, rules(there))
    settle(conn, quarantined(conn), "written_off", DEED, rules(there))
    assert places(conn, "R1") == {("credited", None): 3, ("written_off", "over_return"): 2}


def test_a_return_that_was_dated_anew_is_decided_where_it_lies_now(conn: psycopg.Connection) -> None:
    """Both when a row of its old day is settled, and when what a person said of it there is revoked."""
    there = open_shop(conn, [order()], [a_return("R1", {"quantity": "5"})])
    land(conn, [], [a_return("R1", {"quantity": "5"}, date_added="2026-11-05T10:00:00Z")])
    [decided] = settle(conn, quarantined(conn), "rejected", DEED, rules(there))
    assert {(place.destination, place.reason): place.quantity for place in decided.places} == {
        ("credited", None): 3,
        ("rejected", "over_return"): 2,
    }
    land(conn, [], [a_return("R1", {"quantity": "5"}, date_added="2026-11-07T10:00:00Z")])
    reopen(conn, SUBJECT, None, DEED, rules(there))
    assert places(conn, "R1") == {("credited", None): 3, ("quarantined", "over_return"): 2}
    [row] = quarantined(conn)
    assert (row.registered_at.day, row.quantity) == (7, 2)


def test_what_is_settled_in_a_transaction_of_the_caller_can_be_taken_back(conn: psycopg.Connection) -> None:
    """As a dry run does."""
    there = open_shop(conn, [order()], [a_return("R1", {"quantity": "5"})])
    with conn.transaction(force_rollback=True):
        [decided] = settle(conn, quarantined(conn), "rejected", DEED, rules(there))
    assert "rejected" in {place.destination for place in decided.places}
    assert places(conn, "R1")["quarantined", "over_return"] == 2
    assert len(quarantined(conn)) == 1
    assert not audit(conn)


@pytest.mark.parametrize(
    ("status", "reason"), [({"internal_status": "cancelled"}, "order_cancelled"), ({}, "unknown_disposition")]
)
def test_a_person_can_vouch_for_a_line(conn: psycopg.Connection, status: dict[str, Any], reason: str) -> None:
    """Its neighbours go on as before, and goods of which nobody knows what became do not go back on the shelf."""
    disposition = "lost" if reason == "unknown_disposition" else "restock"
    returns = [a_return(each, {"final_disposition": disposition}) for each in ("R1", "R2")]
    there = open_shop(conn, [order(**status)], returns)
    assert {row.reason for row in quarantined(conn)} == {reason}
    [decided] = settle(conn, quarantined(conn, return_id="R1"), "released", DEED, rules(there))
    there.decide()
    assert [note.total_amount for note in decided.notes] == [Decimal("10.00")]
    assert places(conn, "R1") == {("credited", None): 1}
    assert places(conn, "R2") == {("quarantined", reason): 1}
    [restocks] = [row["restocks"] for row in there.tables().inventory_deltas]
    assert restocks is (reason == "order_cancelled")


@pytest.mark.parametrize(
    ("then", "order_reference"),
    [({"id": "L1"}, "ORD-2"), ({"id": "L1", "sku_code": "CAP"}, "ORD-1")],
    ids=["another order", "other goods"],
)
def test_what_a_person_vouched_for_is_the_order_and_the_goods_that_they_saw(
    conn: psycopg.Connection, then: dict[str, Any], order_reference: str
) -> None:
    """Nobody has said anything of what ReBound lists instead."""
    cancelled = [order(number, internal_status="cancelled") for number in (1, 2)]
    there = open_shop(conn, cancelled, [a_return("R1", {"id": "L1"})])
    settle(conn, quarantined(conn), "released", DEED, rules(there))
    land(conn, [], [a_return("R1", then, order_reference=order_reference)])
    there.decide()
    assert places(conn, "R1")["quarantined", "order_cancelled"] == 1


def test_a_hold_that_was_given_up_can_be_released(conn: psycopg.Connection) -> None:
    there = open_shop(conn, [order(shipping_status="not_shipped")], [a_return("R1")])
    conn.execute("update ledger.holds set held_since = held_since - interval '20 days'")
    there.decide()
    [row] = quarantined(conn)
    assert row.reason == "dispatch_timeout"
    settle(conn, [row], "released", DEED, rules(there))
    there.decide()
    assert places(conn, "R1") == {("credited", None): 1}


def test_units_beyond_an_order_cannot_be_released(conn: psycopg.Connection) -> None:
    there = open_shop(conn, [order()], [a_return("R1", {"quantity": "5"})])
    with pytest.raises(OperatorError, match="over_return, which nobody can vouch against"):
        settle(conn, quarantined(conn), "released", DEED, rules(there))


def test_rows_without_units_of_their_own_are_closed_by_a_rejection(conn: psycopg.Connection) -> None:
    """A line that stands twice, a line and a document that cannot be read, and fewer units than were credited."""
    twice = a_return("R1", {"id": "L1"}, {"id": "L1", "quantity": "2"})
    there = open_shop(
        conn,
        [order(), order(2)],
        [
            twice,
            a_return("R2", {"quantity": "many"}, {}),
            {"id": "R3", "date_added": "2026-11-01T10:00:00Z", "item": "none"},
            a_return("R4", {"quantity": "2"}, order_reference="ORD-2"),
        ],
    )
    land(conn, [], [a_return("R4", {"quantity": "1"}, order_reference="ORD-2")])
    there.decide()
    found = {row.return_id: row.reason for row in quarantined(conn)}
    assert found == {
        "R1": "duplicate_line",
        "R2": "malformed_document",
        "R3": "malformed_document",
        "R4": "received_quantity_decreased",
    }
    settle(conn, quarantined(conn), "rejected", DEED, rules(there))
    there.decide()
    assert not quarantined(conn)
    assert places(conn, "R1") == {("credited", None): 1, ("rejected", "duplicate_line"): 2}
    assert places(conn, "R4") == {("credited", None): 2, ("rejected", "received_quantity_decreased"): 1}


def test_what_is_not_given_is_told_as_such(conn: psycopg.Connection) -> None:
    """Nobody looks for an empty word in a list."""
    unheard = {"final_disposition": "odd"}
    returns = [a_return("R1", {"final_disposition": ""}), a_return("R2", unheard)]
    returns += [a_return("R3", current_tracking_status=""), a_return("R4", current_tracking_status="odd")]
    open_shop(conn, [order()], returns)
    assert {row.return_id: row.detail for row in quarantined(conn)} == {
        "R1": "no disposition is given",
        "R2": "disposition 'odd' is not in the list",
        "R3": "no status is given",
        "R4": "status 'odd' is not in the list",
    }


def test_every_deed_has_a_name_and_a_reason() -> None:
    with pytest.raises(OperatorError, match="both required"):
        Deed("maria", " ")


def test_rows_are_found_by_who_works_on_them(conn: psycopg.Connection) -> None:
    open_shop(
        conn, [order()], [a_return("R1", {"quantity": "5"}), a_return("R2", {"final_disposition": "lost"})]
    )
    assign(conn, quarantined(conn, reason="over_return"), "maria", DEED)
    tag(conn, quarantined(conn, return_id="R1"), ["carrier", "claim"], [], DEED)
    tag(conn, quarantined(conn, return_id="R1"), [], ["claim"], DEED)
    [row] = quarantined(conn, owner="maria")
    assert (row.return_id, row.assignee, row.tags) == ("R1", "maria", ["carrier"])
    assert quarantined(conn, tag="carrier") == [row]
    assert len(quarantined(conn, owner="ops")) == 2
    assert not quarantined(conn, older_than_days=1000)
