"""Tables for people: a query's answer as a pandas DataFrame, for reports and previews; never on the way of money."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import sqlalchemy

from rebound_oro_pipeline.warehouse.connection import sqlalchemy_url


def read_frame(url: str, statement: str, parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Return the rows of a query; `parameters` are named `:name` in it. Decimals stay exact, as objects."""
    engine = sqlalchemy.create_engine(sqlalchemy_url(url), poolclass=sqlalchemy.NullPool)
    try:
        with engine.connect() as connection:
            return pd.read_sql_query(
                sqlalchemy.text(statement), connection, params=dict(parameters or {}), coerce_float=False
            )
    finally:
        engine.dispose()


def as_markdown(frame: pd.DataFrame, *, rows: int = 20) -> str:
    """Return the first rows as a Markdown table, with a line that says how many more there are."""
    shown = frame.head(rows).astype(object).where(frame.head(rows).notna(), "")
    text = str(shown.to_markdown(index=False, disable_numparse=True)) if len(frame) else "nothing"
    return f"{text}\n\n… and {len(frame) - rows} more" if len(frame) > rows else text
