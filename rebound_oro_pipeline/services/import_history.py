"""History of returns from files: CSV by a mapping of columns, or ReBound's documents as JSON lines.

A row of a CSV is one line of a return; rows with the same return id make one return, wherever they stand. What cannot
be read is reported with file, line, field and remedy, and left out; the rest lands as any other return does.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
from pydantic import BaseModel, ConfigDict, ValidationError

from rebound_oro_pipeline.contracts.csv_file import CsvRow, read_csv
from rebound_oro_pipeline.contracts.faults import Fault, FileFault
from rebound_oro_pipeline.contracts.model_faults import describe
from rebound_oro_pipeline.contracts.rebound import ReturnDocument, read_return
from rebound_oro_pipeline.contracts.rebound_mapping import ReboundMapping, default_mapping
from rebound_oro_pipeline.contracts.yaml_file import YamlFileError, load_yaml
from rebound_oro_pipeline.services.operate_filter import require_known
from rebound_oro_pipeline.services.reading import CHUNK_BYTES, read_chunks, readers
from rebound_oro_pipeline.warehouse import statements
from rebound_oro_pipeline.warehouse.landing import Landed, land_returns

_SQL = statements.load("operators")

LANDED_BY: Final = "import-history"


class HistoryError(ValueError):
    """The file, or the mapping of its columns, cannot be used as a whole; the message says what to do."""


class Columns(BaseModel):
    """Which column of a CSV holds what. A field that is not named is not there; the first four are needed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    return_id: str
    order_reference: str
    registered_at: str
    sku: str
    line_id: str | None = None
    status: str | None = None
    quantity: str | None = None
    quantity_received: str | None = None
    unit_code: str | None = None
    currency: str | None = None
    disposition: str | None = None
    reason: str | None = None

    def given(self) -> dict[str, str]:
        """Return field → column of those that are named."""
        return {name: column for name, column in self.model_dump().items() if column is not None}


_HEADER: Final = {
    "return_id": "id",
    "order_reference": "order_reference",
    "registered_at": "date_added",
    "status": "current_tracking_status",
}
_ITEM: Final = {
    "line_id": "id",
    "sku": "sku_code",
    "quantity": "quantity",
    "quantity_received": "quantity_received",
    "unit_code": "unit_code",
    "currency": "currency",
    "disposition": "final_disposition",
}
"""The documents that CSV rows are made into are those of the default mapping."""
_NO_TEXT: Final = re.compile(r"[\x00-\x08\x0e-\x1f]")
"""What a binary file has, and a header has not."""
_ITEM_PATH: Final = re.compile(r"item\[(\d+)\]\.(\w+)")


@dataclass(frozen=True)
class ImportedHistory:
    """What became of a file: how its returns landed, what was wrong in it, which they are and when registered.

    `too_early` are the returns that no daily run decides, because they were registered before the first day.
    """

    landed: Landed
    faults: tuple[FileFault, ...]
    return_ids: frozenset[str]
    registered_at: frozenset[datetime]
    too_early: tuple[str, ...]


class _Row(NamedTuple):
    line: int
    values: Mapping[str, str]


_Place = Callable[[str], tuple[int, str]]
"""Where in the file a path of a document stands: line and field."""


class _Read(NamedTuple):
    document: ReturnDocument | Fault
    place: _Place


class _Told(NamedTuple):
    """What a return that goes to the landing said, as long as it may be left out there."""

    place: _Place
    document_hash: bytes
    registered_at: datetime
    faults: Sequence[FileFault]


def load_columns(path: Path) -> Columns:
    """Read the mapping of columns from a YAML file; HistoryError names every faulty key."""
    try:
        return Columns.model_validate(load_yaml(path) or {})
    except YamlFileError as error:
        raise HistoryError(str(error)) from error
    except ValidationError as error:
        faults = "".join(f"\n- {fault}" for fault in describe(error, Columns))
        raise HistoryError(f"{path} cannot be used:{faults}") from None


def require_status(conn: psycopg.Connection[Any], status: str) -> None:
    """Raise OperatorError where the seed knows no such status: every return that names none would be quarantined."""
    require_known("status of returns", status.strip().lower(), conn.execute(_SQL["statuses"]))


def import_history(
    conn: psycopg.Connection[Any],
    path: Path,
    *,
    columns: Columns | None,
    mapping: ReboundMapping,
    status: str,
    now: datetime,
    first_day: date = date.min,
    replace: bool = False,
) -> ImportedHistory:
    """Land the returns of a file; the caller commits, or takes it back.

    With `columns` the file is a CSV, else JSON lines in the shape that `mapping` reads. `status` is that of returns
    that name none. A return that cannot be read, or that is registered after today, is reported, and no trace of it is
    kept: correct the file and import it again. So is one that was read from ReBound itself, unless `replace`.
    `first_day` is that of the daily runs. Raises HistoryError, OSError.
    """
    faults: list[FileFault] = []
    header = (default_mapping() if columns else mapping).document
    id_path, day_path = (header.place(name, {}, {}) for name in ("return_id", "registered_at"))
    read: dict[str, _Told] = {}

    def good(found: Iterator[_Read | FileFault]) -> Iterator[ReturnDocument]:
        for each in found:
            if isinstance(each, FileFault):
                faults.append(each)
            elif isinstance(each.document, Fault):
                message = f"{each.document.message}; left out"
                faults.append(FileFault(path.name, *each.place(each.document.path), message))
            elif (day := _day(each.document.registered_at)) > _day(now):
                message = f"is {day}, which is still to come; left out"
                faults.append(FileFault(path.name, *each.place(day_path), message))
            else:
                of_lines = [
                    FileFault(
                        path.name, *each.place(str(line.fault_path)), f"{line.fault}; goes to the quarantine"
                    )
                    for line in each.document.lines
                    if line.fault is not None
                ]
                return_id, said = each.document.return_id, each.document.document_hash
                before = read.get(return_id)
                if before is not None and before.document_hash != said:
                    # A file with a document for each line of a return would else lose all but its last one unseen.
                    line, _ = each.place(id_path)
                    message = (
                        f"{return_id} stands in line {line} again, and says something else there; left out"
                    )
                    faults.append(FileFault(path.name, *before.place(id_path), message))
                read[return_id] = _Told(each.place, said, each.document.registered_at, of_lines)
                yield each.document

    def leave_out(return_id: str) -> None:
        # One that stands in the file twice is told once for each batch, and may be out already.
        if (told := read.pop(return_id, None)) is not None:
            message = f"{return_id} was already read from ReBound; left out"
            faults.append(FileFault(path.name, *told.place(id_path), message))

    with readers(path.stat().st_size if columns is None else 0) as pool:
        found = _rows(path, columns, status) if columns else _documents(path, mapping, pool)
        landed = land_returns(
            conn,
            good(found),
            source="file",
            landed_by=LANDED_BY,
            landed_at=now,
            left_out=None if replace else leave_out,
        )
    faults += (fault for each in read.values() for fault in each.faults)
    return ImportedHistory(
        landed,
        tuple(sorted(faults, key=lambda fault: fault.line)),
        frozenset(read),
        frozenset(each.registered_at for each in read.values()),
        tuple(return_id for return_id, each in read.items() if _day(each.registered_at) < first_day),
    )


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _documents(path: Path, mapping: ReboundMapping, pool: Executor | None) -> Iterator[_Read]:
    for number, document in read_chunks(partial(_documents_of, mapping), _chunks(path), pool):
        yield _Read(document, partial(_on_line, number))


def _documents_of(
    mapping: ReboundMapping, lines: list[tuple[int, bytes]]
) -> list[tuple[int, ReturnDocument | Fault]]:
    return [(number, read_return(line, mapping)) for number, line in lines]


def _chunks(path: Path) -> Iterator[list[tuple[int, bytes]]]:
    """Yield the lines that hold something, each with its number, about a million bytes at a time."""
    with path.open("rb") as file:
        first = 1
        while lines := file.readlines(CHUNK_BYTES):
            yield [(number, line) for number, line in enumerate(lines, start=first) if line.strip()]
            first += len(lines)


def _on_line(number: int, path: str) -> tuple[int, str]:
    return number, path


def _rows(path: Path, columns: Columns, status: str) -> Iterator[_Read | FileFault]:
    """Yield a return for the rows of each id, in the sequence of their first rows; before them, what is no row."""
    given = columns.given()
    rows = read_csv(path)
    places = _places(path, next(rows, None), given)
    returns: dict[str, list[_Row]] = {}
    torn: set[str] = set()
    for line, cells, fault in rows:
        if not cells:
            raise HistoryError(f"{path} is no CSV from line {line} on: it {fault}")
        if not any(cells):
            continue
        values = {name: cells[place].strip() if place < len(cells) else "" for name, place in places.items()}
        return_id = values["return_id"]
        message = fault or (None if _is_utf8(cells) else "is not UTF-8")
        if message is not None:
            # Without one of its rows a return would be credited less than came back.
            torn.add(return_id)
            yield FileFault(path.name, line, "row", f"{message}; its return is left out")
        elif not return_id:
            yield FileFault(path.name, line, given["return_id"], "is missing; left out")
        else:
            returns.setdefault(return_id, []).append(_Row(line, values))
    for return_id, its_rows in returns.items():
        if return_id not in torn:
            yield _one_return(path, its_rows, given, status)


def _places(path: Path, header: CsvRow | None, given: Mapping[str, str]) -> dict[str, int]:
    """Return field → place of its column."""
    names = header.values if header else []
    if not names or not _is_utf8(names) or any(_NO_TEXT.search(name) for name in names):
        raise HistoryError(
            f"{path} is no CSV in UTF-8 with a header; a workbook is to be saved as CSV (UTF-8) first"
        )
    there = ", ".join(names)
    missing = [column for column in given.values() if column not in names]
    if missing:
        mark = next((mark for mark in ";\t|" if len(names) == 1 and mark in names[0]), None)
        remedy = f"; between its values there is to be a comma, not {mark!r}" if mark else ""
        raise HistoryError(f"{path} has no column {', '.join(missing)}; it has {there}{remedy}")
    repeated = [column for column in given.values() if names.count(column) > 1]
    if repeated:
        raise HistoryError(f"{path} has the column {repeated[0]} more than once; it has {there}")
    return {name: names.index(column) for name, column in given.items()}


def _one_return(path: Path, rows: Sequence[_Row], given: Mapping[str, str], status: str) -> _Read | FileFault:
    head: dict[str, Any] = {}
    for ours, theirs in _HEADER.items():
        told = [row for row in rows if row.values.get(ours)]
        head[theirs] = told[0].values[ours] if told else None
        for row in told:
            if row.values[ours] != head[theirs]:
                message = (
                    f"is {row.values[ours]!r}, but line {told[0].line} says {head[theirs]!r} of the same return, "
                    "which has one; left out"
                )
                return FileFault(path.name, row.line, given[ours], message)
    head["current_tracking_status"] = head["current_tracking_status"] or status
    document = {**head, "item": [_item(row.values) for row in rows]}

    def place(at: str) -> tuple[int, str]:
        found = _ITEM_PATH.match(at)
        row, names, theirs = (
            (rows[int(found[1])], {**_ITEM, "reason": "reason"}, found[2])
            if found
            else (rows[0], _HEADER, at)
        )
        return row.line, next((given[ours] for ours in names if ours in given and names[ours] == theirs), at)

    return _Read(read_return(document, default_mapping()), place)


def _item(values: Mapping[str, str]) -> dict[str, Any]:
    item: dict[str, Any] = {theirs: values[ours] for ours, theirs in _ITEM.items() if values.get(ours)}
    if values.get("reason"):
        item["reason"] = [{"reason": values["reason"]}]
    return item


def _is_utf8(cells: Sequence[str]) -> bool:
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return False
    return True
