"""Schema migrations: versioned SQL files, run once each, in order, under a lock, recorded with a checksum."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

import psycopg
from psycopg.pq import TransactionStatus

from rebound_oro_pipeline.warehouse import statements
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.errors import MigrationError

MIGRATIONS: Traversable = files("rebound_oro_pipeline.warehouse") / "migrations"
"""Where the files `NNNN_name.sql` lie."""

_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_SQL = statements.load("migrate")


@dataclass(frozen=True)
class Migration:
    """One file: its name without suffix, and its text with Unix line ends."""

    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the text, hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def read_migrations(folder: Traversable = MIGRATIONS) -> list[Migration]:
    """Return the migrations of a folder, in order. Raises MigrationError on a bad name or number."""
    found: dict[str, Migration] = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".sql"):
            continue
        match = _NAME.match(file.name)
        if match is None:
            raise MigrationError(f"{file.name}: a migration is named like 0001_what_it_does.sql")
        if (number := match[1]) in found:
            raise MigrationError(
                f"{file.name}: number {number} is taken by {found[number].name}; renumber one"
            )
        # read_text translates the line ends that some Git settings write.
        found[number] = Migration(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
    return list(found.values())


def migrate(conn_or_url: psycopg.Connection | str, folder: Traversable = MIGRATIONS) -> list[str]:
    """Run what has not been run yet, each file in a transaction of its own; return the names of those.

    Safe to call from several processes at once. A connection that is given must not be in a transaction.
    Raises MigrationError; what the failing file did is rolled back, what earlier files did stays.
    """
    migrations = read_migrations(folder)
    done: list[str] = []
    with _connection(conn_or_url) as conn:
        _require_lowering(conn)
        while (name := _run_next(conn, migrations)) is not None:
            done.append(name)
    return done


def pending(conn_or_url: psycopg.Connection | str, folder: Traversable = MIGRATIONS) -> list[str]:
    """Return the names of the migrations that `migrate` would run now. Raises MigrationError as it does."""
    migrations = read_migrations(folder)
    with _connection(conn_or_url) as conn, conn.transaction():
        row = conn.execute(_SQL["has_history"]).fetchone()
        applied = _applied(conn) if row is not None and row[0] else {}
        return [migration.name for migration in _not_applied(migrations, applied)]


@contextmanager
def _connection(conn_or_url: psycopg.Connection | str) -> Iterator[psycopg.Connection]:
    if isinstance(conn_or_url, str):
        with connect(conn_or_url, application_name="rebound-oro migrate") as conn:
            yield conn
        return
    if conn_or_url.info.transaction_status != TransactionStatus.IDLE:
        raise MigrationError("The connection is in a transaction; commit or roll it back before migrating")
    yield conn_or_url


def _run_next(conn: psycopg.Connection, migrations: list[Migration]) -> str | None:
    with conn.transaction():
        # Taken anew for each file: a transaction's lock needs no unlocking and survives a pooler in between.
        conn.execute(_SQL["lock"])
        conn.execute(_SQL["create_history"])
        migration = next(iter(_not_applied(migrations, _applied(conn))), None)
        if migration is None:
            return None
        try:
            conn.execute(migration.text)
        except psycopg.Error as error:
            raise MigrationError(f"{migration.name}.sql was rolled back: {error}") from error
        conn.execute(_SQL["record"], {"migration": migration.name, "sha256": migration.sha256})
        return migration.name


def _applied(conn: psycopg.Connection) -> dict[str, str]:
    return dict(conn.execute(_SQL["applied"]).fetchall())


def _not_applied(migrations: list[Migration], applied: dict[str, str]) -> list[Migration]:
    unknown = applied.keys() - {migration.name for migration in migrations}
    if unknown:
        raise MigrationError(
            f"The database has migrations that this version does not know ({', '.join(sorted(unknown))}); "
            "install the version that wrote them, or a later one"
        )
    for migration in migrations:
        if applied.get(migration.name, migration.sha256) != migration.sha256:
            raise MigrationError(
                f"{migration.name}.sql was changed after it had been run on this database; "
                "restore the file and put the change into a new migration"
            )
    rest = [migration for migration in migrations if migration.name not in applied]
    if rest and applied and rest[0].name < max(applied):
        raise MigrationError(
            f"{rest[0].name}.sql comes before {max(applied)}.sql, which has been run; "
            "give it the next free number"
        )
    return rest


def _require_lowering(conn: psycopg.Connection) -> None:
    with conn.transaction():
        row = conn.execute(_SQL["lowers_letters"]).fetchone()
    if row is None or not row[0]:
        raise MigrationError(
            "lower() leaves letters outside ASCII alone in this database, so SKUs would not be compared "
            "without regard to case. Create it with a locale that knows them: "
            "create database … locale 'C.UTF-8' template template0"
        )
