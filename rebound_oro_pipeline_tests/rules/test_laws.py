"""Laws of the rules on thousands of generated orders: the SQL keeps them, and decides as the oracle, row for row.

Hypothesis draws the seed of a shop, the policy and how mild the shop is; a whole shop is decided in one go, because a
statement over hundreds of orders costs little more than one over a single order. A failure names one order and shows
its documents.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebound_oro_pipeline_tests.oracle.decide import World
from rebound_oro_pipeline_tests.oracle.documents import ReturnLine, all_orders, key, read_return
from rebound_oro_pipeline_tests.oracle.explain import Explained
from rebound_oro_pipeline_tests.rules.deciding import Window
from rebound_oro_pipeline_tests.rules.generate import Habits, Shop, shop
from rebound_oro_pipeline_tests.rules.histories import DAYS, comes_back_in_one_way, everything_back
from rebound_oro_pipeline_tests.rules.laws import (
    POLICIES,
    assert_same,
    by_oracle,
    by_sql,
    days,
    landed_shop,
    lawful,
    oracle_of,
    policies,
    shop_seeds,
)
from rebound_oro_pipeline_tests.rules.outcomes import Tables, by_order_line
from rebound_oro_pipeline_tests.rules.sql_runner import decide_with_sql


@pytest.mark.parametrize("number", range(len(POLICIES)))
@settings(lawful, max_examples=3)
@given(seed=shop_seeds, mild=st.booleans())
def test_the_sql_decides_as_the_oracle(
    rules_conn: psycopg.Connection[Any], number: int, seed: int, mild: bool
) -> None:
    """7,200 orders under four policies, and nothing of them is lost or paid twice."""
    policy = POLICIES[number]
    made = shop(seed * len(POLICIES) + number, 600, Habits(mild=mild))
    seen = oracle_of(made, policy)
    expected = by_oracle(seen)
    found = by_sql(rules_conn, made, policy)
    assert_same(expected, found, made)
    check_that_nothing_is_lost(seen, found)
    check_that_nothing_is_overpaid(seen, found)


@settings(lawful, max_examples=3)
@given(seed=shop_seeds, policy=policies, mild=st.booleans())
def test_the_order_of_runs_changes_no_unit_and_no_total(
    rules_conn: psycopg.Connection[Any], seed: int, policy: Mapping[str, Any], mild: bool
) -> None:
    """A range in one run is its days in turn, row for row; a re-run changes nothing; the order of days no sum."""
    made = shop(seed, 250, Habits(mild=mild, days=4))
    in_turn = days(4)
    shuffled = Random(seed).sample(in_turn, len(in_turn))
    with landed_shop(rules_conn, made, policy) as there:
        with there.undone():
            range_ = there.decide([(in_turn[0][0], in_turn[-1][1])])
            assert_same(range_, there.decide([(in_turn[0][0], in_turn[-1][1]), in_turn[2]]), made)
        with there.undone():
            assert_same(range_, there.decide(in_turn), made)
        mixed = there.decide(shuffled)
    oracle = by_oracle(oracle_of(made, policy), shuffled)
    assert_same(oracle, mixed, made)
    competing = orders_whose_candidates_compete(made)
    assert _without(by_order_line(range_), competing) == _without(by_order_line(mixed), competing)


def _without(totals: Mapping[tuple[str, ...], Any], orders: set[str]) -> dict[tuple[str, ...], Any]:
    return {name: values for name, values in totals.items() if name[0].rstrip("x") not in orders}


@settings(lawful, max_examples=2)
@given(seed=shop_seeds, policy=policies)
def test_the_order_of_the_input_changes_nothing(
    rules_conn: psycopg.Connection[Any], seed: int, policy: Mapping[str, Any]
) -> None:
    made = shop(seed, 150)
    random = Random(seed)
    other = replace(
        made,
        orders=tuple(random.sample(made.orders, len(made.orders))),
        returns=tuple(random.sample(made.returns, len(made.returns))),
    )
    assert_same(by_sql(rules_conn, made, policy), by_sql(rules_conn, other, policy), made)


@settings(lawful, max_examples=3)
@given(seed=shop_seeds, shipping=st.sampled_from(("pro_rata", "on_complete_return")))
def test_parts_add_up_to_the_whole(rules_conn: psycopg.Connection[Any], seed: int, shipping: str) -> None:
    """Whatever is returned in whatever parts and order of days: all of it is worth what the order cost, to the cent."""
    made, random = shop(seed, 500, Habits(mild=True)), Random(seed)
    seen = oracle_of(made, {})
    orders = {
        order.id: order
        for order in all_orders(made.orders)
        if comes_back_in_one_way(order) and isinstance(seen.explain(order), Explained)
    }
    documents = [each for each in made.orders if each["data"]["id"] in orders]
    returns = [each for order in orders.values() for each in everything_back(order, random)]
    windows: Sequence[Window | None] = random.sample(days(DAYS), DAYS) if random.random() < 0.5 else (None,)
    found = decide_with_sql(
        rules_conn, documents, returns, policy={"credit": {"shipping": shipping}}, windows=windows
    )
    assert not found.quarantine
    assert not found.held
    assert len(orders) > 300
    for order in orders.values():
        assert found.sums(order.id)["total_amount"] == order.total, order.identifier


def check_that_nothing_is_overpaid(seen: World, found: Tables) -> None:
    """Fees and goodwill aside, an order is credited at most what it cost, its goods and its shipping alike.

    Left out: orders with an item worth less than nothing, by odd cents.
    """
    notes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for note in found.credit_notes:
        notes[note["order_id"]].append(note)
    for order_id, of_order in notes.items():
        whole = seen.explained[order_id]
        assert isinstance(whole, Explained)
        credited = sum((note["total_amount"] + note["fee_amount"] for note in of_order), Decimal(0))
        shipping = sum(
            (note["shipping_amount"] + note["shipping_tax_amount"] for note in of_order), Decimal(0)
        )
        # A discount of shipping, rounded, may be more than its price.
        ends = sorted([whole.shipping + whole.shipping_tax, Decimal(0)])
        assert ends[0] <= shipping <= ends[1], order_id
        if all(item.net + item.tax >= 0 for line in whole.lines for item in line.items):
            assert 0 <= credited <= whole.order.total, order_id


def check_that_nothing_is_lost(seen: World, found: Tables) -> None:
    """Every unit of every return line is in exactly one place.

    Lines counted in another unit are left out, because their notes are in the order line's.
    """
    placed: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    return_of = {note["credit_note_number"]: note["return_id"] for note in found.credit_notes}
    for line in found.credit_note_lines:
        placed[return_of[line["credit_note_number"]], line["return_line_key"]] += line["quantity"]
    for row in [*found.quarantine, *found.held]:
        if row["quantity"] is not None:
            placed[row["return_id"], row["return_line_key"]] += row["quantity"]
    for document in seen.returns:
        keys = [item.key for item in document.lines]
        for item in document.lines:
            is_plain = item.fault is None and item.unit is None and keys.count(item.key) == 1
            if document.fault is None and is_plain:
                elsewhere = Decimal(0) if _is_waiting(document.status) else item.units
                assert placed[document.id or "", item.key] in (item.units, elsewhere), (document.id, item.key)


def _is_waiting(status: str | None) -> bool:
    return (status or "").lower() in ("created", "in_network", "at_hub", "cancelled")


def orders_whose_candidates_compete(made: Shop) -> set[str]:
    """Return the orders for which the order of runs may matter.

    A kit that comes back whole and in components: a whole kit needs all its components, so whichever comes first
    wins. And a code that stands for lines in different units, where a quantity may fit one and not the other.
    """
    meant: dict[str | None, set[str | None]] = defaultdict(set)
    for alias, sku in made.aliases:
        meant[key(alias)].add(key(sku))
    back: dict[str, list[ReturnLine]] = defaultdict(list)
    for document in made.returns:
        back[made.owner[document["id"]]] += read_return(document).lines
    competing = set()
    for order in all_orders(made.orders):
        order_id = order.id.rstrip("x")
        codes = {code for line in back[order_id] for code in (key(line.sku), *meant[key(line.sku)])}
        kits = [line for line in order.lines if line.components]
        whole = any(key(line.sku) in codes for line in kits)
        in_parts = any(key(part.sku) in codes for line in kits for part in line.components)
        units = {
            unit for line in order.lines for unit in (line.unit, *(part.unit for part in line.components))
        }
        aliased = any(len(meant[key(line.sku)]) > 0 for line in back[order_id])
        if (whole and in_parts) or (len(units) > 1 and aliased):
            competing.add(order_id)
    return competing
