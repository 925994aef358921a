"""What hangs on a landed document: never without it, gone with it, as a foreign key would have it."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.warehouse.connection import connect

AT = datetime(2026, 11, 24, tzinfo=UTC)
ADD_RETURN = """
insert into landing.rebound_returns (
    return_id, registered_at, document, document_hash, source, landed_at, landed_by
) values (%s, %s, '{}', '', 'api', %s, 'run')
"""
ADD_LINE = """
insert into landing.rebound_return_lines (return_id, position, return_line_key, sku, quantity)
values (%s, %s, 'key', 'A', 1)
"""
FORBIDDEN = psycopg.errors.ForeignKeyViolation


@pytest.fixture
def landed(conn: psycopg.Connection) -> psycopg.Connection:
    """Two returns with two lines each."""
    for return_id in ("R1", "R2"):
        conn.execute(ADD_RETURN, (return_id, AT, AT))
        for position in (1, 2):
            conn.execute(ADD_LINE, (return_id, position))
    conn.commit()
    return conn


def lines(conn: psycopg.Connection) -> list[Any]:
    return conn.execute(
        "select return_id, position from landing.rebound_return_lines order by 1, 2"
    ).fetchall()


def test_a_line_needs_its_return(landed: psycopg.Connection) -> None:
    with pytest.raises(FORBIDDEN, match=r"landing\.rebound_returns has no row for \(R9,1"):
        landed.execute(ADD_LINE, ("R9", 1))


def copy_lines(conn: psycopg.Connection, *return_ids: str) -> None:
    columns = "return_id, position, return_line_key, sku, quantity"
    with conn.cursor().copy(f"copy landing.rebound_return_lines ({columns}) from stdin") as copy:
        for return_id in return_ids:
            copy.write_row((return_id, 3, "key", "A", 1))


def test_a_copy_with_a_line_too_many_is_refused_as_a_whole(landed: psycopg.Connection) -> None:
    with pytest.raises(FORBIDDEN):
        copy_lines(landed, "R1", "R9")
    landed.rollback()
    copy_lines(landed, "R1", "R2")
    assert len(lines(landed)) == 6


def test_the_lines_of_a_return_go_along_with_it(landed: psycopg.Connection) -> None:
    landed.execute("delete from landing.rebound_returns where return_id = 'R1'")
    assert lines(landed) == [("R2", 1), ("R2", 2)]


@pytest.mark.parametrize("table", ["rebound_returns", "rebound_return_lines"])
def test_the_key_of_what_landed_never_changes(landed: psycopg.Connection, table: str) -> None:
    with pytest.raises(FORBIDDEN, match="never changes"):
        landed.execute(f"update landing.{table} set return_id = 'R3' where return_id = 'R1'")


def test_returns_cannot_be_emptied_without_their_lines(landed: psycopg.Connection) -> None:
    with pytest.raises(FORBIDDEN, match=r"without landing\.rebound_return_lines"):
        landed.execute("truncate landing.rebound_returns")
    landed.rollback()
    landed.execute("truncate landing.rebound_returns, landing.rebound_return_lines")
    assert lines(landed) == []


def in_the_background(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def wait_until_somebody_waits(conn: psycopg.Connection) -> None:
    for _ in range(500):
        row = conn.execute(
            "select count(*), pg_sleep(0.01) from pg_locks where not granted"
            " and database = (select oid from pg_database where datname = current_database())"
        ).fetchone()
        if row is not None and row[0]:
            return
    pytest.fail("nobody waits for a lock")


def test_a_line_that_is_added_while_its_return_goes_is_refused(
    database_url: str, landed: psycopg.Connection
) -> None:
    """A check that only looks would find the return still there."""
    refused: list[BaseException] = []

    def add() -> None:
        with connect(database_url) as other:
            try:
                other.execute(ADD_LINE, ("R1", 3))
            except FORBIDDEN as error:
                refused.append(error)

    landed.execute("delete from landing.rebound_returns where return_id = 'R1'")
    adding = in_the_background(add)
    wait_until_somebody_waits(landed)
    landed.commit()
    adding.join()
    assert len(refused) == 1
    assert lines(landed) == [("R2", 1), ("R2", 2)]


def test_a_return_that_goes_while_a_line_is_added_takes_it_along(
    database_url: str, landed: psycopg.Connection
) -> None:
    def delete() -> None:
        with connect(database_url) as other:
            other.execute("delete from landing.rebound_returns where return_id = 'R1'")

    landed.execute(ADD_LINE, ("R1", 3))
    deleting = in_the_background(delete)
    with connect(database_url, autocommit=True) as watching:
        wait_until_somebody_waits(watching)
    landed.commit()
    deleting.join()
    assert lines(landed) == [("R2", 1), ("R2", 2)]
