"""A connection that is kept: each user finds it as new, and a server that was away is no trouble of the next one."""

from collections.abc import Iterator
from contextlib import closing
from threading import Barrier, Thread

import psycopg
import pytest

from rebound_oro_pipeline.warehouse import kept_connection
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.kept_connection import KeptConnection


@pytest.fixture
def kept(database_url: str) -> Iterator[KeptConnection]:
    with closing(KeptConnection(lambda name: connect(database_url, application_name=name))) as kept:
        yield kept


def test_the_next_user_has_the_same_session_under_a_name_of_its_own(kept: KeptConnection) -> None:
    with kept.lend("one") as conn:
        session = conn.info.backend_pid
        assert conn.execute("show application_name").fetchone() == ("one",)
    with kept.lend("two") as conn:
        assert conn.info.backend_pid == session
        assert conn.execute("show application_name").fetchone() == ("two",)


def test_nothing_that_was_done_to_a_session_meets_the_next_user(
    kept: KeptConnection, database_url: str
) -> None:
    with connect(database_url) as other:
        _use_and_look(kept, other)


def _use_and_look(kept: KeptConnection, other: psycopg.Connection) -> None:
    with kept.lend("one") as conn:
        session = conn.info.backend_pid
        conn.execute("set lock_timeout = '1s'")
        conn.execute("set timezone = 'Asia/Tokyo'")
        conn.execute("set default_transaction_read_only = on")
        conn.execute("select pg_advisory_lock(1)")
        conn.execute("create temporary table left_over (n int)")
        conn.execute("select count(*) from left_over where n = %s", (1,), prepare=True)
        conn.commit()
        conn.read_only = True
        conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        conn.autocommit = True
    assert other.execute("select pg_try_advisory_lock(1)").fetchone() == (True,)
    with kept.lend("two") as conn:
        assert conn.info.backend_pid == session
        assert conn.autocommit is False
        assert conn.execute("show transaction_isolation").fetchone() == ("read committed",)
        for name, value in (("lock_timeout", "5min"), ("TimeZone", "UTC"), ("transaction_read_only", "off")):
            assert conn.execute("select current_setting(%s)", (name,)).fetchone() == (value,)
        assert conn.execute("select to_regclass('pg_temp.left_over')").fetchone() == (None,)
        locks = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
        assert conn.execute(locks).fetchone() == (0,)
        conn.execute("create temporary table left_over (other text)")
        assert conn.execute(
            "select count(*) from left_over where other = %s", ("x",), prepare=True
        ).fetchone() == (0,)


def test_statements_that_a_user_prepared_are_prepared_anew_for_the_next(kept: KeptConnection) -> None:
    """That they are gone, psycopg notices only if it had not discarded any before."""
    sessions = set()
    for times in (1, 8, 8, 1, 1, 8, 8):
        with kept.lend("user") as conn:
            sessions.add(conn.info.backend_pid)
            for turn in range(times):
                assert conn.execute("select %s::int", (turn,)).fetchone() == (turn,)
    assert len(sessions) == 1


def test_what_a_user_did_is_kept_if_it_ends_well_and_undone_if_not(
    kept: KeptConnection, conn: psycopg.Connection
) -> None:
    conn.execute("create table written (n int)")
    conn.commit()
    with kept.lend("one") as lent:
        lent.execute("insert into written values (1)")

    def fail(lent: psycopg.Connection) -> None:
        lent.execute("insert into written values (2)")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), kept.lend("two") as lent:
        fail(lent)
    assert lent.closed
    with kept.lend("three") as lent:
        assert lent.execute("select n from written").fetchall() == [(1,)]


def test_a_session_that_the_server_ended_is_replaced(kept: KeptConnection, conn: psycopg.Connection) -> None:
    """As after a restart between two steps."""
    with kept.lend("one") as lent:
        session = lent.info.backend_pid
    conn.execute("select pg_terminate_backend(%s, 5000)", (session,))
    with kept.lend("two") as lent:
        assert lent.info.backend_pid != session
        assert lent.execute("select 1").fetchone() == (1,)


def test_a_session_that_ends_in_the_middle_fails_its_user_and_not_the_next(
    kept: KeptConnection, conn: psycopg.Connection
) -> None:

    def lose(lent: psycopg.Connection) -> None:
        conn.execute("select pg_terminate_backend(%s, 5000)", (lent.info.backend_pid,))
        lent.execute("select 1")

    with pytest.raises(psycopg.OperationalError), kept.lend("one") as lent:
        lose(lent)
    with kept.lend("two") as lent:
        assert lent.execute("select 1").fetchone() == (1,)


def test_a_connection_that_was_unused_for_long_is_not_trusted(
    kept: KeptConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kept.lend("one") as first:
        pass
    monkeypatch.setattr(kept_connection, "KEPT_SECONDS", 0)
    with kept.lend("two") as second:
        assert first.closed
        assert second is not first


def test_a_user_may_close_it(kept: KeptConnection) -> None:
    with kept.lend("one") as first:
        first.close()
    with kept.lend("two") as second:
        assert second.execute("select 1").fetchone() == (1,)


def test_two_users_at_a_time_have_a_session_each(kept: KeptConnection) -> None:
    sessions: list[int] = []
    both = Barrier(2, timeout=30)

    def use() -> None:
        with kept.lend("thread") as conn:
            sessions.append(conn.info.backend_pid)
            both.wait()

    threads = [Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(sessions)) == 2


def test_nothing_stays_open_once_it_is_closed(kept: KeptConnection) -> None:
    with kept.lend("kept") as first:
        pass
    assert not first.closed
    with kept.lend("late") as late:
        assert late is first
        kept.close()
    assert late.closed
