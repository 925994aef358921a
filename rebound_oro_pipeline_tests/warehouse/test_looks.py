"""Looks that have not ended: one that ends takes up, and forgets, what others left that live no more."""

from datetime import UTC, datetime, timedelta

import psycopg

from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.follow_up import begin_look, end_look
from rebound_oro_pipeline_tests.sessions import wait_for_locks_of_others_to_go

NOW = datetime(2026, 11, 1, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_look_that_ends_forgets_itself_and_those_that_failed(
    conn: psycopg.Connection, database_url: str
) -> None:
    with connect(database_url) as failed:
        assert begin_look(failed, "failed", NOW - 2 * HOUR) == NOW - 2 * HOUR
    wait_for_locks_of_others_to_go(conn)
    with connect(database_url) as other:
        assert begin_look(other, "at work", NOW - HOUR) == NOW - 2 * HOUR
        other.commit()
        assert begin_look(conn, "this one", NOW) == NOW - 2 * HOUR
        end_look(conn, "this one")
        assert conn.execute("select run_id from landing.looks").fetchall() == [("at work",)]
        conn.commit()
    wait_for_locks_of_others_to_go(conn)
    assert begin_look(conn, "the next one", NOW + HOUR) == NOW - HOUR
    end_look(conn, "the next one")
    assert conn.execute("select count(*) from landing.looks").fetchone() == (0,)
