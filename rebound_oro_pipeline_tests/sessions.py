"""Waits for what PostgreSQL does on its own: a session that was closed ends when its server process does."""

import time
from typing import Any

import psycopg
import pytest

_LOCKS_OF_OTHERS = """
select from pg_locks
where
    locktype = 'advisory'
    and pid <> pg_backend_pid()
    and database = (select oid from pg_database where datname = current_database())
"""
_SESSIONS = "select from pg_stat_activity where starts_with(application_name, %s)"


def wait_for_locks_of_others_to_go(conn: psycopg.Connection[Any]) -> None:
    """Wait until no other session of this database holds an advisory lock."""
    _wait_until_none(conn, _LOCKS_OF_OTHERS)


def wait_for_sessions_to_end(conn: psycopg.Connection[Any], name: str) -> None:
    """Wait until the server has no session whose application name begins like this; `conn` is in autocommit.

    A transaction would see the sessions as they were when it first looked.
    """
    _wait_until_none(conn, _SESSIONS, (name,))


def _wait_until_none(conn: psycopg.Connection[Any], query: str, parameters: tuple[str, ...] = ()) -> None:
    until = time.monotonic() + 10
    while conn.execute(query, parameters).fetchone() is not None:
        if time.monotonic() > until:
            pytest.fail("a session that was closed has not ended after ten seconds")
        time.sleep(0.01)
