"""Traces: any id leads to the same story, in the order in which it happened."""

import psycopg
import pytest

from rebound_oro_pipeline.services.operate_deed import OperatorError
from rebound_oro_pipeline.services.operate_quarantine import assign, settle, tag
from rebound_oro_pipeline.services.trace import trace
from rebound_oro_pipeline_tests.services.operators_shop import (
    DEED,
    a_return,
    land,
    open_shop,
    order,
    quarantined,
    rules,
)


def test_any_id_tells_the_story_of_a_return(conn: psycopg.Connection) -> None:
    there = open_shop(conn, [order()], [a_return("R1", {"quantity": "5"}, display_id="RET-0001")])
    settle(conn, quarantined(conn), "rejected", DEED, rules(there))
    conn.execute("update outbox.messages set created_at = (select min(decided_at) from ledger.credit_notes)")
    stories = {given: trace(conn, given) for given in ("R1", "RET-0001", "ord-1", "R1-ORD-1", "shirt")}
    assert {story.return_ids for story in stories.values()} == {("R1",)}
    assert {story.order_ids for story in stories.values()} == {("1",)}
    [story, *others] = stories.values()
    assert all(other.events == story.events for other in others)
    assert [event.at for event in story.events] == sorted(event.at for event in story.events)
    said = [event.event for event in story.events]
    causes = ("order landed", "units claimed", "credit note decided", "stock decided", "message written")
    assert [said.index(each) for each in causes] == sorted(said.index(each) for each in causes)
    assert {event.event for event in story.events} == {
        "return landed",
        "order landed",
        "order kept",
        "units claimed",
        "credit note decided",
        "stock decided",
        "quarantined",
        "quarantine ended",
        "message written",
        "audit: quarantine rejected",
    }
    assert {place.destination for place in story.places} == {"credited", "rejected"}
    [landed] = [event for event in story.events if event.event == "return landed"]
    assert landed.payload["id"] == "R1"


def test_what_other_commands_print_can_be_traced(conn: psycopg.Connection) -> None:
    """An operator copies what a list shows."""
    torn = a_return("R2") | {"date_added": "soon"}
    open_shop(conn, [order()], [a_return("R1", {"quantity": "5"}), torn])
    [subject] = [row.subject for row in quarantined(conn) if row.return_id == "R1"]
    meant = {
        subject: "return R1",
        "rebound returns R2": "return R2",
        "R1-ORD-1:1": "note R1-ORD-1",
        "1:1": "order 1",
    }
    assert {
        given: ", ".join(f"{each.kind} {each.id}" for each in trace(conn, given).meanings) for given in meant
    } == meant
    with pytest.raises(OperatorError, match="nothing is known under 'R1 / R1:SHIRT:1' as note"):
        trace(conn, "R1 / R1:SHIRT:1", kinds=("note",))


def test_who_works_on_a_row_is_part_of_the_story(conn: psycopg.Connection) -> None:
    open_shop(conn, [order()], [a_return("R1", {"quantity": "5"})])
    rows = quarantined(conn)
    assign(conn, rows, "maria", DEED)
    assign(conn, rows, None, DEED)
    tag(conn, rows, ["carrier", "claim"], ["late"], DEED)
    said = [event.said for event in trace(conn, "R1").events if event.event.startswith("audit: ")]
    assert [each.partition(", by ")[0] for each in said] == [
        "to maria",
        "to nobody",
        "added carrier and claim, removed late",
    ]


def test_amounts_have_the_digits_of_their_currency(conn: psycopg.Connection) -> None:
    """OroCommerce stores four digits whatever the currency."""
    open_shop(conn, [order()], [a_return("R1")])
    conn.execute("update landing.oro_orders set total_value = 30.0000")
    conn.execute("alter table ledger.orders disable trigger user")
    conn.execute("update ledger.orders set total_value = 30.0000")
    conn.execute(
        "insert into reconciliation.oro_credit_notes (credit_note_number, remote_id, order_id, currency, total_amount,"
        " read_at) values ('R1-ORD-1', '7', '1', 'USD', 10.0000, now())"
    )
    said = {event.event: event.said for event in trace(conn, "R1").events}
    assert said["order landed"].startswith("ORD-1, 30.00 USD, ")
    assert said["order kept"].startswith("30.00 USD, ")
    assert "10.00 USD" in said["credit note decided"]
    assert ", 10.00 USD, " in said["read back"]


def test_what_rebound_was_told_of_an_order_is_part_of_its_story(conn: psycopg.Connection) -> None:
    there = open_shop(conn, [order()], [a_return("R1")])
    conn.execute(
        "insert into ledger.offers (order_id, version, order_reference, order_date, currency, state, reason, items,"
        " document_hash, offered_at, policy_version)"
        " values ('1', 1, 'ORD-1', '2026-11-01', 'USD', 'offered', null, '[{}, {}]', '', now(), %(policy)s),"
        " ('1', 2, 'ORD-1', '2026-11-01', 'USD', 'withdrawn', 'order_cancelled', '[]', '', now(), %(policy)s)",
        {"policy": there.policy_version},
    )
    said = {event.event: (event.subject, event.said) for event in trace(conn, "R1").events}
    assert said["offer decided"] == ("1:1", "ORD-1, 2 items may come back")
    assert said["offer withdrawn"] == ("1:2", "ORD-1, order_cancelled")


def test_earlier_versions_and_documents_that_could_not_be_read_are_told(conn: psycopg.Connection) -> None:
    open_shop(conn, [order()], [a_return("R1", current_tracking_status="created")])
    land(conn, [], [a_return("R1"), {"id": "R2", "item": "none"}])
    assert [event.event for event in trace(conn, "R1").events].count("return landed") == 2
    assert "document not read" in {event.event for event in trace(conn, "R2").events}


def test_an_id_may_mean_several_things(conn: psycopg.Connection) -> None:
    """A return may bear the number of somebody else's order."""
    open_shop(conn, [order()], [a_return("1", order_reference="ORD-9")])
    assert [meaning.kind for meaning in trace(conn, "1").meanings] == ["order", "return"]
    assert trace(conn, "1", kinds=["order"]).return_ids == ()
    with pytest.raises(OperatorError, match=r"under 'R9' as return or order or note or sku$"):
        trace(conn, "R9")
    conn.execute(
        "insert into inbox.deliveries (source, event_id, received_at, headers, body, content_hash)"
        " values ('rebound', 'R9', now(), '{}', '', '')"
    )
    with pytest.raises(OperatorError, match="webhooks that nobody has read yet: 1"):
        trace(conn, "R9")
