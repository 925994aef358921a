"""History from files: what lands, what is reported, and that a file may be imported again."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.services.import_history import (
    Columns,
    HistoryError,
    ImportedHistory,
    import_history,
    load_columns,
)
from rebound_oro_pipeline_tests.services.operators_shop import a_return

NOW = datetime(2026, 11, 21, tzinfo=UTC)
COLUMNS = Columns(
    return_id="Return No",
    order_reference="Order",
    registered_at="Date",
    sku="Item",
    quantity="Qty",
    disposition="Result",
    reason="Why",
)
CSV = """\
Return No,Order,Date,Item,Qty,Result,Why,Clerk
R-1,SO-1,2025-03-01,SHIRT,2,restock,unwanted,maria
R-2,SO-2,2025-03-02,SHIRT,1,damaged,late,maria
R-1,SO-1,2025-03-01,LAMP,0.5,restock,unwanted,maria
R-3,SO-3,some day,LAMP,1,restock,unwanted,maria
R-4,SO-4,2025-03-03,LAMP,many,restock,unwanted,maria
"""
LINES = """
select return_id, position, sku, quantity::text, disposition, reason_code, fault is not null
from landing.rebound_return_lines order by return_id, position
"""


def run(conn: psycopg.Connection[Any], file: Path, columns: Columns | None = COLUMNS) -> ImportedHistory:
    return import_history(conn, file, columns=columns, mapping=default_mapping(), status="processed", now=NOW)


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    file = tmp_path / "history.csv"
    file.write_text(CSV, encoding="utf-8")
    return file


def test_rows_of_one_return_make_one_return_wherever_they_stand(
    conn: psycopg.Connection[Any], csv: Path
) -> None:
    done = run(conn, csv)
    assert (done.landed.new, done.landed.malformed) == (3, 0)
    assert conn.execute(LINES).fetchall() == [
        ("R-1", 1, "SHIRT", "2", "restock", "unwanted", False),
        ("R-1", 2, "LAMP", "0.5", "restock", "unwanted", False),
        ("R-2", 1, "SHIRT", "1", "damaged", "late", False),
        ("R-4", 1, "LAMP", None, "restock", "unwanted", True),
    ]
    rows = conn.execute("select distinct status, source, landed_by from landing.rebound_returns").fetchall()
    assert rows == [("processed", "file", "import-history")]


def test_what_is_wrong_is_told_by_file_line_and_field(conn: psycopg.Connection[Any], csv: Path) -> None:
    told = [str(fault) for fault in run(conn, csv).faults]
    assert len(told) == 2
    assert told[0].startswith("history.csv:5: date_added: ")
    assert told[0].endswith("left out")
    assert told[1].startswith("history.csv:6: item[0].quantity: ")
    assert told[1].endswith("goes to the quarantine")


def test_a_file_may_be_imported_again(conn: psycopg.Connection[Any], csv: Path) -> None:
    run(conn, csv)
    again = run(conn, csv)
    assert (again.landed.new, again.landed.changed, again.landed.unchanged) == (0, 0, 3)


def test_json_lines_are_rebounds_documents(conn: psycopg.Connection[Any], tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    lines = [json.dumps(a_return("R-1")), "", "{", json.dumps(a_return("R-2"))]
    file.write_text("\n".join(lines), encoding="utf-8")
    done = run(conn, file, None)
    assert done.landed.new == 2
    assert [fault.line for fault in done.faults] == [3]


def test_a_missing_column_is_named_with_those_that_are_there(
    conn: psycopg.Connection[Any], csv: Path
) -> None:
    with pytest.raises(HistoryError, match="has no column Parcel; it has Return No, Order"):
        run(conn, csv, COLUMNS.model_copy(update={"unit_code": "Parcel"}))


def test_a_file_that_is_no_csv_is_told(conn: psycopg.Connection[Any], tmp_path: Path) -> None:
    file = tmp_path / "history.csv"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HistoryError, match="is no CSV in UTF-8"):
        run(conn, file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("return_id: A", "order_reference: "),
        ("return_id: A\norder_reference: B\nregistered_at: C\nsku: D\ncolour: E", "colour: no such key"),
    ],
)
def test_a_faulty_mapping_of_columns_names_the_key(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "columns.yaml"
    file.write_text(content)
    with pytest.raises(HistoryError) as told:
        load_columns(file)
    assert words in str(told.value)
