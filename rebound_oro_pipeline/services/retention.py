"""Retention: remove what the two systems sent, word for word, once it is old; keep what was decided.

Personal data stands in the documents alone: names, addresses, tracking numbers, remarks. The typed columns by which the
rules decide (references, SKUs, quantities, amounts) stay, so deciding again gives the same as before.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from rebound_oro_pipeline.services.operate_deed import Deed
from rebound_oro_pipeline.warehouse import statements

_SQL = statements.load("retention")


@dataclass(frozen=True)
class Removed:
    """How many documents were emptied or deleted, per kind."""

    before: datetime
    returns: int
    orders: int
    replaced_versions: int
    malformed_documents: int
    webhook_deliveries: int


def remove_old_documents(
    conn: psycopg.Connection[Any],
    older_than: timedelta,
    deed: Deed,
    *,
    now: datetime,
) -> Removed:
    """Remove documents older than that, in one transaction.

    A return with something held or quarantined, and its order, are kept whole until it is settled.
    """
    times = {"before": now - older_than, "now": now}
    with conn.transaction():
        conn.execute(_SQL["choose_returns"], times)
        conn.execute(_SQL["choose_orders"], times)
        conn.execute(_SQL["empty_return_lines"], times)
        removed = Removed(
            before=times["before"],
            returns=conn.execute(_SQL["empty_returns"], times).rowcount,
            orders=conn.execute(_SQL["empty_orders"], times).rowcount,
            replaced_versions=conn.execute(_SQL["remove_replaced"], times).rowcount,
            malformed_documents=conn.execute(_SQL["remove_malformed"], times).rowcount,
            webhook_deliveries=conn.execute(_SQL["empty_deliveries"], times).rowcount,
        )
        deed.log(
            conn,
            "documents removed",
            ["landing"],
            before=removed.before,
            returns=removed.returns,
            orders=removed.orders,
            replaced_versions=removed.replaced_versions,
            malformed_documents=removed.malformed_documents,
            webhook_deliveries=removed.webhook_deliveries,
        )
        conn.execute("drop table retired_returns, retired_orders")
    return removed
