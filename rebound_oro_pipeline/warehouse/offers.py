"""What the ledger knows of offers, for those who send them."""

from collections.abc import Collection
from typing import Any

import psycopg

from rebound_oro_pipeline.warehouse import outbox, statements

_SQL = statements.load("offers")


def latest_versions(conn: psycopg.Connection[Any], order_ids: Collection[str]) -> dict[str, int]:
    """Return order id → latest version of its offer."""
    return dict(conn.execute(_SQL["latest_versions"], {"order_ids": list(order_ids)}).fetchall())


def give_up_refused(conn: psycopg.Connection[Any], order_id: str, version: int, *, actor: str) -> list[str]:
    """Abandon the refused versions of an order that came before one which ReBound took; return their keys."""
    found = conn.execute(_SQL["refused_before"], {"order_id": order_id, "version": version}).fetchall()
    keys = [key for (key,) in found]
    reason = f"version {version} was taken instead"
    return outbox.abandon(conn, "rebound_order", keys, actor=actor, reason=reason) if keys else []
