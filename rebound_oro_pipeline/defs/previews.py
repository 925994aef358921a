"""Previews: what people work on, as a table beside what a run or a look says of the relation."""

from collections.abc import Collection
from typing import Any

import dagster as dg
import psycopg

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.defs.figures import HELD_RETURNS
from rebound_oro_pipeline.defs.imports import uninterrupted

PREVIEWED = ("marts.quarantined_exceptions", HELD_RETURNS)


def previews(
    conn: psycopg.Connection[Any], relations: Collection[str], window: Window
) -> dict[str, dict[str, dg.MetadataValue[Any]]]:
    """Return relation → metadata, of those relations of which people see what is open in the window."""
    wanted = [relation for relation in PREVIEWED if relation in relations]
    if not wanted:
        return {}
    with uninterrupted():
        from rebound_oro_pipeline.warehouse.frames import as_markdown, rows_of  # noqa: PLC0415 - pandas is slow to load

    return {
        relation: {"open now": dg.MetadataValue.md(as_markdown(rows_of(conn, relation, window)))}
        for relation in wanted
    }
