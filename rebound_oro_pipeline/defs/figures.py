"""Figures in the metadata: what a day holds belongs to its partition, what a run did to the run.

A run over a range of days stores one event per day. A figure of the whole range would be plotted at each of them, as
if every day had it.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import dagster as dg
import psycopg

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.defs.keys import key_of
from rebound_oro_pipeline.services.figures_by_day import credited_by_day, holds_by_day, rows_by_day
from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.warehouse.landing import Landed

ROWS = "dagster/partition_row_count"
HELD_RETURNS = "marts.held_returns"

_CREDIT_NOTES = ("ledger.credit_notes", "marts.credit_notes")


def figures_by_day(
    conn: psycopg.Connection, models: Models, relations: Collection[str], window: Window, now: datetime
) -> Mapping[str, Mapping[date, Mapping[str, int | float]]]:
    """Return relation → day → figures, of all whose rows are of a day, whichever run wrote them."""
    figures: dict[str, dict[date, dict[str, int | float]]] = {
        relation: {day: {ROWS: count} for day, count in counts.items()}
        for relation, counts in rows_by_day(conn, models, relations, window).items()
    }
    for relation in relations:
        figures.setdefault(relation, {})
    for day, totals in credited_by_day(conn, window).items():
        # Plots need floats; nothing is ever computed from them.
        plotted = {f"total {currency}": float(total) for currency, total in totals.items()}
        for relation in _CREDIT_NOTES:
            if relation in figures:
                figures[relation].setdefault(day, {}).update(plotted)
    if HELD_RETURNS in figures:
        for day, holds in holds_by_day(conn, window, now).items():
            figures[HELD_RETURNS].setdefault(day, {}).update(holds)
    return figures


def add_by_day(
    context: dg.AssetExecutionContext, relation: str, figures: Mapping[date, Mapping[str, int | float]]
) -> None:
    """Give each partition of the run its own figures, before the asset is yielded; a day without any has no rows."""
    for key in context.partition_keys:
        of_day = figures.get(date.fromisoformat(key), {})
        context.add_asset_metadata({ROWS: 0, **of_day}, asset_key=key_of(relation), partition_key=key)


def documents(landed: Landed) -> dict[str, int]:
    """Return the counts of what landed by names that say that documents are counted, also where lines are shown."""
    return {f"documents {name}": count for name, count in asdict(landed).items()}


def of_run(context: dg.AssetExecutionContext, counts: Mapping[str, int | float]) -> dict[str, Any]:
    """Return counts of the run as they are if it has one day, else as one text, which is not plotted."""
    if not context.has_partition_key_range or len(context.partition_keys) == 1:
        return dict(counts)
    days = f"{context.partition_key_range.start} to {context.partition_key_range.end}"
    said = ", ".join(f"{value:g} {name}" for name, value in counts.items())
    return {f"whole run, {days}": said}
