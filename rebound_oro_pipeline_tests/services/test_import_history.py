"""History from files: what lands, what is reported, and that a file may be imported again."""

import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.contracts.rebound import read_return
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.services import import_history as import_history_module
from rebound_oro_pipeline.services import reading
from rebound_oro_pipeline.services.import_history import (
    Columns,
    HistoryError,
    ImportedHistory,
    import_history,
    load_columns,
)
from rebound_oro_pipeline.warehouse.landing import Source, land_returns
from rebound_oro_pipeline.warehouse.landing_tables import RETURNS
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


def run(
    conn: psycopg.Connection[Any], file: Path, columns: Columns | None = COLUMNS, **more: Any
) -> ImportedHistory:
    return import_history(
        conn, file, columns=columns, mapping=default_mapping(), status="processed", now=NOW, **more
    )


def told_by_rebound(
    conn: psycopg.Connection[Any], document: dict[str, Any], source: Source = "api", days: int = -1
) -> None:
    read = read_return(document, default_mapping())
    land_returns(conn, [read], source=source, landed_by="run-1", landed_at=NOW + timedelta(days=days))


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
    done = run(conn, csv)
    told = [str(fault) for fault in done.faults]
    assert len(told) == 2
    assert told[0].startswith("history.csv:5: Date: ")
    assert told[0].endswith("left out")
    assert told[1].startswith("history.csv:6: Qty: ")
    assert told[1].endswith("goes to the quarantine")
    assert {moment.day for moment in done.registered_at} == {1, 2, 3}


@pytest.mark.parametrize(
    ("rows", "faults"),
    [
        pytest.param(
            ["R-1,SO-1,2025-03-01,A,1,,,", "R-1,SO-2,2025-03-01,B,1,,,", "R-2,SO-2,2025-03-01,A,1,,,"],
            ["3: Order: is 'SO-2', but line 2 says 'SO-1' of the same return, which has one; left out"],
            id="two orders in one return",
        ),
        pytest.param(
            [
                "R-1,SO-1,2025-03-01,A,1,,,",
                'R-1,SO-1,2025-03-01,"A',
                'B",some,,,',
                "R-2,SO-2,2025-03-01,A,1,,,",
            ],
            ["3: Qty: is not an exact number but 'some'; goes to the quarantine"],
            id="a row over two lines, in the middle of its return",
        ),
        pytest.param(
            ["R-1,SO-1,2025-03-01,A,1,,,", "R-1,SO-1,2025-03-01,B,1,,,,", "R-2,SO-2,2025-03-01,A,1,,,"],
            ["3: row: has 9 values, the header has 8; its return is left out"],
            id="a comma too many",
        ),
        pytest.param(
            ["R-1,SO-1,2025-03-01,A,1,,,", "R-1,SO-1,2025-03-01", "R-2,SO-2,2025-03-01,A,1,,,"],
            ["3: row: has 3 values, the header has 8; its return is left out"],
            id="values missing",
        ),
        pytest.param(
            [",,,,,,,", " ,SO-1,2025-03-01,A,1,,,", "R-2,SO-2,2025-03-01,A,1,,,"],
            ["3: Return No: is missing; left out"],
            id="no return id",
        ),
    ],
)
def test_a_row_that_cannot_be_trusted_takes_its_return_with_it(
    conn: psycopg.Connection[Any], tmp_path: Path, rows: list[str], faults: list[str]
) -> None:
    file = tmp_path / "history.csv"
    file.write_text("\n".join([CSV.splitlines()[0], *rows]), encoding="utf-8")
    done = run(conn, file)
    assert [str(fault).removeprefix("history.csv:") for fault in done.faults] == faults
    landed = {row[0] for row in conn.execute(LINES)}
    assert landed == ({"R-1", "R-2"} if "quarantine" in faults[0] else {"R-2"})


def test_a_file_may_be_imported_again(conn: psycopg.Connection[Any], csv: Path) -> None:
    run(conn, csv)
    again = run(conn, csv)
    assert (again.landed.new, again.landed.changed, again.landed.unchanged) == (0, 0, 3)


@pytest.mark.parametrize("source", ["api", "webhook"])
def test_what_rebound_said_itself_is_not_overridden(
    conn: psycopg.Connection[Any], csv: Path, source: Source
) -> None:
    """The return in the file knows no line ids and fewer lines: taken for a correction, it would undo credits."""
    told_by_rebound(conn, a_return("R-1"), source)
    done = run(conn, csv)
    assert (done.landed.received, done.landed.new, done.landed.changed) == (2, 2, 0)
    assert str(done.faults[0]) == "history.csv:2: Return No: R-1 was already read from ReBound; left out"
    assert {moment.day for moment in done.registered_at} == {2, 3}
    assert [row[2] for row in conn.execute(LINES) if row[0] == "R-1"] == ["SHIRT"]
    replaced = run(conn, csv, replace=True)
    assert (replaced.landed.changed, len(replaced.faults)) == (1, 2)


def test_a_document_of_rebounds_that_could_not_be_read_is_not_overridden(
    conn: psycopg.Connection[Any], csv: Path
) -> None:
    told_by_rebound(conn, {"id": "R-1", "date_added": "soon"})
    assert "R-1 was already read from ReBound" in str(run(conn, csv).faults[0])
    assert conn.execute("select document_key from landing.malformed_documents").fetchall() == [("R-1",)]


def test_what_is_wrong_in_a_line_of_a_return_that_is_left_out_is_not_told(
    conn: psycopg.Connection[Any], csv: Path
) -> None:
    told_by_rebound(conn, a_return("R-4"))
    told = [str(fault) for fault in run(conn, csv).faults]
    assert told[1:] == ["history.csv:6: Return No: R-4 was already read from ReBound; left out"]


def test_what_rebound_says_later_replaces_what_a_file_said(
    conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """Also where both say the same: another file is not to change it any more."""
    file = tmp_path / "history.jsonl"
    file.write_text("\n".join(json.dumps(a_return(each)) for each in ("R-1", "R-2")), encoding="utf-8")
    run(conn, file, None)
    told_by_rebound(conn, a_return("R-1", {"quantity": "2"}), days=1)
    told_by_rebound(conn, a_return("R-2"), days=1)
    rows = conn.execute("select return_id, source, landed_by from landing.rebound_returns order by 1")
    assert rows.fetchall() == [("R-1", "api", "run-1"), ("R-2", "api", "import-history")]
    assert [fault.line for fault in run(conn, file, None).faults] == [1]
    file.write_text(json.dumps(a_return("R-2", {"quantity": "3"})), encoding="utf-8")
    assert [str(fault) for fault in run(conn, file, None).faults] == [
        "history.jsonl:1: id: R-2 was already read from ReBound; left out"
    ]


def test_a_day_that_is_still_to_come_is_a_fault(conn: psycopg.Connection[Any], tmp_path: Path) -> None:
    file = tmp_path / "history.csv"
    rows = ["R-1,SO-1,2026-11-21,A,1,,,", "R-2,SO-2,2026-11-22,A,1,,,"]
    file.write_text("\n".join([CSV.splitlines()[0], *rows]), encoding="utf-8")
    done = run(conn, file)
    assert [str(fault) for fault in done.faults] == [
        "history.csv:3: Date: is 2026-11-22, which is still to come; left out"
    ]
    assert done.landed.new == 1


def test_returns_of_days_that_no_run_decides_are_named(conn: psycopg.Connection[Any], csv: Path) -> None:
    assert run(conn, csv).too_early == ()
    assert run(conn, csv, first_day=date(2025, 3, 3)).too_early == ("R-1", "R-2")


def test_json_lines_are_rebounds_documents(conn: psycopg.Connection[Any], tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    lines = [json.dumps(a_return("R-1")), "", "{", json.dumps(a_return("R-2"))]
    file.write_text("\n".join(lines), encoding="utf-8")
    done = run(conn, file, None)
    assert done.landed.new == 2
    assert [fault.line for fault in done.faults] == [3]


def test_a_return_that_stands_twice_and_says_two_things_is_told(
    conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """In a file that has a document for each line of a return, all but the last would be lost without a word."""
    file = tmp_path / "history.jsonl"
    returns = [a_return("R-1"), a_return("R-2"), a_return("R-1", {"quantity": "2"}), a_return("R-2")]
    file.write_text("\n".join(map(json.dumps, returns)), encoding="utf-8")
    assert [str(fault) for fault in run(conn, file, None).faults] == [
        "history.jsonl:1: id: R-1 stands in line 3 again, and says something else there; left out"
    ]
    assert [row[3] for row in conn.execute(LINES)] == ["2", "1"]


def test_a_return_that_stands_far_apart_is_left_out_once(
    conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    told_by_rebound(conn, a_return("R-0", {"quantity": "2"}))
    file = tmp_path / "history.jsonl"
    ids = [*range(RETURNS.batch), 0]
    file.write_text("\n".join(json.dumps(a_return(f"R-{each}")) for each in ids), encoding="utf-8")
    done = run(conn, file, None)
    assert done.landed.new == RETURNS.batch - 1
    assert {fault.message for fault in done.faults} == {"R-0 was already read from ReBound; left out"}


def test_other_processes_read_large_files_as_this_one_reads_small_ones(
    conn: psycopg.Connection[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "history.jsonl"
    lines = [json.dumps(a_return(f"R-{number}")) if number % 7 else "{" for number in range(1, 60)]
    file.write_text("\n\n".join(lines), encoding="utf-8")
    here = run(conn, file, None)
    monkeypatch.setattr(reading, "LARGE", 0)
    monkeypatch.setattr(import_history_module, "CHUNK_BYTES", 2_000)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    started: list[int] = []
    processes = reading.reading_processes
    monkeypatch.setattr(reading, "reading_processes", lambda count: started.append(count) or processes(count))
    there = run(conn, file, None)
    assert started == [2]
    assert (here.landed.new, there.landed.unchanged) == (51, 51)
    assert (there.faults, there.registered_at) == (here.faults, here.registered_at)
    assert [fault.line for fault in here.faults] == [13, 27, 41, 55, 69, 83, 97, 111]


def test_a_missing_column_is_named_with_those_that_are_there(
    conn: psycopg.Connection[Any], csv: Path
) -> None:
    with pytest.raises(HistoryError, match="has no column Parcel; it has Return No, Order"):
        run(conn, csv, COLUMNS.model_copy(update={"unit_code": "Parcel"}))


def test_a_file_that_is_no_csv_is_told(conn: psycopg.Connection[Any], tmp_path: Path) -> None:
    file = tmp_path / "history.csv"
    for content, words in (
        (b"\xff\xfe\x00", "is no CSV in UTF-8"),
        (b"", "is no CSV in UTF-8"),
        (b"PK\x03\x04\t\x14\nx\n", "a workbook is to be saved as CSV"),
        (CSV.encode() + b'"R-9', "is no CSV from line 7 on: it cannot be read"),
        (b"Qty," + CSV.encode(), "has the column Qty more than once"),
        (CSV.replace(",", ";").encode(), "there is to be a comma, not ';'"),
    ):
        file.write_bytes(content)
        with pytest.raises(HistoryError, match=words):
            run(conn, file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("return_id: A", "order_reference: is missing\n- registered_at: is missing\n- sku: is missing"),
        (
            "- Return No",
            "the file: ['Return No'] is not allowed; allowed: the keys currency, disposition, line_id",
        ),
        ("return_id: A\norder_reference: B\nregistered_at: C\nsku: D\ncolour: E", "colour: no such key"),
    ],
)
def test_a_faulty_mapping_of_columns_names_the_key(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "columns.yaml"
    file.write_text(content)
    with pytest.raises(HistoryError) as told:
        load_columns(file)
    assert words in str(told.value)
