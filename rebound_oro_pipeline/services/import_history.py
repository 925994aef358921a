"""History of returns from files: CSV by a mapping of columns, or ReBound's documents as JSON lines.

A row of a CSV is one line of a return; rows with the same return id make one return, wherever they stand. What cannot
be read is reported with file, line, field and remedy, and left out; the rest lands as any other return does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
import psycopg
from pydantic import BaseModel, ConfigDict, ValidationError

from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.model_faults import describe
from rebound_oro_pipeline.contracts.rebound import ReturnDocument, read_return
from rebound_oro_pipeline.contracts.rebound_mapping import ReboundMapping, default_mapping
from rebound_oro_pipeline.contracts.yaml_file import YamlFileError, load_yaml
from rebound_oro_pipeline.warehouse.landing import Landed, land_returns

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


@dataclass(frozen=True)
class HistoryFault:
    """What was wrong, and where; `line` counts from 1, as an editor does."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.message}"


@dataclass(frozen=True)
class ImportedHistory:
    """What became of a file: how its returns landed, and what was wrong in it."""

    landed: Landed
    faults: tuple[HistoryFault, ...]


def load_columns(path: Path) -> Columns:
    """Read the mapping of columns from a YAML file; HistoryError names every faulty key."""
    try:
        return Columns.model_validate(load_yaml(path) or {})
    except YamlFileError as error:
        raise HistoryError(str(error)) from error
    except ValidationError as error:
        faults = "".join(f"\n- {fault}" for fault in describe(error, Columns))
        raise HistoryError(f"{path} cannot be used:{faults}") from None


def import_history(
    conn: psycopg.Connection[Any],
    path: Path,
    *,
    columns: Columns | None,
    mapping: ReboundMapping,
    status: str,
    now: datetime,
) -> ImportedHistory:
    """Land the returns of a file; the caller commits, or takes it back.

    With `columns` the file is a CSV, else JSON lines in the shape that `mapping` reads. `status` is that of returns
    that name none. A return that cannot be read is reported, and no trace of it is kept: correct the file and import
    it again. Raises HistoryError, OSError.
    """
    faults: list[HistoryFault] = []

    def good(found: Iterator[tuple[int, ReturnDocument | Fault]]) -> Iterator[ReturnDocument]:
        for line, document in found:
            if isinstance(document, Fault):
                faults.append(HistoryFault(path.name, line, document.path, f"{document.message}; left out"))
                continue
            faults.extend(
                HistoryFault(path.name, line, str(each.fault_path), f"{each.fault}; goes to the quarantine")
                for each in document.lines
                if each.fault is not None
            )
            yield document

    found = _rows(path, columns, status) if columns else _documents(path, mapping)
    landed = land_returns(conn, good(found), source="file", landed_by=LANDED_BY, landed_at=now)
    return ImportedHistory(landed, tuple(faults))


def _documents(path: Path, mapping: ReboundMapping) -> Iterator[tuple[int, ReturnDocument | Fault]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, read_return(line, mapping)


def _rows(path: Path, columns: Columns, status: str) -> Iterator[tuple[int, ReturnDocument | Fault]]:
    try:
        table = pd.read_csv(
            path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skip_blank_lines=False
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise HistoryError(f"{path} is no CSV in UTF-8: {error}") from None
    wanted = {name: column for name, column in columns.model_dump().items() if column is not None}
    missing = [column for column in wanted.values() if column not in table.columns]
    if missing:
        there = ", ".join(map(str, table.columns))
        raise HistoryError(f"{path} has no column {', '.join(missing)}; it has {there}")
    table = table[list(wanted.values())].set_axis(list(wanted), axis=1)
    table = table[(table != "").any(axis=1)]
    for _, rows in table.groupby("return_id", sort=False):
        records = rows.to_dict("records")
        yield int(rows.index[0]) + 2, read_return(_document(records, status), default_mapping())


def _document(rows: list[dict[Any, Any]], status: str) -> Mapping[str, Any]:
    head: dict[str, Any] = {theirs: rows[0].get(ours) or None for ours, theirs in _HEADER.items()}
    head["current_tracking_status"] = head["current_tracking_status"] or status
    items = []
    for row in rows:
        item: dict[str, Any] = {theirs: row.get(ours) or None for ours, theirs in _ITEM.items()}
        if row.get("reason"):
            item["reason"] = [{"reason": row["reason"]}]
        items.append({name: value for name, value in item.items() if value is not None})
    return {**head, "item": items}
