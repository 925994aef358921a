"""CSV files that people hand in: each row with the line on which an editor shows it, and what is wrong with it."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class CsvRow(NamedTuple):
    """`line` is where the row begins, counted from 1; `fault` says why its values cannot be told apart, if so."""

    line: int
    values: list[str]
    fault: str | None = None


def read_csv(path: Path) -> Iterator[CsvRow]:
    """Yield the header, then every row that is not blank; one with more or fewer values than the header is faulty.

    The text is UTF-8; other bytes become surrogates, so that they spoil their own row and not the file. Raises OSError.
    """
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        width = 0
        while True:
            line = reader.line_num + 1
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield CsvRow(line, [], f"cannot be read: {error}")
                continue
            if not values:
                continue
            width = width or len(values)
            same = len(values) == width
            yield CsvRow(line, values, None if same else f"has {len(values)} values, the header has {width}")
