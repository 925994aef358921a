"""The embedded server after a crash: its own death, and what it leaves lying about."""

import os
import signal
import subprocess
import threading
import time
from contextlib import closing

import psycopg
import pytest

from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres
from rebound_oro_pipeline.warehouse.postmaster import live_postmaster, release_abandoned_lock
from rebound_oro_pipeline.warehouse.server_account import account_for


def test_after_sigkill_a_start_recovers_everything_committed(server: EmbeddedPostgres) -> None:
    server.start()
    with connect(server.url()) as conn:
        conn.execute("create table written (value integer)")
    acknowledged = 0

    def write() -> None:
        nonlocal acknowledged
        try:
            with connect(server.url(), autocommit=True) as conn:
                while True:
                    conn.execute("insert into written values (%s)", (acknowledged + 1,))
                    acknowledged += 1
        except psycopg.OperationalError:
            return

    writer = threading.Thread(target=write)
    writer.start()
    while acknowledged < 100:
        time.sleep(0.005)
    killed = server.status().pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)

    assert server.start() is True
    writer.join()
    assert server.status().pid != killed
    with connect(server.url()) as conn:
        rows = conn.execute("select value from written order by value").fetchall()
    assert [value for (value,) in rows[:acknowledged]] == list(range(1, acknowledged + 1))


def test_a_long_query_that_outlives_its_server_does_not_hold_up_a_start(server: EmbeddedPostgres) -> None:
    """Its process keeps the old server's memory, and looks up only when it has something to wait for."""
    server.start()
    with closing(psycopg.connect(server.url(), autocommit=True)) as conn:
        conn.pgconn.send_query(b"select count(*) from generate_series(1, 1000000000000)")
        time.sleep(0.1)
        killed = server.status().pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        assert server.start() is True
    connect(server.url()).close()


@pytest.mark.parametrize("ended", [False, True], ids=["another program", "a zombie"])
def test_a_lock_file_whose_number_somebody_else_has_does_not_prevent_a_start(
    server: EmbeddedPostgres, ended: bool
) -> None:
    """After a reboot, or in a container without an init. The other program has the server's own account."""
    data = server.home / "pg/data"
    account = account_for(data)
    as_account = {"user": account.uid, "group": account.gid, "extra_groups": []} if account.drop else {}
    with subprocess.Popen(["sleep", "60"], cwd="/", **as_account) as other:
        if ended:
            other.kill()
            os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        lock = data / "postmaster.pid"
        lock.write_text(f"{other.pid}\n{data}\n1\n{server.status().port}\n\n127.0.0.1\n  1 1\nready   \n")
        account.own(lock)

        assert server.status().state == "crashed"
        assert server.start() is True
        connect(server.url()).close()
        if not ended:
            assert other.poll() is None
            other.kill()


def test_the_lock_file_of_a_running_server_is_never_removed(server: EmbeddedPostgres) -> None:
    """Nor one that is left while a killed postmaster's children are still at work in the data directory."""
    server.start()
    data = server.home / "pg/data"
    postmaster = live_postmaster(data)
    assert postmaster is not None
    assert release_abandoned_lock(data) is False

    lock = data / "postmaster.pid"
    text = lock.read_text()
    lock.write_text(text.replace(str(postmaster), str(os.getpid()), 1))
    assert live_postmaster(data) is None
    assert release_abandoned_lock(data) is False
    lock.write_text(text)
