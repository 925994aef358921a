"""ReBound keeps one order under each reference: what is offered under it must be what a return of it would find."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.services.offer_returnable_items import checks_of_offers
from rebound_oro_pipeline.sqlmodels.checks import run_checks
from rebound_oro_pipeline_tests.prepared import models
from rebound_oro_pipeline_tests.rules.deciding import DECIDED_AT
from rebound_oro_pipeline_tests.rules.offering import LATER, offer, offers, rows, three_shirts
from rebound_oro_pipeline_tests.rules.sql_runner import Landed, land, landed
from rebound_oro_pipeline_tests.services.operators_shop import a_return

NUMBER_FIRST = {"order_reference": ["poNumber", "identifier"]}
NUMBER_ONLY = {"order_reference": ["poNumber"]}

Conn = psycopg.Connection[Any]


def told(there: Landed) -> dict[str, tuple[str, str, str | None, int]]:
    """Return order id → reference, state, reason and units of its latest offer."""
    return {
        order_id: (row["order_reference"], row["state"], row["reason"], sum(row["items"].values()))
        for order_id, row in offers(there).items()
    }


def sent(there: Landed) -> dict[str, tuple[str, str | None]]:
    """Return offer → state and words of its message."""
    messages = rows(there, "select business_key, state::text, last_error from outbox.messages")
    return {row["business_key"]: (row["state"], row["last_error"]) for row in messages}


def test_an_order_whose_reference_becomes_ambiguous_is_withdrawn_and_offered_under_its_next(
    rules_conn: Conn,
) -> None:
    with landed(rules_conn, [three_shirts(1, po_number="PO")], [], policy=NUMBER_FIRST) as there:
        offer(there)
        land(there.conn, [three_shirts(2, po_number="po ")], [])
        counts = offer(there)
        assert (counts.offered, counts.withdrawn) == (1, 1)
        assert told(there) == {
            "1": ("PO", "withdrawn", "reference_shared", 0),
            "2": ("ORD-2", "offered", None, 3),
        }
        assert sent(there)["1:2"] == ("pending", None)
        assert offer(there).updated == 1
        assert told(there)["1"] == ("ORD-1", "offered", None, 3)
        assert sent(there)["1:3"] == ("pending", None)
        offer(there, LATER)
        assert offer(there, LATER).looked_at == 0


def test_what_is_withdrawn_is_what_the_decision_cannot_tell_apart(rules_conn: Conn) -> None:
    with landed(rules_conn, [three_shirts(1, po_number="PO")], [], policy=NUMBER_ONLY) as there:
        offer(there)
        land(there.conn, [three_shirts(2, po_number="PO")], [a_return("R1", order_reference="PO")])
        offer(there)
        [row] = there.decide().quarantine
        assert row["reason"] == "unknown_order"
        assert "ambiguous" in row["detail"]
        assert told(there) == {"1": ("PO", "withdrawn", "reference_shared", 0)}


def test_an_order_that_has_no_other_reference_is_counted_until_its_own_is_given_back(
    rules_conn: Conn,
) -> None:
    """What gives it back is a change of the other order, which has nothing in common with it any more."""
    with landed(rules_conn, [three_shirts(1, po_number="PO")], [], policy=NUMBER_ONLY) as there:
        offer(there)
        land(there.conn, [three_shirts(2, po_number="PO")], [])
        assert offer(there).without_reference == 2
        offer(there, LATER)
        again = offer(there, LATER)
        assert (again.looked_at, again.withdrawn, again.without_reference) == (1, 0, 1)
        land(there.conn, [three_shirts(2, po_number="PO-2")], [])
        assert offer(there).updated == 1
        assert told(there) == {"1": ("PO", "offered", None, 3), "2": ("PO-2", "offered", None, 3)}


def test_an_old_order_that_is_not_offered_makes_a_reference_ambiguous_too(rules_conn: Conn) -> None:
    long_ago = (DECIDED_AT - timedelta(days=400)).isoformat()
    with landed(rules_conn, [three_shirts(1, po_number="PO")], [], policy=NUMBER_ONLY) as there:
        offer(there)
        old = three_shirts(2, po_number="PO")
        old["data"]["attributes"]["createdAt"] = long_ago
        land(there.conn, [old], [])
        assert offer(there).withdrawn == 1


def test_a_reference_by_which_nobody_is_found_makes_nothing_ambiguous(rules_conn: Conn) -> None:
    """Many orders of a customer may bear one purchase order number."""
    policy = {"order_reference": ["identifier"]}
    with landed(rules_conn, [three_shirts(1, po_number="PO")], [], policy=policy) as there:
        offer(there)
        land(there.conn, [three_shirts(2, po_number="PO"), three_shirts(3, po_number="ORD-1")], [])
        assert offer(there).withdrawn == 0
        assert {state for _, state, _, _ in told(there).values()} == {"offered"}


def test_an_order_whose_reference_means_another_one_by_now_takes_nothing_away_from_it(
    rules_conn: Conn,
) -> None:
    with landed(rules_conn, [three_shirts(1)], [], policy=NUMBER_FIRST) as there:
        offer(there)
        land(there.conn, [three_shirts(2, po_number="ORD-1")], [])
        assert offer(there).withdrawn == 1
        land(there.conn, [three_shirts(1, internal_status="cancelled")], [])
        assert offer(there).withdrawn == 0
        assert sent(there) == {
            "1:1": ("pending", None),
            "1:2": ("skipped", "order 2 is offered under ORD-1"),
            "2:1": ("pending", None),
        }


def test_a_return_cannot_start_under_a_reference_that_means_an_order_which_is_not_offered(
    rules_conn: Conn,
) -> None:
    """It would be held, and later be credited to the wrong order."""
    with landed(rules_conn, [three_shirts(1)], [], policy=NUMBER_FIRST) as there:
        offer(there)
        land(there.conn, [three_shirts(2, po_number="ORD-1", shipping_status="not_shipped")], [])
        assert offer(there).withdrawn == 1
        assert sent(there)["1:2"] == ("pending", None)


def test_of_two_orders_that_were_offered_under_a_reference_none_stays_once_it_is_ambiguous(
    rules_conn: Conn,
) -> None:
    with landed(rules_conn, [three_shirts(1, po_number="PO")], [], policy=NUMBER_ONLY) as there:
        offer(there)
        land(there.conn, [three_shirts(1, po_number="PO-1"), three_shirts(2, po_number="PO")], [])
        offer(there)
        assert told(there)["2"] == ("PO", "offered", None, 3)
        assert sent(there)["1:2"] == ("skipped", "order 2 is offered under PO")
        land(there.conn, [three_shirts(3, po_number="PO")], [])
        offer(there)
        assert told(there) == {
            "1": ("PO-1", "offered", None, 3),
            "2": ("PO", "withdrawn", "reference_shared", 0),
        }
        assert sent(there)["2:2"] == ("pending", None)


@pytest.mark.parametrize(("change", "last"), [("cancelled", "withdrawn"), ("open", "offered")])
def test_an_order_that_is_cancelled_meanwhile_is_offered_nowhere_else(
    rules_conn: Conn, change: str, last: str
) -> None:
    with landed(rules_conn, [three_shirts(1, po_number="PO")], [], policy=NUMBER_FIRST) as there:
        offer(there)
        land(there.conn, [three_shirts(2, po_number="PO")], [])
        offer(there)
        land(there.conn, [three_shirts(1, po_number="PO", internal_status=change)], [])
        offer(there)
        assert offers(there)["1"]["state"] == last
        assert offers(there)["1"]["order_reference"] == ("PO" if last == "withdrawn" else "ORD-1")


def test_an_offer_under_a_reference_that_is_not_its_own_would_be_rolled_back(rules_conn: Conn) -> None:
    with landed(rules_conn, [three_shirts(1, po_number="PO")], [], policy=NUMBER_FIRST) as there:
        offer(there)
        land(there.conn, [three_shirts(2, po_number="PO")], [])
        offer(there)
        checks = checks_of_offers(models())
        parameters = {"policy_version": there.policy_version, "window_start": LATER, "window_end": LATER}
        parameters |= {"decided_at": LATER, "decision_id": 0, "run_id": "test"}
        failing = {check.name for check in run_checks(there.conn, checks, parameters) if not check.passed}
        assert failing == set()
        there.conn.execute("alter table ledger.offers disable trigger user")
        there.conn.execute(
            "update ledger.offers set state = 'offered', reason = null where state = 'withdrawn'"
        )
        failing = {check.name for check in run_checks(there.conn, checks, parameters) if not check.passed}
        assert failing == {"assert_offers_are_found_by_their_reference"}


def test_an_order_that_is_too_old_is_not_offered_under_another_reference(rules_conn: Conn) -> None:
    with landed(rules_conn, [three_shirts(1, po_number="PO")], [], policy=NUMBER_FIRST) as there:
        offer(there)
        land(there.conn, [three_shirts(2, po_number="PO")], [])
        offer(there)
        assert offer(there, DECIDED_AT + timedelta(days=60)).updated == 0
        assert told(there)["1"] == ("PO", "withdrawn", "reference_shared", 0)
