"""Deciding again after things have changed: SQL and oracle agree, row for row, on what is added and what stays."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st

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
from rebound_oro_pipeline_tests.rules.sql_runner import land


@settings(lawful, max_examples=3)
@given(seed=shop_seeds, policy=policies, mild=st.booleans())
def test_later_decisions_add_what_is_new_and_keep_what_is_decided(
    rules_conn: psycopg.Connection[Any], seed: int, policy: Mapping[str, Any], mild: bool
) -> None:
    """Three decisions: at first, an hour later with changed documents, and after 15 days, when holds are given up."""
    random = Random(seed)
    first, second = split(shop(seed, 250, Habits(mild=mild)), random)
    second = changed(second, random)
    third = changed(second, random)
    seen = (first, second, third)
    moments = (DECIDED_AT, DECIDED_AT + timedelta(hours=1), DECIDED_AT + timedelta(days=15))
    books, moved = Books(), 0
    with landed_shop(rules_conn, first, policy) as there:
        for number, (made, moment) in enumerate(zip(seen, moments, strict=True)):
            if number:
                land(rules_conn, made.orders, made.returns)
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
