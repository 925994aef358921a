"""Looks that have not ended: those that failed a while ago are forgotten by the next that ends, the others are not."""

from datetime import UTC, datetime, timedelta

import psycopg

from rebound_oro_pipeline.warehouse.follow_up import begin_look, end_look, looks_not_ended

NOW = datetime(2026, 11, 1, 4, tzinfo=UTC)


def test_a_look_that_ends_forgets_itself_and_what_failed_more_than_a_day_ago(
    conn: psycopg.Connection,
) -> None:
    begin_look(conn, "failed long ago", NOW - timedelta(hours=25))
    begin_look(conn, "still at work, or failed", NOW - timedelta(hours=23))
    for _ in range(2):
        begin_look(conn, "this one, and its second try", NOW)
    end_look(conn, "this one, and its second try", NOW)
    assert looks_not_ended(conn) == {"still at work, or failed"}
