"""The policy in force, and aliases of SKUs."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.errors import AliasError
from rebound_oro_pipeline.warehouse.reference import (
    AliasImport,
    add_alias,
    import_aliases,
    list_aliases,
    remove_alias,
    save_policy,
)

POLICY = {"tax": {"max_rate": Decimal("0.35")}, "stock": {"saleable": ["restock"]}}

WriteFile = Callable[[str | bytes], Path]


@pytest.fixture
def write_file(tmp_path: Path) -> WriteFile:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "aliases.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def pairs(conn: psycopg.Connection) -> list[tuple[str, str]]:
    return [(alias.alias, alias.sku) for alias in list_aliases(conn)]


def in_force(conn: psycopg.Connection) -> tuple[int, dict[str, Any]]:
    """Return version and document of the policy in force."""
    [latest] = conn.execute(
        "select policy_version, document from reference.policies order by loaded_at desc limit 1"
    ).fetchall()
    return latest


def test_the_same_policy_is_the_same_version(conn: psycopg.Connection) -> None:
    """However its keys are ordered and its numbers are written: nothing was decided anew."""
    version = save_policy(conn, POLICY)
    assert save_policy(conn, {"stock": {"saleable": ["restock"]}, "tax": {"max_rate": "0.35"}}) == version
    assert save_policy(conn, {**POLICY, "tax": {"max_rate": Decimal("0.350")}}) == version
    assert save_policy(conn, {**POLICY, "stock": {"saleable": ["restock", "refurbish"]}}) == version + 1

    assert in_force(conn) == (
        version + 1,
        {"tax": {"max_rate": "0.35"}, "stock": {"saleable": ["restock", "refurbish"]}},
    )


def test_a_policy_that_comes_back_into_force_is_the_latest_again(conn: psycopg.Connection) -> None:
    """Under its old version, because the ledger's rows name what they were decided by."""
    first = save_policy(conn, POLICY)
    second = save_policy(conn, {})
    assert save_policy(conn, POLICY) == first
    assert (in_force(conn)[0], second) == (first, first + 1)


def test_runs_that_store_a_policy_at_once_agree_on_its_version(database_url: str) -> None:
    def save(_: int) -> int:
        with connect(database_url) as conn:
            return save_policy(conn, POLICY)

    with ThreadPoolExecutor() as pool:
        assert len(set(pool.map(save, range(4)))) == 1


def test_a_policy_in_force_is_not_locked_by_the_runs_that_use_it(database_url: str) -> None:
    """Two decisions may be at work at the same time, and each begins with its policy."""
    with connect(database_url) as one, connect(database_url) as other:
        save_policy(one, POLICY)
        one.commit()
        save_policy(one, POLICY)
        other.execute("set lock_timeout = '1s'")
        save_policy(other, POLICY)


def test_good_rows_of_an_alias_file_go_on_and_bad_ones_are_reported(
    conn: psycopg.Connection, write_file: WriteFile
) -> None:
    path = write_file(
        b"\xef\xbb\xbfAlias, SKU\r\n"
        b"OLD-1,NEW-1\r\n"
        b"\r\n"
        b"  old-2 ,NEW-2\r\n"
        b",NEW-3\r\n"
        b"OLD-4,\xc2\xa0\r\n"
        b"same,SAME\r\n"
        b"OLD-5,NEW-5,NEW-6\r\n"
        b'OLD-6,"NEW"-6\r\n'
        b"OLD-7,T\xfcR\r\n"
        b"old-1 ,new-1\r\n"
        b"OLD-1,NEW-8\r\n"
        b'"OLD,9",NEW-9'
    )
    result = import_aliases(conn, path, "ops@example.com")

    assert [str(fault) for fault in result.faults] == [
        "aliases.csv:5: alias: is empty",
        "aliases.csv:6: sku: is empty",
        "aliases.csv:7: sku: is the same code as the alias",
        "aliases.csv:8: row: has 3 values, the header has 2",
        "aliases.csv:9: row: cannot be read: ',' expected after '\"'",
        "aliases.csv:10: sku: is not UTF-8, or holds a control character",
    ]
    assert (result.read, result.added, result.known) == (11, 4, 1)
    assert pairs(conn) == [("OLD,9", "NEW-9"), ("OLD-1", "NEW-1"), ("OLD-1", "NEW-8"), ("old-2", "NEW-2")]
    assert {alias.added_by for alias in list_aliases(conn)} == {"ops@example.com"}

    again = import_aliases(conn, path, "somebody else")
    assert (again.added, again.known) == (0, 5)
    assert {alias.added_by for alias in list_aliases(conn)} == {"ops@example.com"}


def test_a_quote_that_is_never_closed_takes_no_good_row_before_it(
    conn: psycopg.Connection, write_file: WriteFile
) -> None:
    result = import_aliases(conn, write_file('alias,sku\nOLD-1,NEW-1\nOLD-2,"NEW-2\nOLD-3,NEW-3\n'), "ops")
    assert [str(fault) for fault in result.faults] == [
        "aliases.csv:3: row: cannot be read: unexpected end of data"
    ]
    assert pairs(conn) == [("OLD-1", "NEW-1")]


def test_further_columns_are_passed_over(conn: psycopg.Connection, write_file: WriteFile) -> None:
    import_aliases(conn, write_file("sku,comment,alias\nNEW-1,since 2024,OLD-1\n"), "ops")
    assert pairs(conn) == [("OLD-1", "NEW-1")]


@pytest.mark.parametrize("content", ["", "OLD-1,NEW-1\n", "alias;sku\nOLD-1;NEW-1\n", "alias,sku,sku\n"])
def test_a_file_without_the_agreed_header_is_refused_as_a_whole(
    conn: psycopg.Connection, write_file: WriteFile, content: str
) -> None:
    """A first row that is data would otherwise be lost without a word."""
    with pytest.raises(AliasError, match=r"aliases.csv: the first line reads .* expected alias,sku"):
        import_aliases(conn, write_file(content), "ops")


def test_a_file_with_nothing_but_a_header_adds_nothing(
    conn: psycopg.Connection, write_file: WriteFile
) -> None:
    assert import_aliases(conn, write_file("alias,sku\n"), "ops") == AliasImport(0, 0, 0, ())


def test_an_alias_is_added_once_and_removed_however_it_is_written(conn: psycopg.Connection) -> None:
    assert add_alias(conn, " Ölkanne ", "OIL-1", "ops", note="catalogue of 2019") is True
    assert add_alias(conn, "ÖLKANNE", "oil-1", "somebody else") is False
    assert add_alias(conn, "ölkanne", "OIL-2", "ops") is True
    [first, second] = list_aliases(conn)
    assert (first.alias, first.sku, first.added_by, first.note) == (
        "Ölkanne",
        "OIL-1",
        "ops",
        "catalogue of 2019",
    )
    assert first.added_at <= second.added_at

    assert remove_alias(conn, "ölKANNE", "Oil-2") == 1
    assert pairs(conn) == [("Ölkanne", "OIL-1")]
    assert remove_alias(conn, "ÖLkanne") == 1
    assert remove_alias(conn, "ölkanne") == 0


@pytest.mark.parametrize(
    ("alias", "sku", "message"), [(" ", "A", "alias is empty"), ("a", "A ", "same code")]
)
def test_an_alias_that_says_nothing_is_refused(
    conn: psycopg.Connection, alias: str, sku: str, message: str
) -> None:
    with pytest.raises(AliasError, match=message):
        add_alias(conn, alias, sku, "ops")
