"""What sqlglot makes of a model is made once, and again only when the text, its columns or the reader change."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from rebound_oro_pipeline.sqlmodels import kept, lineage, parse
from rebound_oro_pipeline.sqlmodels.model import Model, Models, Origins
from rebound_oro_pipeline.sqlmodels.origins import origins_of
from rebound_oro_pipeline.sqlmodels.query import Query, keep_queries, read_query

SQL = "select a as b from landing.items where at >= %(window_start)s"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return where findings are kept, in a process that may write bytecode."""
    path = tmp_path / "__pycache__" / "sqlglot.json"
    monkeypatch.setattr(kept, "_place", lambda: path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    a_new_process()
    yield path
    a_new_process()


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


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the models whose lineage sqlglot is asked for, as it is asked."""
    relations: list[str] = []
    real = lineage.column_lineage

    def noted(model: Model, columns: Mapping[str, Sequence[str]]) -> Origins:
        relations.append(model.relation)
        return real(model, columns)

    monkeypatch.setattr(lineage, "column_lineage", noted)
    return relations


def a_new_process() -> None:
    read_query.cache_clear()
    kept._kept.cache_clear()
    kept._reader.cache_clear()


def read_in_a_new_process(sql: str) -> Query:
    a_new_process()
    return read_query(sql)


def test_what_was_kept_is_what_was_parsed(place: Path, parsed: list[str]) -> None:
    first = read_in_a_new_process(SQL)
    keep_queries([first])
    assert read_in_a_new_process(SQL) == first
    assert read_in_a_new_process(f"{SQL};\n") == first
    assert parsed == [SQL]


def test_a_changed_text_is_parsed(place: Path, parsed: list[str]) -> None:
    keep_queries([read_in_a_new_process(SQL)])
    assert read_in_a_new_process(SQL.replace("items", "others")).relations == {"landing.others"}
    assert len(parsed) == 2


def test_another_reader_parses_anew(place: Path, parsed: list[str]) -> None:
    keep_queries([read_in_a_new_process(SQL)])
    place.write_text(json.dumps({**json.loads(place.read_text()), "reader": "an older version"}))
    read_in_a_new_process(SQL)
    assert parsed == [SQL, SQL]


def test_a_torn_file_is_no_file(place: Path, parsed: list[str]) -> None:
    keep_queries([read_in_a_new_process(SQL)])
    place.write_text(place.read_text()[:40])
    assert read_in_a_new_process(SQL).relations == {"landing.items"}
    assert parsed == [SQL, SQL]


def test_what_is_no_longer_there_is_forgotten(place: Path) -> None:
    other = read_in_a_new_process("select 1 as one")
    keep_queries([read_in_a_new_process(SQL), other])
    kept._kept.cache_clear()
    keep_queries([other])
    assert len(json.loads(place.read_text())["findings"]["queries"]) == 1


def test_lineage_is_kept_beside_what_was_read_until_the_columns_change(
    place: Path, traced: list[str], project: Callable[..., Models]
) -> None:
    models = project(
        {
            "staging/items.sql": "/* Items. */ select * from landing.items",
            "marts/named.sql": "/* Named. */ select id || 'x' as name, 1 as one from staging.items",
        }
    )
    columns = {"landing.items": ["id", "at"], "staging.items": ["id", "at"]}
    first = origins_of(models, columns)
    keep_queries([read_in_a_new_process(SQL)])
    a_new_process()
    assert origins_of(models, columns) == first
    assert traced == ["staging.items", "marts.named"]
    assert first["marts.named"] == {"name": (("staging.items", "id"),), "one": ()}
    more = origins_of(models, {**columns, "landing.items": ["id", "at", "parts"]})
    assert more["staging.items"].keys() == {"id", "at", "parts"}
    assert traced == ["staging.items", "marts.named", "staging.items"]


def test_lineage_leads_from_left_to_right_only(project: Callable[..., Models]) -> None:
    """What a step sees of an earlier decision is no dependency of it, and no origin."""
    models = project(
        {
            "staging/items.sql": "/*\nItems.\n\nprevious: ledger.notes\n*/\n"
            "select i.id, n.sum from landing.items as i left join ledger.notes as n on i.id = n.id",
            "ledger/notes.sql": "/*\nNotes.\n\nmaterialized: append\n*/ select id, sum from staging.items",
        },
        external=["landing.items", "ledger.notes"],
    )
    relations = ("landing.items", "ledger.notes", "staging.items")
    origins = origins_of(models, {relation: ["id", "sum"] for relation in relations})
    assert origins["staging.items"] == {"id": (("landing.items", "id"),), "sum": ()}
    assert origins["ledger.notes"]["sum"] == (("staging.items", "sum"),)


def test_a_place_that_cannot_be_written_is_done_without(place: Path) -> None:
    place.parent.write_text("a file, where the folder would be")
    keep_queries([read_in_a_new_process(SQL)])
    assert place.parent.is_file()


def test_who_wants_no_bytecode_gets_none_of_this(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    keep_queries([read_in_a_new_process(SQL)])
    assert not place.exists()
