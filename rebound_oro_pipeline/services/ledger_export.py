"""Month-end: the ledger of a month as CSV files and one Excel workbook, and whether it ties to OroCommerce.

A note belongs to the month (UTC) in which it was decided. Amounts are exact: text in CSV, numbers in Excel.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from psycopg import sql

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.spreadsheets import csv_text
from rebound_oro_pipeline.warehouse import statements

_SQL = statements.load("ledger_export")
_NARROWEST = 14
"""Characters of a column: what an amount of nine digits, or a note's number, takes."""
_TABLES = (
    "credit_notes",
    "credit_note_lines",
    "taxes",
    "taxes_by_rate",
    "reasons",
    "trial_totals",
    "differences",
)


@dataclass(frozen=True)
class Table:
    """A table of the export: column names, and rows in that order."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def dicts(self) -> list[dict[str, Any]]:
        """Return the rows with their names."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class LedgerExport:
    """What was written, of how many notes, and whether each currency ties to what was last read back."""

    month: str
    credit_notes: int
    files: tuple[Path, ...]
    trial_totals: tuple[Mapping[str, Any], ...]
    taxes_by_rate: tuple[Mapping[str, Any], ...]
    differences: tuple[Mapping[str, Any], ...]

    @property
    def ties(self) -> bool:
        """Whether every currency ties to the cent, note by note."""
        return all(total["verdict"] == "ties" for total in self.trial_totals)


def month_window(month: str) -> Window:
    """Return the window of a month written as 2026-10. Raises ValueError."""
    if len(month) != len("2026-10"):
        raise ValueError(month)
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return Window(first, datetime(following.year, following.month, 1, tzinfo=UTC))


def export_ledger(conn: psycopg.Connection[Any], month: str, out: Path) -> LedgerExport:
    """Write the month's tables below `out`, each as CSV and all into ledger-<month>.xlsx; the same rows in both.

    Tax whose rate OroCommerce was not asked for, or did not say, stands under "no rate known".
    Raises ValueError for what is no month, OSError.
    """
    window = month_window(month)
    tables = [_read(conn, name, window) for name in _TABLES]
    out.mkdir(parents=True, exist_ok=True)
    files = [_write_csv(table, out / f"{table.name}-{month}.csv") for table in tables]
    files.append(_write_workbook(tables, out / f"ledger-{month}.xlsx"))
    found = {table.name: table.dicts() for table in tables}
    return LedgerExport(
        month,
        len(found["credit_notes"]),
        tuple(files),
        tuple(found["trial_totals"]),
        tuple(found["taxes_by_rate"]),
        tuple(found["differences"]),
    )


def _read(conn: psycopg.Connection[Any], name: str, window: Window) -> Table:
    # Where it says so, a statement sums up what another one lists.
    statement = sql.SQL(_SQL[name]).format(taxes=sql.SQL(_SQL["taxes"].removesuffix(";")))
    with conn.cursor() as cursor:
        rows = cursor.execute(statement, {"month_start": window.start, "month_end": window.end}).fetchall()
        columns = tuple(column.name for column in cursor.description or ())
    return Table(name, columns, tuple(rows))


def _write_csv(table: Table, path: Path) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.columns)
        writer.writerows([csv_text(_text(value)) for value in row] for row in table.rows)
    return path


def _write_workbook(tables: Iterable[Table], path: Path) -> Path:
    book = Workbook(write_only=True)
    for table in tables:
        sheet = book.create_sheet(table.name)
        sheet.freeze_panes = "A2"
        for place, name in enumerate(table.columns, start=1):
            sheet.column_dimensions[get_column_letter(place)].width = max(len(name) + 2, _NARROWEST)
        sheet.append([_cell(sheet, name, bold=True) for name in table.columns])
        for row in table.rows:
            sheet.append([_cell(sheet, value) for value in row])
    book.save(path)
    return path


def _cell(sheet: Any, value: object, *, bold: bool = False) -> Any:
    """Return a cell; what comes from outside is text, never a formula, whatever it begins with.

    Characters that no workbook can hold, as a vertical tab, are shown as U+FFFD.
    """
    is_number = isinstance(value, Decimal | int)
    shown = value if is_number or value is None else ILLEGAL_CHARACTERS_RE.sub("\ufffd", _text(value))
    cell = WriteOnlyCell(sheet, shown)
    if isinstance(value, Decimal):
        cell.number_format = "#,##0" + (f".{'0' * places}" if (places := _places(value)) else "")
    elif not is_number and value is not None:
        cell.data_type = "s"
    if bold:
        cell.font = Font(bold=True)
    return cell


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    return (
        ",".join(map(str, value))
        if isinstance(value, Sequence) and not isinstance(value, str)
        else str(value)
    )
