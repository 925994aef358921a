"""Waits for what PostgreSQL does on its own: a session that was closed ends when its server process does."""

import time
from typing import Any

import psycopg
import pytest

_OF_OTHERS = """
select from pg_locks
where
    locktype = 'advisory'
    and pid <> pg_backend_pid()
    and database = (select oid from pg_database where datname = current_database())
"""


def wait_for_locks_of_others_to_go(conn: psycopg.Connection[Any]) -> None:
    """Wait until no other session of this database holds an advisory lock; fail where one does for ten seconds."""
    until = time.monotonic() + 10
    while conn.execute(_OF_OTHERS).fetchone() is not None:
        if time.monotonic() > until:
            pytest.fail("a session that was closed still holds its locks")
        time.sleep(0.01)
