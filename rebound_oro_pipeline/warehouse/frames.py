"""Tables for people, as pandas DataFrames: previews and reports; never on the way of money."""

from collections.abc import Sequence
from dataclasses import asdict, is_dataclass

import pandas as pd
import sqlalchemy

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.warehouse.connection import sqlalchemy_url


def rows_of(url: str, relation: str, window: Window, *, column: str = "registered_at") -> pd.DataFrame:
    """Return the rows of `schema.name` whose `column` lies in the window. Decimals stay exact, as objects."""
    schema, _, name = relation.partition(".")
    table = sqlalchemy.table(name, sqlalchemy.column(column), schema=schema)
    within = sqlalchemy.and_(table.c[column] >= window.start, table.c[column] < window.end)
    statement = (
        sqlalchemy.select(sqlalchemy.text("*")).select_from(table).where(within).order_by(table.c[column])
    )
    engine = sqlalchemy.create_engine(sqlalchemy_url(url), poolclass=sqlalchemy.NullPool)
    try:
        with engine.connect() as connection:
            return pd.read_sql_query(statement, connection, coerce_float=False)
    finally:
        engine.dispose()


def frame_of(rows: Sequence[object]) -> pd.DataFrame:
    """Return dataclasses as a table, a column for each field. Decimals stay exact, as objects."""
    return pd.DataFrame([asdict(row) for row in rows if is_dataclass(row) and not isinstance(row, type)])


def as_markdown(frame: pd.DataFrame, *, rows: int = 20) -> str:
    """Return the first rows as a Markdown table, with a line that says how many more there are."""
    if frame.empty:
        return "nothing"
    shown = frame.head(rows).astype(object)
    text = str(shown.where(shown.notna(), "").to_markdown(index=False, disable_numparse=True))
    return f"{text}\n\n… and {len(frame) - rows} more" if len(frame) > rows else text
