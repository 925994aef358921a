"""Migrations on a real PostgreSQL."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import psycopg
import pytest

from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres
from rebound_oro_pipeline.warehouse.errors import MigrationError
from rebound_oro_pipeline.warehouse.migrate import migrate, pending, read_migrations
from rebound_oro_pipeline_tests.services.push.test_reconcile import decide_note, findings


class CloneDatabase(Protocol):
    def __call__(self, template: str) -> AbstractContextManager[str]: ...


@pytest.fixture
def empty_database_url(clone_database: CloneDatabase) -> Iterator[str]:
    with clone_database("template1") as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two small migrations."""
    (tmp_path / "0001_first.sql").write_text("create table first (value integer);")
    (tmp_path / "0002_second.sql").write_text("insert into first values (1); insert into first values (2);")
    (tmp_path / "README.md").write_text("not a migration")
    return tmp_path


def test_an_empty_database_gets_everything_once(empty_database_url: str) -> None:
    names = [migration.name for migration in read_migrations()]
    assert names[0] == "0001_landing"
    assert pending(empty_database_url) == names
    assert migrate(empty_database_url) == names
    assert migrate(empty_database_url) == []
    assert pending(empty_database_url) == []


def test_another_server_than_ours_gets_the_same(server: EmbeddedPostgres) -> None:
    """What REBOUND_ORO_DATABASE_URL names needs a role that owns its database, and nothing else."""
    server.start()
    url = server.url().replace("postgresql://", "postgres://")
    assert migrate(url) == [migration.name for migration in read_migrations()]
    with connect(url) as conn:
        assert conn.execute("select count(*) from migrations.applied").fetchone() == (len(read_migrations()),)


def test_notes_that_were_read_before_lines_were_compared_keep_their_finding(
    empty_database_url: str, tmp_path: Path
) -> None:
    for migration in read_migrations():
        if migration.name < "0033":
            (tmp_path / f"{migration.name}.sql").write_text(migration.text, encoding="utf-8")
    with connect(empty_database_url) as conn:
        migrate(conn, tmp_path)
        kept = {
            "CN-1": ("1", 16.85, 2),
            "CN-2": ("2", 16.85, 2),
            "CN-3": ("1", 1, 2),
            "CN-4": ("1", 16.85, 7),
        }
        for number, (order_id, total, quantity) in kept.items():
            decide_note(conn, number, "1")
            conn.execute(
                """
                insert into reconciliation.oro_credit_notes (credit_note_number, remote_id, order_id, currency,
                    total_amount, line_count, line_quantity, line_total_amount, read_at)
                values (%s, '1', %s, 'USD', %s, 1, %s, 11.9, now())
                """,
                (number, order_id, total, quantity),
            )
        before = findings(conn)
        assert before == {
            "CN-1": "sent_not_confirmed",
            "CN-2": "order_differs",
            "CN-3": "amounts_differ",
            "CN-4": "lines_differ",
        }
        conn.commit()
        assert "0033_what_is_known" in migrate(conn)
        assert findings(conn) == before


def test_processes_that_migrate_at_once_share_the_work(empty_database_url: str) -> None:
    with ThreadPoolExecutor() as pool:
        applied = list(pool.map(lambda _: migrate(empty_database_url), range(4)))
    names = sorted(name for names in applied for name in names)
    assert names == [migration.name for migration in read_migrations()]


def test_a_new_file_alone_is_run(empty_database_url: str, folder: Path) -> None:
    with connect(empty_database_url) as conn:
        assert migrate(conn, folder) == ["0001_first", "0002_second"]
        (folder / "0003_third.sql").write_text("update first set value = value + 1")
        assert pending(conn, folder) == ["0003_third"]
        assert migrate(conn, folder) == ["0003_third"]
        assert conn.execute("select sum(value) from first").fetchone() == (5,)


def test_a_file_that_fails_is_rolled_back_and_named(empty_database_url: str, folder: Path) -> None:
    """What went before stays, so that a corrected file goes on from there."""
    (folder / "0002_second.sql").write_text("insert into first values (1); select * from missing;")
    with pytest.raises(MigrationError, match=r'0002_second\.sql was rolled back: relation "missing"'):
        migrate(empty_database_url, folder)
    with connect(empty_database_url) as conn:
        assert conn.execute("select count(*) from first").fetchone() == (0,)
    (folder / "0002_second.sql").write_text("insert into first values (1)")
    assert migrate(empty_database_url, folder) == ["0002_second"]


def test_a_file_that_was_changed_after_it_was_run_is_an_error(empty_database_url: str, folder: Path) -> None:
    migrate(empty_database_url, folder)
    file = folder / "0001_first.sql"
    file.write_bytes(file.read_bytes() + b"\r\n")
    with pytest.raises(MigrationError, match=r"0001_first\.sql was changed after .* restore the file"):
        migrate(empty_database_url, folder)


def test_line_ends_are_no_change(empty_database_url: str, folder: Path) -> None:
    """Git may write others on another machine."""
    (folder / "0001_first.sql").write_bytes(b"create table first (\n    value integer\n);\n")
    migrate(empty_database_url, folder)
    (folder / "0001_first.sql").write_bytes(b"create table first (\r\n    value integer\r\n);\r\n")
    assert migrate(empty_database_url, folder) == []


def test_a_database_of_a_later_version_is_refused(empty_database_url: str, folder: Path) -> None:
    migrate(empty_database_url, folder)
    (folder / "0002_second.sql").unlink()
    with pytest.raises(MigrationError, match=r"does not know \(0002_second\); install"):
        migrate(empty_database_url, folder)


def test_a_number_that_comes_too_late_is_refused(empty_database_url: str, folder: Path) -> None:
    """Two branches that were merged: the order would differ between databases."""
    (folder / "0003_third.sql").write_text("select 1")
    migrate(empty_database_url, folder)
    (folder / "0000_late.sql").write_text("select 1")
    with pytest.raises(
        MigrationError, match=r"0000_late\.sql comes before 0003_third\.sql.* next free number"
    ):
        migrate(empty_database_url, folder)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("0001_other.sql", "number 0001 is taken by 0001_first"),
        ("third.sql", "is named like 0001_what_it_does.sql"),
    ],
)
def test_files_are_numbered_once_each(folder: Path, name: str, message: str) -> None:
    (folder / name).write_text("select 1")
    with pytest.raises(MigrationError, match=message):
        read_migrations(folder)


def test_a_connection_within_a_transaction_is_refused(conn: psycopg.Connection, folder: Path) -> None:
    """Its owner could roll back what was reported as done."""
    conn.execute("select 1")
    with pytest.raises(MigrationError, match="in a transaction"):
        migrate(conn, folder)


def test_a_database_whose_locale_knows_ascii_only_is_refused(postgres_url: str) -> None:
    """The case of an Ä in a SKU would count."""
    with connect(postgres_url, autocommit=True) as admin:
        admin.execute(
            "create database ascii encoding 'UTF8' locale_provider libc locale 'C' template template0"
        )
        with pytest.raises(MigrationError, match=r"lower\(\) leaves letters outside ASCII alone"):
            migrate(postgres_url.replace("/postgres", "/ascii"))
        admin.execute("drop database ascii with (force)")
