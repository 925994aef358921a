"""Retention: old documents go, with the personal data in them; what was decided, and could be again, stays."""

from datetime import timedelta
from typing import Any

import psycopg

from rebound_oro_pipeline.services.retention import remove_old_documents
from rebound_oro_pipeline_tests.services.operators_shop import (
    DEED,
    NOW,
    a_return,
    land,
    open_shop,
    order,
    places,
)

SECRET = "Ada Lovelace"


def texts(conn: psycopg.Connection[Any]) -> str:
    """Everything that landing holds, as text."""
    tables = (
        "rebound_returns",
        "rebound_return_lines",
        "oro_orders",
        "replaced_documents",
        "malformed_documents",
    )
    return "".join(
        str(
            conn.execute(
                f"select coalesce(jsonb_agg(to_jsonb(t)), '[]')::text from landing.{table} as t"
            ).fetchone()
        )
        for table in tables
    )


def test_what_is_settled_loses_its_documents_and_nothing_else(conn: psycopg.Connection) -> None:
    person: dict[str, Any] = {"customer": {"name": SECRET}, "tracking": f"track {SECRET}"}
    there = open_shop(
        conn,
        [order(), order(2)],
        [
            a_return("R1", {"reason": [{"reason": "unwanted", "wish": f"call {SECRET}"}]}, **person),
            a_return("R2", {"quantity": "5"}, order_reference="ORD-2", **person),
        ],
    )
    land(conn, [], [a_return("R1", current_tracking_status="delivered", **person)])
    land(conn, [], [a_return("R9", current_tracking_status="created", **person)])
    land(conn, [], [a_return("R9", current_tracking_status="created", **person, note="later")])
    there.decide()
    with conn.transaction(force_rollback=True):
        dry = remove_old_documents(conn, timedelta(days=0), DEED, now=NOW)
    assert (dry.returns, dry.orders, dry.replaced_versions) == (2, 1, 2)
    assert texts(conn).count(SECRET) > 8
    removed = remove_old_documents(conn, timedelta(days=0), DEED, now=NOW)
    assert removed == dry
    row = conn.execute("select document::text from landing.rebound_returns where return_id = 'R2'").fetchone()
    assert row is not None
    assert SECRET in row[0]  # two units of it are still in the quarantine
    conn.execute("delete from landing.rebound_returns where return_id = 'R2'")
    assert SECRET not in texts(conn)
    conn.rollback()


def test_deciding_again_after_removal_changes_nothing(conn: psycopg.Connection) -> None:
    there = open_shop(conn, [order()], [a_return("R1"), a_return("R2", current_tracking_status="created")])
    before = [places(conn, each) for each in ("R1", "R2")]
    remove_old_documents(conn, timedelta(days=0), DEED, now=NOW)
    there.decide()
    assert [places(conn, each) for each in ("R1", "R2")] == before
    again = remove_old_documents(conn, timedelta(days=0), DEED, now=NOW)
    assert (again.returns, again.orders) == (0, 0)
    actions = conn.execute("select action, reason from outbox.audit_log").fetchall()
    assert actions == [("documents removed", DEED.why)] * 2


def test_young_documents_stay(conn: psycopg.Connection) -> None:
    open_shop(conn, [order()], [a_return("R1")])
    removed = remove_old_documents(conn, timedelta(days=30), DEED, now=NOW)
    assert (removed.returns, removed.orders, removed.replaced_versions) == (0, 0, 0)
