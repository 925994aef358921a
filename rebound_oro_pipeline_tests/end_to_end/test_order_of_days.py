"""History through Dagster, in whatever runs: one for all days, ascending ones, other orders, several at once.

One run and ascending ones leave the same tables; any other order, and days at once, the same units and totals of each
order line.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from psycopg import sql

from rebound_oro_pipeline.defs.jobs import RETURNS
from rebound_oro_pipeline.defs.local import RANGE_END_TAG, RANGE_START_TAG, execute
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.reference import import_aliases
from rebound_oro_pipeline_tests.conftest import CloneDatabase
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, environment, prepare, variables
from rebound_oro_pipeline_tests.sandbox_process import sandbox

DAYS = 3
ALL_RECEIVED_AFTER = 30 * 24
"""Hours after which whatever comes back of the scenario has come back."""
TIMES = (
    "decided_at",
    "opened_at",
    "changed_at",
    "created_at",
    "held_since",
    "next_attempt_at",
    "next_check_at",
)
COUNTED = ("decision_id", "line_number", "item_number", "message_id")
"""Numbers that count decisions, the lines of each, and what they added, in the order in which it was added."""
SENT_IN_TURN = """
select kind, ordering_key, array_agg(business_key order by message_id)
from outbox.messages
group by kind, ordering_key
order by kind, ordering_key
"""
BY_LINE = """
select order_id, order_item_id, sku, sum(quantity), sum(net_amount), sum(tax_amount), sum(total_amount)
from ledger.credit_note_lines
group by order_id, order_item_id, sku
order by order_id, order_item_id, sku
"""
RETURNED_TWICE = """
select order_id, order_item_id
from ledger.credit_note_lines
group by order_id, order_item_id
having count(distinct (registered_at at time zone 'UTC')::date) > 1
"""
Days = tuple[str, str]


@dataclass(frozen=True)
class Books:
    """What some runs left: rows of each table without times and counted numbers, and figures of each order line."""

    tables: dict[str, list[dict[str, Any]]]
    sent_in_turn: list[tuple[Any, ...]]
    by_line: list[tuple[Any, ...]]
    returned_twice: list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def books(
    clone_database: CloneDatabase, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Books]]:
    home = tmp_path_factory.mktemp("days")
    until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [f"{until - timedelta(days=ago):%Y-%m-%d}" for ago in range(DAYS, 0, -1)]
    single = [(day, day) for day in days]
    with (
        clone_database(template_database) as prepared,
        sandbox(home, seed=6, orders=120, returns=100, days=DAYS, until=until.date()) as box,
    ):
        box.control("clock", {"advance_hours": ALL_RECEIVED_AFTER})
        prepare(prepared)
        with connect(prepared) as conn, conn.transaction():
            import_aliases(conn, box.aliases, added_by="test")

        @contextmanager
        def pipeline() -> Iterator[Loop]:
            with (
                clone_database(prepared.rpartition("/")[2]) as url,
                environment(variables(home, url, box, days[0])),
                Loop.in_memory(url) as loop,
            ):
                yield loop

        found = {}
        for name, spans in {"one run": [(days[0], days[-1])], "ascending": single}.items():
            with pipeline() as loop:
                assert all(run(loop, span) for span in spans)
                found[name] = read(loop)
        with pipeline() as loop:
            assert run(loop, single[-1])
            at_once(loop, single[:-1])
            found["another order"] = read(loop)
        yield found


def run(loop: Loop, days: Days, instance: dg.DagsterInstance | None = None) -> bool:
    """Run a day as its partition, or days as a backfill does whose policy is a single run."""
    first, last = days
    tags = {"dagster/partition": first} if first == last else {RANGE_START_TAG: first, RANGE_END_TAG: last}
    return execute(loop.defs, instance or loop.instance, RETURNS, tags=tags).success


def at_once(loop: Loop, spans: Sequence[Days]) -> None:
    """Run days at the same time, as processes do, each with an instance of its own."""

    def alone(span: Days) -> bool:
        with dg.DagsterInstance.ephemeral() as instance:
            return run(loop, span, instance)

    with ThreadPoolExecutor(len(spans)) as pool:
        assert all(pool.map(alone, spans))


def read(loop: Loop) -> Books:
    with connect(loop.database_url) as conn:
        relations = conn.execute(
            "select table_schema, table_name from information_schema.tables"
            " where table_schema in ('marts', 'ledger', 'outbox') and table_name <> 'decisions' order by 1, 2"
        ).fetchall()
        tables = {
            ".".join(relation): sorted(
                (
                    without_decision(row)
                    for (row,) in conn.execute(
                        sql.SQL("select to_jsonb(t) - %s::text[] from {} as t").format(
                            sql.Identifier(*relation)
                        ),
                        ([*TIMES, *COUNTED],),
                    )
                ),
                key=str,
            )
            for relation in relations
        }
    return Books(tables, loop.rows(SENT_IN_TURN), loop.rows(BY_LINE), loop.rows(RETURNED_TWICE))


def without_decision(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without the time that a message tells of its decision."""
    if "payload" in row:
        row["payload"].pop("decided_at", None)
    return row


def test_one_run_and_ascending_ones_leave_the_same_tables(books: dict[str, Books]) -> None:
    one, ascending = books["one run"], books["ascending"]
    for relation, rows in one.tables.items():
        assert ascending.tables[relation] == rows, relation
    assert ascending.sent_in_turn == one.sent_in_turn
    for relation in ("ledger.credit_notes", "ledger.quarantine", "ledger.holds", "outbox.messages"):
        assert one.tables[relation], relation


def test_the_last_day_first_and_the_others_at_once_give_the_same_units_and_totals_of_each_order_line(
    books: dict[str, Books],
) -> None:
    one, other = books["one run"], books["another order"]
    assert other.by_line == one.by_line
    assert other.returned_twice == one.returned_twice != []
    assert other.tables["ledger.claims"] != one.tables["ledger.claims"]
