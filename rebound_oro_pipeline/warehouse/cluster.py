"""What a new embedded server is made of: its data directory, with its settings, and its role and databases."""

import shutil
import tempfile
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from rebound_oro_pipeline.warehouse.errors import EmbeddedPostgresError
from rebound_oro_pipeline.warehouse.server_account import Account

ADMINISTRATOR: Final = "postgres"
"""The superuser, used by nobody but the supervisor. Its password is the owner's too: they lie in one file."""

OWNER: Final = "pipeline"
"""Role that owns the databases. It is no superuser, so nothing works that a managed database would refuse."""

DATABASES: Final = ("pipeline", "dagster")
"""Databases of every server: ours, and the storage of Dagster's runs and events."""

INITIAL_SETTINGS: Final = {
    # Dagster opens a connection for each query, and every step that runs holds some.
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
"""Written into the postgresql.conf of a new server, for a small machine; an operator tunes them there."""

_INITDB_SECONDS: Final = 120
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - only its size is looked at


def make_data_directory(
    folder: Path, account: Account, programs: Path, *, password: str, durable: bool
) -> None:
    """Make `<folder>/data` for the account. Raises EmbeddedPostgresError.

    It is made beside its place and then renamed, so that a half-made one is never taken for whole.
    `durable` waits until the files are on the disk.
    """
    for left in folder.glob("new-*"):
        shutil.rmtree(left, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix="new-", dir=folder))
    password_file = scratch / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    account.own(password_file)
    account.own(scratch)
    settings = dict(INITIAL_SETTINGS)
    if _SHARED_MEMORY.exists() and shutil.disk_usage(_SHARED_MEMORY).total < 2**29:
        settings["dynamic_shared_memory_type"] = "mmap"  # parallel queries fail in a container's 64 MB
    outcome = account.run(
        [programs / "initdb", "-D", scratch.resolve() / "data", f"--username={ADMINISTRATOR}",
         "--auth=scram-sha-256", f"--pwfile={password_file.resolve()}", "--encoding=UTF8",
         # PostgreSQL's own tables of letters: the same on every system, whatever locales it has.
         "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions",
         *([] if durable else ["--no-sync"]),
         *(f"--set={name}={value}" for name, value in settings.items())],
        timeout=_INITDB_SECONDS,
    )  # fmt: skip
    if outcome.returncode:
        raise EmbeddedPostgresError(
            f"{account.name} could not make a data directory in {folder}: {outcome.stderr.strip()}"
        )
    (scratch / "data").rename(folder / "data")
    shutil.rmtree(scratch)


def make_missing_databases(conn: psycopg.Connection, password: str) -> None:
    """Create the owner and the databases that are not there; `conn` is the administrator's, in autocommit."""
    missing = set(DATABASES) - {row[0] for row in conn.execute("select datname from pg_database")}
    if missing and not conn.execute("select 1 from pg_roles where rolname = %s", (OWNER,)).fetchone():
        # The verifier rather than the password, because the statement may be logged.
        verifier = conn.pgconn.encrypt_password(password.encode(), OWNER.encode(), b"scram-sha-256")
        conn.execute(
            sql.SQL("create role {} login createdb password {}").format(
                sql.Identifier(OWNER), verifier.decode()
            )
        )
    for database in sorted(missing):
        conn.execute(
            sql.SQL("create database {} owner {}").format(sql.Identifier(database), sql.Identifier(OWNER))
        )
