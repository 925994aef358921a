"""Tables for people, as pandas DataFrames: previews and reports; never on the way of money."""

from collections.abc import Sequence
from dataclasses import asdict, is_dataclass

import pandas as pd
import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from rebound_oro_pipeline.contracts.window import Window


def rows_of(conn: psycopg.Connection, relation: str, window: Window) -> pd.DataFrame:
    """Return the rows of `schema.name` that were registered in the window. Decimals stay exact, as objects."""
    query = sql.SQL(
        "select * from {} where registered_at >= %s and registered_at < %s order by registered_at"
    ).format(sql.Identifier(*relation.split(".")))
    with conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(query, (window.start, window.end)).fetchall()
        names = [column.name for column in cursor.description or ()]
    return pd.DataFrame.from_records(rows, columns=names, coerce_float=False)


def frame_of(rows: Sequence[object]) -> pd.DataFrame:
    """Return dataclasses as a table, a column for each field. Decimals stay exact, as objects."""
    return pd.DataFrame([asdict(row) for row in rows if is_dataclass(row) and not isinstance(row, type)])


def as_markdown(frame: pd.DataFrame, *, rows: int = 20) -> str:
    """Return the first rows as a Markdown table, with a line that says how many more there are."""
    if frame.empty:
        return "nothing"
    shown = frame.head(rows).astype(object)
    cells = shown.where(shown.notna(), "").map(_cell)
    text = str(cells.to_markdown(index=False, disable_numparse=True))
    return f"{text}\n\n… and {len(frame) - rows} more" if len(frame) > rows else text


def _cell(value: object) -> object:
    """Return text with nothing in it that ends a cell or a row: SKUs and details are other people's text."""
    return " ".join(value.replace("|", r"\|").split("\n")) if isinstance(value, str) else value
