"""Numbers of notes, flat amounts, shipping under a policy that changed, and holds that are asked for years."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.warehouse import reference
from rebound_oro_pipeline_tests.oracle.books import Books
from rebound_oro_pipeline_tests.oracle.decide import decide, world
from rebound_oro_pipeline_tests.rules.by_hand import came_back, day, item, row, sold
from rebound_oro_pipeline_tests.rules.deciding import DECIDED_AT, decide_with_oracle, seeds
from rebound_oro_pipeline_tests.rules.sql_runner import Landed, decide_with_sql, land, landed

A = row("A", "4", "3.00")
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("windows", [[None], [day(1), day(2)]], ids=["at once", "in turn"])
def test_notes_whose_numbers_would_be_the_same_are_told_apart(
    rules_conn: psycopg.Connection[Any], windows: Any
) -> None:
    """The first one bears the number, whether they are decided together or one after the other."""
    orders = [sold(1, A, identifier="2-3"), sold(2, A, identifier="3"), sold(3, A)]
    returns = [
        came_back("1", "2-3", item("A", "1")),
        came_back("1-2", "3", item("A", "1"), on=2),
        came_back("7", "SO-3", item("A", "1"), on=2),
    ]
    found = decide_with_sql(rules_conn, orders, returns, windows=windows)
    assert {note["credit_note_number"]: note["return_id"] for note in found.credit_notes} == {
        "1-2-3": "1",
        "1-2-3#2.1": "1-2",
        "7-SO-3": "7",
    }


def test_a_later_note_whose_number_another_order_bears_gets_one_of_its_own(
    rules_conn: psycopg.Connection[Any],
) -> None:
    orders = [sold(1, A, identifier="1001"), sold(2, A, identifier="1001-2")]
    with landed(rules_conn, orders, []) as there:
        for number, (order, units) in enumerate([("1001", "1"), ("1001-2", "2"), ("1001", "3")]):
            land(rules_conn, [], [came_back("R1", order, item("A", units, id="L1"))])
            found = there.decide(decided_at=DECIDED_AT + number * HOUR)
    assert sorted(note["credit_note_number"] for note in found.credit_notes) == [
        "R1-1001",
        "R1-1001-2",
        "R1-1001-2#1.2",
    ]


def test_notes_of_one_order_whose_numbers_would_be_the_same_are_told_apart(
    rules_conn: psycopg.Connection[Any],
) -> None:
    """The second note of return R, and the first one of return R-2."""
    with landed(rules_conn, [sold(1, A, identifier="2")], [came_back("R", "2", item("A", "1"))]) as there:
        there.decide()
        land(rules_conn, [], [came_back("R", "2", item("A", "2")), came_back("R-2", "2", item("A", "1"))])
        found = there.decide(decided_at=DECIDED_AT + HOUR)
    assert {note["credit_note_number"]: note["return_id"] for note in found.credit_notes} == {
        "R-2": "R",
        "R-2-2": "R",
        "R-2-2#1.1": "R-2",
    }


def test_a_flat_amount_is_taken_once_of_a_return_line(rules_conn: psycopg.Connection[Any]) -> None:
    """However its units lie on the order's lines."""
    orders = [sold(1, row("X", "1", "30.00"), row("X", "1", "50.00")), sold(2, row("X", "2", "40.00"))]
    returns = [came_back(f"R{n}", f"SO-{n}", item("X", "2")) for n in (1, 2)]
    policy = {"credit": {"restocking_fee": {"unwanted": {"flat": "5.00", "percent": "10"}}}}
    for decided in (decide_with_oracle, lambda *a, **b: decide_with_sql(rules_conn, *a, **b)):
        found = decided(orders, returns, policy=policy)
        assert sorted(note["fee_amount"] for note in found.credit_notes) == [Decimal(13), Decimal(13)]


@pytest.mark.parametrize(
    ("then", "fee"),
    [
        ([item("A", "3")], 1),
        ([item("A", "3", id="L1")], 1),
        ([item("A", "2", id="L1"), item("A", "1", id="L2")], 6),
    ],
    ids=["more units", "an id, and more units", "another line"],
)
def test_a_flat_amount_is_taken_once_however_often_the_hub_counts(
    rules_conn: psycopg.Connection[Any], then: list[dict[str, Any]], fee: int
) -> None:
    """It comes with the first note of a return line, so it does not matter when we looked."""
    order = sold(1, row("A", "4", "10.00"))
    policy = {"credit": {"restocking_fee": {"*": {"flat": "5.00", "percent": "10"}}}}
    books, fees = Books(), []
    with landed(rules_conn, [order], [], policy=policy) as there:
        for number, items in enumerate([[item("A", "2")], then]):
            version, at = came_back("R1", "SO-1", *items), DECIDED_AT + number * HOUR
            land(rules_conn, [], [version])
            fees = [note["fee_amount"] for note in there.decide(decided_at=at).credit_notes]
            seen = world([order], [version], [], [], policy, seeds())
            assert fees == [note["fee_amount"] for note in decide(seen, books, decided_at=at).credit_notes]
    assert fees == [7, fee]


@pytest.mark.parametrize("first", ["never", "by_reason", "pro_rata", "on_complete_return"])
@pytest.mark.parametrize("then", ["pro_rata", "on_complete_return"])
def test_the_note_that_completes_an_order_brings_what_is_left_of_shipping(
    rules_conn: psycopg.Connection[Any], first: str, then: str
) -> None:
    """Whatever the policy was before."""
    policy = {"credit": {"shipping": first}}
    with landed(
        rules_conn,
        [sold(1, row("A", "2", "10.00"), shipping="5.00")],
        [came_back("R1", "SO-1", item("A", "1"))],
        policy=policy,
    ) as there:
        there.decide()
        land(rules_conn, [], [came_back("R2", "SO-1", item("A", "1"), on=2)])
        new = Policy.model_validate({"credit": {"shipping": then}}).document()
        later = Landed(rules_conn, reference.save_policy(rules_conn, new))
        assert later.decide(decided_at=DECIDED_AT + HOUR).sums()["total_amount"] == 25


@pytest.mark.parametrize(
    ("hold", "days"),
    [({"longest_retry_minutes": 60}, (0, 1, 3, 13)), ({"give_up_after_days": 900}, (0, 30, 60, 899))],
    ids=["every hour", "for years"],
)
def test_a_hold_is_asked_again_until_it_is_given_up(
    rules_conn: psycopg.Connection[Any], hold: dict[str, int], days: tuple[int, ...]
) -> None:
    with landed(
        rules_conn,
        [sold(1, A, shipping_status="not_shipped")],
        [came_back("R1", "SO-1", item("A", "1"))],
        policy={"gate": {"hold": hold}},
    ) as there:
        pauses, attempts = [], []
        for number in days:
            at = DECIDED_AT + timedelta(days=number)
            (held,) = there.decide(decided_at=at).held
            pauses.append(held["next_check_at"] - at)
            attempts.append(held["attempts"])
        longest = timedelta(minutes=hold.get("longest_retry_minutes", 24 * 60))
        assert all(timedelta(0) < pause <= longest for pause in pauses)
        assert attempts == sorted(set(attempts))
        last = DECIDED_AT + timedelta(days=days[-1] + 1)
        found = there.decide(decided_at=last)
        assert (found.held, [each["reason"] for each in found.quarantine]) == ([], ["dispatch_timeout"])
