"""Stock levels as OroCommerce shows them, set beside what was written to them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.services.land_changed_oro_orders import STREAM as ORDERS
from rebound_oro_pipeline.services.land_changed_oro_orders import ChangedOrders, land_changed_oro_orders
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
        conn.execute(_SQL["keep_levels"], {"levels": json.dumps(rows), "began": began})
        watermarks.advance(conn, STREAM, began)
        findings: dict[str, int] = dict(conn.execute(_SQL["inventory_findings"]).fetchall())
    return ReconciledLevels(len(rows), findings)


def land_sales(
    oro: OroClient, conn: psycopg.Connection, policy: Policy, *, run_id: str, **options: Any
) -> ChangedOrders | None:
    """Land the orders placed until the levels were read; None: none is needed.

    Where a level fell since our last write, a sale cannot be told from a loss without them, nor what was sold while a
    write waited in OroCommerce's queue. `options` are those of `land_changed_oro_orders`; it commits as
    that does, and raises the errors of the client.
    """
    [(are_wanted, now)] = conn.execute(_SQL["wanted_sales"], {"stream": ORDERS}).fetchall()
    conn.commit()
    if not are_wanted:
        return None
    # By the clock that dates the reading, or another machine's would say that orders are missing.
    return land_changed_oro_orders(oro, conn, policy, now=now, run_id=run_id, **options)
