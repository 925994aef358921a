"""Stock levels as OroCommerce shows them, set beside what was written to them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import psycopg

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.services.oro_levels import quantities
from rebound_oro_pipeline.warehouse import statements, watermarks

_SQL = statements.load("reconciliation")
STREAM: Final = "reconciliation of levels"
"""Watermark: when the levels were last read. One written before that and not among them is gone."""


@dataclass(frozen=True, slots=True)
class ReconciledLevels:
    """How many levels were read, and how many stand under each finding of the view."""

    read: int
    findings: Mapping[str, int]


def reconcile_inventory(oro: OroClient, conn: psycopg.Connection) -> ReconciledLevels:
    """Read the levels that were ever written into `reconciliation.oro_inventory_levels`. Raises ApiError."""
    with conn.transaction():
        [(began,)] = conn.execute("select statement_timestamp()").fetchall()
        level_ids = [level_id for (level_id,) in conn.execute(_SQL["written_levels"])]
        held = quantities(oro, level_ids)
        rows = [{"level_id": level_id, "quantity": str(held[level_id])} for level_id in held]
        conn.execute(_SQL["keep_levels"], {"levels": json.dumps(rows)})
        watermarks.advance(conn, STREAM, began)
        findings: dict[str, int] = dict(conn.execute(_SQL["inventory_findings"]).fetchall())
    return ReconciledLevels(len(rows), findings)
