"""What the tests of laws share: policies, Hypothesis settings, days, and how a difference is shown."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from rebound_oro_pipeline_tests.oracle.books import Books
from rebound_oro_pipeline_tests.oracle.decide import World, decide, world
from rebound_oro_pipeline_tests.rules.deciding import DECIDED_AT, Window, seeds, tables
from rebound_oro_pipeline_tests.rules.generate import Shop
from rebound_oro_pipeline_tests.rules.outcomes import Tables, differences
from rebound_oro_pipeline_tests.rules.sql_runner import Landed, landed

POLICIES: Sequence[Mapping[str, Any]] = (
    {},
    {
        "credit": {
            "shipping": "by_reason",
            "duplicate_sku": "line_order",
            "restocking_fee": {"unwanted": {"percent": "10", "flat": "1.5"}},
            "goodwill": {"late": {"percent": "3.33"}},
        },
        "gate": {"when_status_missing": "tracking_is_dispatched", "partially_shipped": "hold"},
        "tax": {"without_rows": "by_value"},
    },
    {
        "credit": {
            "shipping": "on_complete_return",
            "milestone": "at_hub",
            "restocking_fee": {"*": {"percent": "15"}, "late": {"flat": "100"}},
        },
        "gate": {"when_status_missing": "hold", "confirmed": {"6.1": ["open", "closed", "processing"]}},
        "tax": {"max_rate": "0.1"},
        "stock": {"saleable": ["restock", "refurbish"]},
    },
    {
        "order_reference": ["externalId", "poNumber", "identifier"],
        "credit": {"shipping": "never", "goodwill": {"*": {"percent": "7"}}},
        "tax": {"without_rows": "by_value"},
    },
)
Policy = Mapping[str, Any]
FIRST_DAY = datetime(2026, 11, 1, tzinfo=UTC)
# No shrinking: a shop does not get simpler by another seed; the failure is narrowed to one order instead.
lawful = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
shop_seeds = st.integers(min_value=0, max_value=2**32)
policies = st.sampled_from(POLICIES)


def days(number: int) -> list[tuple[datetime, datetime]]:
    """Return the first days of the shop, each as a window."""
    return [(FIRST_DAY + timedelta(days=day), FIRST_DAY + timedelta(days=day + 1)) for day in range(number)]


def oracle_of(made: Shop, policy: Policy) -> World:
    """Return what the oracle sees of a shop."""
    return world(made.orders, made.returns, made.products, made.aliases, policy, seeds())


def by_oracle(seen: World, windows: Sequence[Window | None] = (None,)) -> Tables:
    """Decide a shop by the oracle."""
    books = Books()
    outcomes = [decide(seen, books, window=window, decided_at=DECIDED_AT) for window in windows]
    return tables(outcomes[-1])


def landed_shop(conn: psycopg.Connection[Any], made: Shop, policy: Policy) -> AbstractContextManager[Landed]:
    """Land a shop for the time of the block."""
    return landed(
        conn, made.orders, made.returns, products=made.products, aliases=made.aliases, policy=policy
    )


def by_sql(
    conn: psycopg.Connection[Any], made: Shop, policy: Policy, windows: Sequence[Window | None] = (None,)
) -> Tables:
    """Decide a shop by the SQL models and take everything back."""
    with landed_shop(conn, made, policy) as there:
        return there.decide(windows)


def assert_same(expected: Tables, found: Tables, made: Shop) -> None:
    """Fail with the rows that differ of one order, and with its documents."""
    different = differences(expected, found)
    if not different:
        return
    orders = {note["return_id"]: note["order_id"] for note in expected.credit_notes + found.credit_notes}
    rows = [row for name in different for side in different[name] for row in side]
    texts = {name for row in rows for name in _names(row)}
    order_id = next(owner for name, owner in made.owner.items() if name in texts or orders.get(name) in texts)
    only = made.only(order_id)
    numbers = {each["id"] for each in only.returns}
    shown = [f"order {order_id}, and {len(texts) - 1} more names"]
    for name, (ours, theirs) in different.items():
        for side, found_rows in (("oracle", ours), ("sql", theirs)):
            shown += [f"{name}: {side}: {row}" for row in found_rows if numbers & _names(row)]
    shown += [json.dumps(document, default=str) for document in (*only.orders, *only.returns)]
    raise AssertionError("\n".join(shown))


def _names(row: Sequence[Any]) -> set[str]:
    """Return the ids of returns that a row's first columns may name."""
    return {str(value).split(":")[0].split("-O-")[0] for value in row[:2]}
