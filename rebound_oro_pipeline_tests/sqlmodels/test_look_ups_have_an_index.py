"""What decisions and offers look up among all that ever landed or was decided can be found without reading all of it.

With other ways switched off the planner looks rows up by key wherever it can, however few there are.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import psycopg
import pytest

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.warehouse.statements import load
from rebound_oro_pipeline_tests.prepared import models

LOOK_UPS = {
    "orders of a decision and what the policy says of them": (
        (
            "select gated.is_dispatched from intermediate.int_order_matches as matches"
            " join intermediate.int_orders_gated as gated on matches.order_id = gated.order_id"
            " where gated.policy_version = 1"
        ),
        "Index Cond: (order_id = matches.order_id)",
    ),
    "references of touched orders": (
        (
            "select named.reference_key from intermediate.int_orders_touched as touched"
            " join intermediate.int_order_references as named on touched.order_id = named.order_id"
        ),
        "Index Cond: (order_id = touched.order_id)",
    ),
    "orders that a reference means": (
        (
            "select named.order_id from landing.rebound_returns as returns"
            " join intermediate.int_order_references as named on returns.order_reference_key = named.reference_key"
            " where returns.return_id = '1'"
        ),
        "Index Cond: (identifier_key = returns.order_reference_key)",
    ),
    "offers of the order that a return names": (
        (
            "select offers.order_id from landing.rebound_returns as returns"
            " join ledger.offers as offers"
            " on landing.match_key(offers.order_reference) = returns.order_reference_key"
            " where returns.return_id = '1'"
        ),
        "Index Scan using offers_reference on offers",
    ),
    "offers under the references of orders that landed": (
        (
            "select offers.order_id from landing.oro_orders as orders"
            " join intermediate.int_order_references as named on orders.order_id = named.order_id"
            " join ledger.offers as offers on named.reference_key = landing.match_key(offers.order_reference)"
            " where orders.landed_at >= '2026-01-01'"
        ),
        "Index Scan using offers_reference on offers",
    ),
    "offers that were withdrawn because of their reference": (
        "select order_id from ledger.offers where reason = 'reference_shared'",
        "offers_reference_shared on offers",
    ),
    "returns of a window that were not on offer": (
        "select finding from marts.unoffered_returns where registered_at >= '2026-01-01'",
        # In the scan of the table itself, whichever, and not above the window function.
        "(registered_at >= '2026-01-01",
    ),
    "units of what a return line may have been sold as": (
        (
            "select worth.unit_price from ledger.quarantine as open_rows"
            " join intermediate.int_return_line_values as worth"
            " on open_rows.return_id = worth.return_id and open_rows.return_line_key = worth.return_line_key"
        ),
        "Index Scan using oro_product_units_pkey",
    ),
    "items of the claims of a decision": (
        (
            "select items.sku from intermediate.int_claims as claims"
            " join ledger.order_items as items on claims.item_number = items.item_number"
        ),
        "Index Cond: (item_number = claims.item_number)",
    ),
    "claims of the notes of a window": (
        (
            "select claims.units from ledger.credit_notes as notes join ledger.claims as claims"
            " on notes.return_id = claims.return_id and notes.credit_note_number = claims.credit_note_number"
            " where notes.registered_at >= '2026-01-01'"
        ),
        "Index Cond: (return_id = notes.return_id)",
    ),
    "rates of claims that are listed in another unit": (
        "select quantity from intermediate.int_claims_as_listed where return_id = '1'",
        "Index Scan using oro_product_units_pkey",
    ),
    "notes that bear the numbers of a decision": (
        (
            "select notes.sequence from intermediate.int_claim_lines as lines"
            " join ledger.credit_notes as notes on lines.credit_note_number = notes.credit_note_number"
        ),
        "Index Cond: (credit_note_number = lines.credit_note_number)",
    ),
    "stock movements of the notes of a decision": (
        (
            "select deltas.quantity from intermediate.int_credit_notes as notes"
            " join ledger.inventory_deltas as deltas on notes.credit_note_number = deltas.credit_note_number"
        ),
        "Index Cond: (credit_note_number = notes.credit_note_number)",
    ),
}
INDEXED = """
select distinct a.attname, a.attcollation::regcollation::text
from pg_index as i
join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
join pg_class as c on c.oid = i.indrelid
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('landing', 'ledger') and a.attcollation <> 0
"""
WORKING = """
select c.relname, a.attname, a.attcollation::regcollation::text
from pg_attribute as a
join pg_class as c on c.oid = a.attrelid and c.relkind = 'r'
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = 'intermediate' and a.attcollation <> 0
"""


@pytest.fixture(scope="session")
def template_database(prepared_database: str) -> str:
    return prepared_database


@pytest.mark.parametrize("look_up", LOOK_UPS)
def test_no_look_up_reads_a_whole_table(conn: psycopg.Connection, look_up: str) -> None:
    query, condition = LOOK_UPS[look_up]
    conn.execute("set enable_seqscan = off")
    conn.execute("set enable_bitmapscan = off")
    conn.execute("set enable_hashjoin = off")
    conn.execute("set enable_mergejoin = off")
    plan = [line for (line,) in conn.execute(f"explain {query}")]
    assert any(condition in line for line in plan), "\n".join(plan)


def test_a_key_is_compared_in_one_way_wherever_it_stands(conn: psycopg.Connection) -> None:
    """An index serves one collation; a key put together of ids has theirs, and the whole table would be read."""
    indexed: dict[str, set[str]] = {}
    for column, collation in conn.execute(INDEXED):
        indexed.setdefault(column, set()).add(collation)
    # Units are looked up by their product; of subjects there are several kinds.
    keys = {name: kept for name, kept in indexed.items() if name not in {"unit_code", "subject"}}
    assert {name: kept for name, kept in keys.items() if len(kept) > 1} == {}
    others = [
        f"{relation}.{column}"
        for relation, column, collation in conn.execute(WORKING)
        if column in keys and collation not in keys[column]
    ]
    assert others == []


def test_rows_of_a_day_are_counted_by_an_index(conn: psycopg.Connection) -> None:
    """Every run of a day counts them, however much was decided before."""
    conn.execute("set enable_seqscan = off")
    kept = [model for model in models().values() if model.window and model.materialized != "view"]
    assert {"append", "partition", "state"} <= {model.materialized for model in kept}
    for model in kept:
        query = f"select count(*) from {model.relation} where {model.window} >= '2026-01-01'"
        plan = [line for (line,) in conn.execute(f"explain {query}")]
        assert any(f"Index Cond: ({model.window} >= " in line for line in plan), "\n".join(plan)


@pytest.mark.parametrize(
    ("asked", "condition"),
    [
        (
            Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)).bounds,
            "registered_at >= ",
        ),
        ({"return_ids": ["1"]}, "return_id = ANY ('{1}'"),
    ],
    ids=["a window", "single returns"],
)
def test_where_return_lines_are_is_found_by_an_index(
    conn: psycopg.Connection, asked: Mapping[str, object], condition: str
) -> None:
    conn.execute("set enable_seqscan = off")
    given = {"window_start": None, "window_end": None, "return_ids": None, **asked}
    plan = [line for (line,) in conn.execute(f"explain {load('summaries')['destinations']}", given)]
    assert "Seq Scan" not in "\n".join(plan)
    assert any("Index Cond" in line and condition in line for line in plan), "\n".join(plan)
