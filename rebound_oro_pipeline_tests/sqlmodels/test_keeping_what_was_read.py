"""What sqlglot read of a model is read once, and again only when the text or the reader changes."""

import json
import sys
from pathlib import Path

import pytest

from rebound_oro_pipeline.sqlmodels import parse, query
from rebound_oro_pipeline.sqlmodels.query import Query, keep, read_query

SQL = "select a as b from landing.items where at >= %(window_start)s"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where readings are kept, in a process that may write bytecode."""
    path = tmp_path / "__pycache__" / "queries.json"
    monkeypatch.setattr(query, "_place", lambda: path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return path


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the texts that sqlglot is given, as it is given them."""
    texts: list[str] = []
    real = parse.parse_query

    def noted(sql: str) -> tuple[frozenset[str], tuple[str, ...], str]:
        texts.append(sql)
        return real(sql)

    monkeypatch.setattr(parse, "parse_query", noted)
    return texts


def read_in_a_new_process(sql: str) -> Query:
    read_query.cache_clear()
    query._kept.cache_clear()
    query._reader.cache_clear()
    return read_query(sql)


def test_what_was_kept_is_what_was_parsed(place: Path, parsed: list[str]) -> None:
    first = read_in_a_new_process(SQL)
    keep([first])
    assert read_in_a_new_process(SQL) == first
    assert read_in_a_new_process(f"{SQL};\n") == first
    assert parsed == [SQL]


def test_a_changed_text_is_parsed(place: Path, parsed: list[str]) -> None:
    keep([read_in_a_new_process(SQL)])
    assert read_in_a_new_process(SQL.replace("items", "others")).relations == {"landing.others"}
    assert len(parsed) == 2


def test_another_reader_parses_anew(place: Path, parsed: list[str]) -> None:
    keep([read_in_a_new_process(SQL)])
    place.write_text(json.dumps({**json.loads(place.read_text()), "reader": "an older version"}))
    read_in_a_new_process(SQL)
    assert parsed == [SQL, SQL]


def test_a_torn_file_is_no_file(place: Path, parsed: list[str]) -> None:
    keep([read_in_a_new_process(SQL)])
    place.write_text(place.read_text()[:40])
    assert read_in_a_new_process(SQL).relations == {"landing.items"}
    assert parsed == [SQL, SQL]


def test_what_is_no_longer_there_is_forgotten(place: Path) -> None:
    other = read_in_a_new_process("select 1 as one")
    keep([read_in_a_new_process(SQL), other])
    query._kept.cache_clear()
    keep([other])
    assert len(json.loads(place.read_text())["queries"]) == 1


def test_a_place_that_cannot_be_written_is_done_without(place: Path) -> None:
    place.parent.write_text("a file, where the folder would be")
    keep([read_in_a_new_process(SQL)])
    assert place.parent.is_file()


def test_who_wants_no_bytecode_gets_none_of_this(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    keep([read_in_a_new_process(SQL)])
    assert not place.exists()
