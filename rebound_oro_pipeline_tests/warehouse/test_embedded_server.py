"""The embedded server in ordinary life: made, shared, stopped, started again."""

import logging
import os
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from rebound_oro_pipeline.warehouse import embedded
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres
from rebound_oro_pipeline.warehouse.errors import EmbeddedPostgresError

NewServer = Callable[..., EmbeddedPostgres]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_start_makes_a_server_for_us_and_for_dagster(fresh_server: EmbeddedPostgres) -> None:
    """Loopback only, by password only, with a role that may do no more than a managed database allows."""
    server = fresh_server
    assert server.status().state == "absent"
    assert server.start() is True

    with connect(server.url("dagster")) as conn:
        assert conn.execute("show listen_addresses").fetchone() == ("127.0.0.1",)
        assert conn.execute("show max_connections").fetchone() == ("200",)
        assert conn.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (
            False,
        )
    with connect(server.url()) as conn:
        assert conn.execute("select current_database()").fetchone() == ("pipeline",)
        # SKUs are compared without regard to case, and not only those of English speakers.
        assert conn.execute("select lower('ÄÉŁΩ')").fetchone() == ("äéłω",)
        conn.execute("create extension btree_gist")

    socket_directory = (server.home / "pg/data/postmaster.pid").read_text().splitlines()[4]
    assert socket_directory == ""
    password = (server.home / "pg/password").read_text().strip()
    assert mode(server.home / "pg/password") == 0o600
    assert mode(server.home / "pg/data") == 0o700
    assert password not in repr(server)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed") as failure:
        psycopg.connect(server.url().replace(password, "guessed"))
    assert "guessed" not in str(failure.value)


def test_what_is_stored_is_there_after_a_stop_and_a_start(server: EmbeddedPostgres) -> None:
    """On the same port, because others keep the URL; a second start or stop finds nothing to do."""
    server.start()
    url = server.url()
    with connect(url) as conn:
        conn.execute("create table kept as select 1 as value")

    assert server.start() is False
    running = server.status()
    assert running.state == "running"
    assert running.pid is not None
    assert running.version == "18"
    # Ctrl-C in our terminal must not reach the server.
    assert os.getsid(running.pid) != os.getsid(0)

    assert server.stop() is True
    assert server.stop() is False
    assert server.status().state == "stopped"

    assert server.start() is True
    assert server.url() == url
    with connect(url) as conn:
        assert conn.execute("select value from kept").fetchone() == (1,)

    server.remove()
    assert server.status().state == "absent"
    assert not (server.home / "pg").exists()


def test_processes_that_start_it_at_once_share_one_server(fresh_server: EmbeddedPostgres) -> None:
    """The web server, the daemon and the command line come up together on a fresh machine."""
    program = textwrap.dedent(f"""
        from pathlib import Path
        from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres
        server = EmbeddedPostgres(Path({str(fresh_server.home)!r}), settings={{"fsync": "off"}})
        print(server.start(), server.status().pid)
    """)
    starters = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    answers = [starter.communicate(timeout=60)[0].split() for starter in starters]

    assert sorted(started for started, _ in answers) == ["False", "False", "True"]
    assert len({pid for _, pid in answers}) == 1


def test_what_an_interrupted_first_start_left_is_done_again(fresh_server: EmbeddedPostgres) -> None:
    """Neither half a data directory, nor a whole one without its databases, is taken for a server."""
    server = fresh_server
    (server.home / "pg/new-1/data").mkdir(parents=True)
    (server.home / "pg/new-1/data/PG_VERSION").write_text("18")
    server.start()
    assert not list((server.home / "pg").glob("new-*"))
    with connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute("drop database dagster")

    server.start()
    connect(server.url("dagster")).close()


def test_a_port_that_another_program_took_is_left_to_it(
    server: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    before = server.status().port
    with socket.create_server(("127.0.0.1", before)), caplog.at_level(logging.WARNING):
        server.start()
    assert server.status().port != before
    assert f"Port {before} is another program's" in caplog.text
    connect(server.url()).close()


def test_data_of_another_major_version_are_refused_with_the_way_out(server: EmbeddedPostgres) -> None:
    version = server.home / "pg/data/PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(
        EmbeddedPostgresError, match=r"PostgreSQL 17's, the installed server is 18.*pg_dumpall"
    ):
        server.start()


def test_a_start_that_fails_for_good_says_why_at_once(new_server: NewServer, open_folder: Path) -> None:
    """With what the server itself logged; only the remains of a crash are worth waiting for."""
    server = new_server(open_folder, settings={"fsync": "off", "shared_buffers": "nonsense"})
    with pytest.raises(EmbeddedPostgresError, match=r'invalid value for parameter "shared_buffers"'):
        server.start()


def test_a_password_file_that_does_not_fit_is_named(server: EmbeddedPostgres) -> None:
    server.start()
    file = server.home / "pg/password"
    right = file.read_text()
    file.write_text("wrong\n")
    with pytest.raises(EmbeddedPostgresError, match=r"refuses the password in .*pg/password") as failure:
        server.start()
    assert "wrong" not in str(failure.value)
    file.write_text(right)
    assert server.start() is False


def test_the_log_does_not_grow_for_ever(server: EmbeddedPostgres) -> None:
    os.truncate(server.home / "pg/server.log", 11_000_000)
    server.start()
    assert (server.home / "pg/server.log").stat().st_size < 100_000
    assert (server.home / "pg/server.log.1").stat().st_size == 11_000_000


def test_before_the_first_start_there_is_no_url_and_nothing_to_stop(fresh_server: EmbeddedPostgres) -> None:
    server = fresh_server
    assert server.stop() is False
    server.remove()
    with pytest.raises(EmbeddedPostgresError, match="start the server first"):
        server.url()
    assert not server.home.exists()


def test_a_process_that_hangs_in_a_start_is_not_waited_for_for_ever(
    new_server: NewServer, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_START_SECONDS", 0)
    monkeypatch.setattr(embedded, "_RECOVERY_SECONDS", 0)
    server = new_server(open_folder)
    with server._locked(), pytest.raises(EmbeddedPostgresError, match=r"Another process keeps .*pg\.lock"):
        new_server(open_folder).start()
