"""Fixtures that many tests share: one PostgreSQL server for the run, a fresh database for each test."""

import gc
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import hypothesis
import psycopg
import pytest
from psycopg import sql

from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres
from rebound_oro_pipeline.warehouse.migrate import migrate
from rebound_oro_pipeline_tests.prepared import prepare

# Nothing in a test's database needs to survive it; everything else is as in production.
SERVER_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "64MB",
}
# A clone is some 300 new files, made ten times as fast in memory; a container's /dev/shm may be too small.
MEMORY = Path("/dev/shm")
FOLDERS = (
    MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 2 * 2**30 else Path(tempfile.gettempdir())
)
PREFIX = "rebound-oro-tests-"
HOME = pytest.StashKey[Path]()

# How long an example takes says something of the machine, and nothing of the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

CloneDatabase: TypeAlias = Callable[[str], AbstractContextManager[str]]


def pytest_configure(config: pytest.Config) -> None:
    """Choose the folder of this run's server; a worker of pytest-xdist is told it."""
    # Of a terminal that has the variables of `rebound-oro dev`, tests are to know as little as of any other.
    for name in [name for name in os.environ if name.startswith("REBOUND_ORO_")]:
        del os.environ[name]
    given: dict[str, Any] | None = getattr(config, "workerinput", None)
    config.stash[HOME] = Path(given["server_home"]) if given else _new_path()
    if not given:
        _remove_what_killed_runs_left()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Have the collector of garbage pass over what has been loaded so far, which stays to the end."""
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist the folder of the server that all of them share."""
    node.workerinput["server_home"] = str(node.config.stash[HOME])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the server, once, after the last worker."""
    if not hasattr(config, "workerinput"):
        _remove(config.stash[HOME])


def _new_path() -> Path:
    return FOLDERS / f"{PREFIX}{os.getpid()}-{uuid4().hex[:8]}"


def _remove(folder: Path) -> None:
    """Delete a folder, after stopping the servers in it: one without its files lives on for a minute."""
    for lock in folder.rglob("pg.lock"):
        EmbeddedPostgres(lock.parent).remove()
    if folder.exists():
        shutil.rmtree(folder)


def _remove_what_killed_runs_left() -> None:
    for folder in FOLDERS.glob(f"{PREFIX}*-*"):
        maker = int(folder.name.removeprefix(PREFIX).partition("-")[0])
        try:
            os.kill(maker, 0)
        except ProcessLookupError:
            if folder.stat().st_uid == os.geteuid():
                _remove(folder)
        except PermissionError:
            continue


@contextmanager
def _open_folder() -> Iterator[Path]:
    folder = _new_path()
    folder.mkdir()
    folder.chmod(0o755)
    yield folder
    _remove(folder)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Yield a folder that every account may enter; `tmp_path` is closed to a server that root starts.

    Embedded servers that a test leaves in it are removed.
    """
    with _open_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def open_folder_for_run() -> Iterator[Path]:
    """Yield such a folder for the whole run."""
    with _open_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres_url(pytestconfig: pytest.Config) -> str:
    """Return the URL of the server's maintenance database, for a role that may create databases."""
    home = pytestconfig.stash[HOME]
    home.mkdir(exist_ok=True)
    home.chmod(0o755)
    server = EmbeddedPostgres(home, settings=SERVER_SETTINGS)
    server.start()
    return server.url("postgres")


@pytest.fixture(scope="session")
def migrated_database(postgres_url: str) -> str:
    """Return the name of a database with all migrations and nothing else, made once in the run."""
    return _made_once(postgres_url, "migrated", migrate)


@pytest.fixture(scope="session")
def prepared_database(postgres_url: str, migrated_database: str) -> str:
    """Return the name of a migrated database whose seeds are loaded and whose views are made, made once in the run."""

    def make(url: str) -> None:
        with connect(url) as conn:
            prepare(conn)

    return _made_once(postgres_url, "prepared", make, template=migrated_database)


@pytest.fixture(scope="session")
def template_database(migrated_database: str) -> str:
    """Return the name of the database that `database_url` copies; some folders and modules name another one."""
    return migrated_database


def _made_once(
    postgres_url: str, name: str, make: Callable[[str], object], template: str = "template1"
) -> str:
    unfinished = f"{name}_unfinished"
    with connect(postgres_url, autocommit=True) as admin:
        admin.execute("select pg_advisory_lock(hashtext(%s))", (name,))  # until the connection closes
        if admin.execute("select from pg_database where datname = %s", (name,)).fetchone() is None:
            admin.execute(f"drop database if exists {unfinished}")
            admin.execute(f"create database {unfinished} template {template}")
            make(_database(postgres_url, unfinished))
            admin.execute(f"alter database {unfinished} rename to {name}")
    return name


@pytest.fixture(scope="session")
def clone_database(postgres_url: str) -> CloneDatabase:
    """Return a context manager that copies the named database, gives the copy's URL, and drops it."""

    @contextmanager
    def clone(template: str) -> Iterator[str]:
        name = f"test_{uuid4().hex}"
        with connect(postgres_url, autocommit=True) as admin:
            admin.execute(
                sql.SQL("create database {} template {} strategy file_copy").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
            try:
                yield _database(postgres_url, name)
            finally:
                _wait_for_sessions_to_end(admin, name)
                admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    return clone


def _wait_for_sessions_to_end(admin: psycopg.Connection, name: str) -> None:
    # Where a closed session has not quite ended, dropping its database sleeps for 0.1 s before looking again.
    for _ in range(25):
        if admin.execute("select from pg_stat_activity where datname = %s", (name,)).fetchone() is None:
            break
        time.sleep(0.002)


@pytest.fixture
def database_url(clone_database: CloneDatabase, template_database: str) -> Iterator[str]:
    """Yield the URL of a fresh copy of `template_database`: migrated and empty, where nothing else is said."""
    with clone_database(template_database) as url:
        yield url


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    """Yield a connection to the database of `database_url`; not in autocommit."""
    with connect(database_url) as connection:
        yield connection


@pytest.fixture
def prepared_conn(clone_database: CloneDatabase, prepared_database: str) -> Iterator[psycopg.Connection]:
    """Yield a connection to a fresh copy of `prepared_database`; not in autocommit."""
    with clone_database(prepared_database) as url, connect(url) as connection:
        yield connection


def _database(url: str, name: str) -> str:
    return f"{url.rpartition('/')[0]}/{name}"
