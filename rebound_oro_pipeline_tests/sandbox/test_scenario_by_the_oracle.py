"""A scenario, read over HTTP, decided by the rules' independent oracle: every situation leads where it says it does."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from rebound_oro_pipeline.sandbox.scenario_shares import SHARES, Situation
from rebound_oro_pipeline_tests.oracle.decide import Outcome, World, decide
from rebound_oro_pipeline_tests.oracle.documents import read_orders
from rebound_oro_pipeline_tests.sandbox_by_the_oracle import INCLUDED, pages, world_of
from rebound_oro_pipeline_tests.sandbox_process import Box, sandbox

LATER = {"received_quantity_decreased"}
"""Reasons that need a second look, after a credit."""
PATIENCE = {"dispatch_timeout": {"not_dispatched", "not_confirmed"}, "unknown_order": {"unknown_order"}}
"""Reasons that a line is held for first."""
UNEXPLAINED = {Situation.ORDER_DOES_NOT_ADD_UP, Situation.TAX_UNRESOLVABLE}


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with sandbox(tmp_path_factory.mktemp("oracle"), seed=4, orders=240, returns=80, days=12) as running:
        yield running


@pytest.fixture(scope="module")
def orders(box: Box) -> list[dict[str, Any]]:
    return list(pages(box, "orders", f"{INCLUDED},orderSubtotals"))


@pytest.fixture(scope="module")
def returns(box: Box) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = box.state("returns")["returns"]
    return told


@pytest.fixture(scope="module")
def seen(box: Box, orders: list[dict[str, Any]]) -> World:
    return world_of(box, orders)


@pytest.fixture(scope="module")
def outcome(seen: World) -> Outcome:
    return decide(seen)


@pytest.fixture(scope="module")
def situations(returns: list[dict[str, Any]]) -> dict[str, str]:
    return {each["id"]: each["situation"] for each in returns}


@pytest.mark.parametrize("situation", [each for each, share in SHARES.items() if share.leads_to])
def test_a_situation_leads_to_its_quarantine_reason(
    outcome: Outcome, situations: dict[str, str], situation: Situation
) -> None:
    expected = SHARES[situation].leads_to or ""
    of_it = {return_id for return_id, name in situations.items() if name == situation}
    reasons = {row["reason"] for row in outcome.quarantine if row["return_id"] in of_it}
    held = {row["reason"] for row in outcome.held if row["return_id"] in of_it}
    if expected in LATER:
        assert not reasons
    elif situation is not Situation.AMBIGUOUS_REFERENCE and expected in PATIENCE:
        assert held & PATIENCE[expected]
    else:
        assert expected in reasons


def test_a_situation_that_leads_nowhere_special_is_credited(
    outcome: Outcome, situations: dict[str, str]
) -> None:
    credited = {situations[note["return_id"]] for note in outcome.credit_notes}
    uncredited = {Situation.WITHDRAWN, Situation.DISPATCHED_LATER, Situation.RECEIVED_NONE}
    plain = {each for each in Situation if each is Situation.ORDINARY or not SHARES[each].leads_to}
    assert plain - uncredited <= credited


def test_no_situation_is_quarantined_that_does_not_say_so(
    outcome: Outcome, situations: dict[str, str]
) -> None:
    for row in outcome.quarantine:
        situation = Situation(situations[row["return_id"]])
        assert situation in SHARES, row
        assert SHARES[situation].leads_to == row["reason"], row


def test_every_order_is_explained_but_those_that_are_meant_not_to_be(
    seen: World, orders: list[dict[str, Any]], situations: dict[str, str]
) -> None:
    """Two independent readings of how Oro prices agree: the sandbox makes the figures, the oracle explains them."""
    every = [order for document in orders for order in read_orders(document)]
    unexplained = [order.identifier for order in every if isinstance(seen.explain(order), str)]
    assert len(every) == 240
    assert len(unexplained) == sum(name in UNEXPLAINED for name in situations.values())


def test_after_some_days_late_changes_and_late_orders_show(box: Box) -> None:
    """Last in this module: it moves the sandbox's time on."""
    before = {each["id"]: each["document"] for each in box.state("returns")["returns"]}
    box.control("clock", {"advance_hours": 24 * 4})
    state = box.state("returns", "orders")
    for each in state["returns"]:
        earlier, now = before[each["id"]], each["document"]
        if each["situation"] == Situation.WITHDRAWN_LATE:
            assert earlier["current_tracking_status"] in ("processed", "delivered")
            assert now["current_tracking_status"] == "cancelled"
        if each["situation"] == Situation.RECEIVED_CORRECTED:
            received = [Decimal(document["item"][0]["quantity_received"]) for document in (earlier, now)]
            assert received[0] > received[1]
    late = [order for order in state["orders"] if order["state"] == "shipped_later"]
    assert late
    assert {order["shipping_status"] for order in late} == {"shipped"}
