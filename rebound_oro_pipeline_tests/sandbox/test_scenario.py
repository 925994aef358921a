"""A scenario is made from one integer, and holds what it says it holds."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from rebound_oro_pipeline.sandbox.rebound.records import ReturnRecord
from rebound_oro_pipeline.sandbox.scenario import (
    ORDERS_BEFORE,
    SOONEST_RETURN,
    Scenario,
    ScenarioSettings,
    build_scenario,
)
from rebound_oro_pipeline.sandbox.scenario_orders import PlannedOrder
from rebound_oro_pipeline.sandbox.scenario_shares import ORDER_STATES, SHARES, OrderState, Situation

UNTIL = datetime(2026, 3, 16, tzinfo=UTC)
SETTINGS = ScenarioSettings(seed=11, days=20, orders=1000, returns=500, until=UNTIL)

FINGERPRINT = """
import hashlib
from datetime import UTC, datetime
from rebound_oro_pipeline.sandbox.scenario import ScenarioSettings, build_scenario
settings = ScenarioSettings(seed=5, days=4, orders=60, returns=50, until=datetime(2026, 3, 16, tzinfo=UTC))
scenario = build_scenario(settings)
print(hashlib.sha256(repr((scenario.orders, scenario.returns)).encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return build_scenario(SETTINGS)


@pytest.fixture(scope="module")
def of(scenario: Scenario) -> dict[str, list[tuple[ReturnRecord, PlannedOrder | None]]]:
    """Group the returns, each with its order, by situation."""
    orders = {order.identifier: order for order in scenario.orders}
    by_reference = orders | {
        reference: order
        for order in scenario.orders
        for reference in (order.po_number, order.external_id)
        if reference
    }
    found: dict[str, list[tuple[ReturnRecord, PlannedOrder | None]]] = {}
    for record in scenario.returns:
        reference = str(record.fields["order_reference"]).strip()
        order = by_reference.get(reference) or by_reference.get(reference.upper())
        found.setdefault(record.situation, []).append((record, order))
    return found


def announced(record: ReturnRecord) -> Decimal:
    return sum((Decimal(str(item.fields["quantity"])) for item in record.items), Decimal(0))


def test_the_same_integer_gives_the_same_scenario_in_every_process() -> None:
    """Not even the order of a set may show, so hash seeds differ."""
    seen = set()
    for hash_seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        ran = subprocess.run(
            [sys.executable, "-c", FINGERPRINT], env=environment, capture_output=True, text=True, check=True
        )
        seen.add(ran.stdout.strip())
    assert len(seen) == 1
    assert len(seen.pop()) == hashlib.sha256().digest_size * 2


def test_another_integer_gives_another_scenario(scenario: Scenario) -> None:
    other = build_scenario(replace(SETTINGS, seed=12))
    assert [order.priced.total for order in other.orders] != [order.priced.total for order in scenario.orders]
    assert [record.situation for record in other.returns] != [record.situation for record in scenario.returns]


def test_the_counts_are_those_that_were_asked_for(scenario: Scenario) -> None:
    assert (len(scenario.orders), len(scenario.returns)) == (1000, 500)


def test_every_situation_occurs_in_its_share(scenario: Scenario) -> None:
    counts = Counter(record.situation for record in scenario.returns)
    for situation, share in SHARES.items():
        assert counts[situation] == max(1, round(share.of_returns * 500)), situation
    assert counts[Situation.ORDINARY] > 0.3 * 500


def test_every_situation_occurs_once_there_are_enough_returns() -> None:
    small = build_scenario(replace(SETTINGS, orders=200, returns=60))
    assert {record.situation for record in small.returns} == set(Situation)


def test_order_states_keep_their_shares(scenario: Scenario) -> None:
    """Situations ask for shipped orders mostly, so the others may fall a little below."""
    counts = Counter(order.state for order in scenario.orders)
    for state, share in ORDER_STATES.items():
        if state != OrderState.SHIPPED:
            assert 0.3 * share <= counts[OrderState(state)] / 1000 <= 1.6 * share, state


def test_orders_are_placed_over_the_days_before_and_returns_are_registered_within_them(
    scenario: Scenario,
) -> None:
    first_day = UNTIL - timedelta(days=20)
    placed = [order.placed_at for order in scenario.orders]
    assert placed == sorted(placed)
    assert first_day - ORDERS_BEFORE <= placed[0]
    assert placed[-1] < UNTIL
    registered = [record.registered_at for record in scenario.returns]
    assert registered == sorted(registered)
    assert first_day <= registered[0]
    assert registered[-1] < UNTIL
    days = {moment.date() for moment in registered}
    assert len(days) == 20


def test_orders_are_b2b_orders(scenario: Scenario) -> None:
    lines = [line for order in scenario.orders for line in order.lines]
    quantities = [line.quantity for line in lines if line.product is not None]
    assert min(quantities) >= 1
    assert 300 <= max(quantities) <= 500
    assert {"item", "set", "box", "meter"} <= {line.unit for line in lines}
    assert {order.priced.order.currency for order in scenario.orders} == {"USD", "EUR", "GBP", "JPY"}
    assert any(line.product is None for line in lines)
    assert any(line.quantity != int(line.quantity) for line in lines)
    assert any(line.value.as_tuple().exponent == -4 for line in lines)
    rates = {line.tax.rate if line.tax else None for line in lines}
    assert len(rates) >= 7
    assert None in rates
    assert {2, 3, 4} == {len(product.parts) for product in scenario.catalogue.products if product.parts}
    rates_of_units = {unit.rate for product in scenario.catalogue.products for unit in product.units}
    assert {1, 12, 24, 50} <= rates_of_units


def test_orders_have_every_kind_of_discount_and_taxed_shipping(scenario: Scenario) -> None:
    priced = [order.priced for order in scenario.orders]
    discounts = [discount for each in priced for discount in each.order.discounts]
    assert any(discount.amount for discount in discounts)
    assert any(discount.fraction for discount in discounts)
    assert any(any(each.promoted.line_discounts) for each in priced)
    assert any(each.promoted.order_discount for each in priced)
    assert any(each.promoted.shipping_discount for each in priced)
    assert any(each.taxes and each.taxes.shipping and each.taxes.shipping.tax for each in priced)
    settings = {each.settings.taxes for each in priced}
    assert {True, False} == {each.prices_include_tax for each in settings}
    assert {True, False} == {each.after_promotions for each in settings}
    assert {"item", "total"} == {each.round_on for each in settings}


def test_cents_of_lines_and_of_the_total_differ_on_some_orders(scenario: Scenario) -> None:
    """Oro rounds the total once: line taxes as shown do not sum to what is charged."""

    def differs(order: PlannedOrder) -> bool:
        taxes = order.priced.taxes
        assert taxes is not None
        return sum(line.row.rounded().tax for line in taxes.lines) != taxes.items.rounded().tax

    assert sum(map(differs, scenario.orders)) > 30


def test_ordinary_returns_never_exceed_their_orders(scenario: Scenario) -> None:
    assert all(left >= 0 for order in scenario.orders for left in order.left)


def test_several_returns_come_on_one_order(
    of: dict[str, list[tuple[ReturnRecord, PlannedOrder | None]]],
) -> None:
    orders = Counter(order.number for _, order in of["ordinary"] if order)
    assert max(orders.values()) >= 2


def test_returns_come_after_their_orders(
    of: dict[str, list[tuple[ReturnRecord, PlannedOrder | None]]],
) -> None:
    waits = [
        record.registered_at - order.placed_at for pairs in of.values() for record, order in pairs if order
    ]
    assert min(waits) >= SOONEST_RETURN


@pytest.mark.parametrize(
    ("situation", "state"),
    [
        (Situation.UNDISPATCHED, OrderState.NOT_SHIPPED),
        (Situation.DISPATCHED_LATER, OrderState.SHIPPED_LATER),
        (Situation.PENDING_ORDER, OrderState.PENDING),
        (Situation.CANCELLED_ORDER, OrderState.CANCELLED),
        (Situation.IMPORTED_ORDER, OrderState.IMPORTED),
        (Situation.COMPLETE, OrderState.SHIPPED),
    ],
)
def test_the_order_is_in_the_state_that_the_situation_asks_for(
    of: dict[str, list[tuple[ReturnRecord, PlannedOrder | None]]], situation: Situation, state: OrderState
) -> None:
    assert {order and order.state for _, order in of[situation]} == {state}


def test_references_are_as_the_situation_says(
    of: dict[str, list[tuple[ReturnRecord, PlannedOrder | None]]], scenario: Scenario
) -> None:
    def references(situation: Situation) -> list[tuple[str, PlannedOrder | None]]:
        return [(str(record.fields["order_reference"]), order) for record, order in of[situation]]

    assert all(order and text == order.po_number for text, order in references(Situation.BY_PO_NUMBER))
    assert all(order and text == order.external_id for text, order in references(Situation.BY_EXTERNAL_ID))
    assert all(order is None for _, order in references(Situation.UNKNOWN_ORDER))
    for text, order in references(Situation.SLOPPY_REFERENCE):
        assert order is not None
        assert text != order.identifier
        assert text.strip().upper() == order.identifier
    numbers = Counter(order.po_number for order in scenario.orders)
    assert all(numbers[text] == 2 for text, _ in references(Situation.AMBIGUOUS_REFERENCE))


def test_kits_come_back_whole_or_in_parts(
    of: dict[str, list[tuple[ReturnRecord, PlannedOrder | None]]],
) -> None:
    for record, order in of[Situation.WHOLE_KIT]:
        assert order is not None
        assert record.items[0].fields["sku_code"] == order.lines[0].sku
        assert order.lines[0].parts
    for record, order in of[Situation.KIT_COMPONENT]:
        assert order is not None
        assert record.items[0].fields["sku_code"] in {part.sku for part in order.lines[0].parts}


def test_former_skus_are_in_the_alias_list_or_left_out_of_it(
    of: dict[str, list[tuple[ReturnRecord, PlannedOrder | None]]], scenario: Scenario
) -> None:
    known = dict(scenario.catalogue.aliases())
    for record, order in of[Situation.FORMER_SKU]:
        assert order is not None
        assert known[str(record.items[0].fields["sku_code"])] == order.lines[0].sku
    for record, _ in of[Situation.FORMER_SKU_UNLISTED]:
        assert str(record.items[0].fields["sku_code"]).startswith("OLD-")
        assert record.items[0].fields["sku_code"] not in known


def test_one_sku_on_two_lines_is_returned_beyond_either(
    of: dict[str, list[tuple[ReturnRecord, PlannedOrder | None]]],
) -> None:
    for record, order in of[Situation.SAME_SKU_TWICE]:
        assert order is not None
        first, second = order.lines[:2]
        assert first.sku == second.sku == record.items[0].fields["sku_code"]
        assert max(first.quantity, second.quantity) < announced(record) <= first.quantity + second.quantity


def test_too_much_comes_back_in_an_over_return(
    of: dict[str, list[tuple[ReturnRecord, PlannedOrder | None]]],
) -> None:
    for record, order in of[Situation.OVER_RETURN]:
        assert order is not None
        assert announced(record) > order.lines[0].quantity


def test_a_complete_return_holds_all_that_was_ordered(
    of: dict[str, list[tuple[ReturnRecord, PlannedOrder | None]]],
) -> None:
    for record, order in of[Situation.COMPLETE]:
        assert order is not None
        skus = {item.fields["sku_code"] for item in record.items}
        for line in order.lines:
            assert line.sku in skus or {part.sku for part in line.parts} <= skus


def test_what_the_hub_counts_is_as_the_situation_says(
    of: dict[str, list[tuple[ReturnRecord, PlannedOrder | None]]],
) -> None:
    for record, _ in of[Situation.RECEIVED_NONE]:
        assert [step.value for step in record.items[0].received] == ["0"]
    for record, _ in of[Situation.RECEIVED_LESS]:
        [step] = record.items[0].received
        assert Decimal(step.value or "") < Decimal(str(record.items[0].fields["quantity"]))
    for record, _ in of[Situation.RECEIVED_LATER]:
        first, then = record.items[0].received
        assert Decimal(first.value or "") < Decimal(then.value or "")
        assert first.at < then.at
    for record, _ in of[Situation.RECEIVED_CORRECTED]:
        first, then = record.items[0].received
        assert Decimal(first.value or "") > Decimal(then.value or "")
        assert then.at > UNTIL


def test_a_return_moves_on_step_by_step(scenario: Scenario) -> None:
    way = ["created", "in_network", "at_hub", "processed", "delivered"]
    for record in scenario.returns:
        moments = [step.at for step in record.statuses]
        assert moments[0] == record.registered_at
        assert moments == sorted(moments)
        words = [step.value for step in record.statuses]
        match record.situation:
            case Situation.WITHDRAWN | Situation.WITHDRAWN_LATE:
                assert words[-1] == "cancelled"
                assert words[:-1] == way[: len(words) - 1]
            case Situation.UNKNOWN_STATUS:
                assert words[-1] == "lost_in_transit"
            case Situation.DIRECT_TO_RETAILER:
                assert words == ["created", "in_network", "delivered"]
            case _:
                assert words == way


def test_what_is_special_is_processed_by_the_end_where_there_are_days_enough(scenario: Scenario) -> None:
    """So that a run of the pipeline meets every situation."""
    for record in scenario.returns:
        if record.situation not in {Situation.ORDINARY, Situation.WITHDRAWN, Situation.UNKNOWN_STATUS}:
            reached = [step.value for step in record.statuses if step.at <= UNTIL]
            assert {"processed", "delivered"} & set(reached), record.situation


def test_what_happens_late_happens_after_the_end(
    of: dict[str, list[tuple[ReturnRecord, PlannedOrder | None]]],
) -> None:
    for record, _ in of[Situation.WITHDRAWN_LATE]:
        assert record.statuses[-1].at > UNTIL
    for _, order in of[Situation.DISPATCHED_LATER]:
        assert order is not None
        assert order.dispatch_at is not None
        assert UNTIL < order.dispatch_at <= UNTIL + timedelta(days=3)


def test_malformed_documents_and_repeated_lines_are_among_the_returns(
    of: dict[str, list[tuple[ReturnRecord, PlannedOrder | None]]],
) -> None:
    for record, _ in of[Situation.BAD_QUANTITY]:
        assert record.items[0].fields["quantity"] in ("two", "-1", "1,5", "")
    assert all(record.fields["date_added"] is None for record, _ in of[Situation.MISSING_DATE])
    for record, _ in of[Situation.DUPLICATE_LINE]:
        ids = [item.fields["id"] for item in record.items]
        assert len(ids) > len(set(ids))


def test_more_returns_than_orders_are_refused() -> None:
    with pytest.raises(ValueError, match="at least as many orders as returns"):
        replace(SETTINGS, returns=2000)


def test_nobody_refers_to_external_ids_where_the_release_has_none() -> None:
    old = build_scenario(replace(SETTINGS, profile="6.0"))
    assert Situation.BY_EXTERNAL_ID not in {record.situation for record in old.returns}
    assert len(old.returns) == 500
