"""Deciding again after things have changed: SQL and oracle agree, row for row, on what is added and what stays."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st

from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.warehouse import reference
from rebound_oro_pipeline_tests.oracle.books import Books
from rebound_oro_pipeline_tests.oracle.decide import World, decide
from rebound_oro_pipeline_tests.oracle.shelves import on_the_wrong_shelf
from rebound_oro_pipeline_tests.rules.change import changed, split
from rebound_oro_pipeline_tests.rules.deciding import DECIDED_AT, tables
from rebound_oro_pipeline_tests.rules.generate import Habits, shop
from rebound_oro_pipeline_tests.rules.laws import (
    assert_same,
    landed_shop,
    lawful,
    oracle_of,
    policies,
    shop_seeds,
)
from rebound_oro_pipeline_tests.rules.sql_runner import Landed, land


@settings(lawful, max_examples=3)
@given(seed=shop_seeds, under=st.tuples(policies, policies, policies), mild=st.booleans())
def test_later_decisions_add_what_is_new_and_keep_what_is_decided(
    rules_conn: psycopg.Connection[Any], seed: int, under: Sequence[Mapping[str, Any]], mild: bool
) -> None:
    """Three decisions: at first, an hour later with changed documents, and after 15 days, when holds are given up.

    Each is under a policy of its own, but for what is saleable: that alone puts no credited unit on another shelf.
    """
    random = Random(seed)
    first, second = split(shop(seed, 250, Habits(mild=mild)), random)
    second = changed(second, random)
    third = changed(second, random)
    seen = (first, second, third)
    moments = (DECIDED_AT, DECIDED_AT + timedelta(hours=1), DECIDED_AT + timedelta(days=15))
    books, moved = Books(), 0
    in_force = [{**each, "stock": under[0].get("stock", {})} for each in under]
    with landed_shop(rules_conn, first, in_force[0]):
        for made, policy, moment in zip(seen, in_force, moments, strict=True):
            land(rules_conn, made.orders, made.returns)
            document = Policy.model_validate(policy).document()
            there = Landed(rules_conn, reference.save_policy(rules_conn, document))
            world = oracle_of(made, policy)
            before = shelves_by_oracle(world, books)
            assert shelves_by_sql(rules_conn) == before
            moved += len(before)
            expected = tables(decide(world, books, decided_at=moment))
            assert_same(expected, there.decide(decided_at=moment), made)
            assert shelves_by_sql(rules_conn) == shelves_by_oracle(world, books)
    assert moved > 5


def shelves_by_oracle(world: World, books: Books) -> dict[str, Decimal]:
    """Return how many units of each return lie on the wrong shelf."""
    found = {
        each.id: sum(
            on_the_wrong_shelf(
                books,
                each,
                world.references,
                world.aliases,
                world.products,
                is_withdrawn=(each.status or "").lower() in world.seeds.withdrawn,
                saleable=world.rules.saleable,
            )
        )
        for each in world.returns
        if each.id is not None
    }
    return {name: round(units, 4) for name, units in found.items() if units > Decimal("0.00001")}


def shelves_by_sql(conn: psycopg.Connection[Any]) -> dict[str, Decimal]:
    rows = conn.execute(
        "select return_id, sum(returned_quantity) from reconciliation.changed_dispositions group by return_id"
    )
    return {name: round(units, 4) for name, units in rows}
