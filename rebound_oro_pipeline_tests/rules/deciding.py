"""The oracle behind the same call as the SQL models, so that a test can ask both."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from rebound_oro_pipeline_tests.oracle.books import Books
from rebound_oro_pipeline_tests.oracle.decide import Outcome, decide, world
from rebound_oro_pipeline_tests.oracle.rules import Seeds, read_seeds
from rebound_oro_pipeline_tests.rules.outcomes import Tables

SEEDS = Path(__file__).parents[2] / "dbt_like_sql" / "seeds"
DECIDED_AT = datetime(2026, 11, 20, 12, tzinfo=UTC)

Document = Mapping[str, Any]
Window = tuple[datetime, datetime]


@cache
def seeds() -> Seeds:
    """Return the lookup data."""
    return read_seeds(SEEDS)


def decide_with_oracle(
    orders: Iterable[Document],
    returns: Iterable[Document],
    *,
    products: Iterable[Document] = (),
    aliases: Sequence[tuple[str, str]] = (),
    policy: Document | None = None,
    windows: Sequence[Window | None] = (None,),
) -> Tables:
    """Decide the windows one after another (None: everything) and return the state after the last."""
    seen = world(orders, returns, products, aliases, policy or {}, seeds())
    books = Books()
    for window in windows:
        outcome = decide(seen, books, window=window, decided_at=DECIDED_AT)
    return tables(outcome)


def tables(outcome: Outcome) -> Tables:
    """Return the comparable part of an outcome."""
    return Tables(
        outcome.credit_notes,
        outcome.credit_note_lines,
        outcome.inventory_deltas,
        outcome.quarantine,
        outcome.held,
    )
