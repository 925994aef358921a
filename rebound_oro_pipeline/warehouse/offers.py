"""What the ledger knows of offers, for those who send them."""

from collections.abc import Collection
from typing import Any

import psycopg

from rebound_oro_pipeline.warehouse import outbox, statements

_SQL = statements.load("offers")


def overtaken(
    conn: psycopg.Connection[Any], versions: Collection[tuple[str, int]]
) -> dict[tuple[str, int], str]:
    """Return (order id, version) → what goes to ReBound under its reference instead, where something does."""
    order_ids, numbers = [order_id for order_id, _ in versions], [number for _, number in versions]
    found = conn.execute(_SQL["overtaken"], {"order_ids": order_ids, "versions": numbers}).fetchall()
    return {(order_id, version): words for order_id, version, words in found}


def give_up_refused(conn: psycopg.Connection[Any], order_id: str, version: int, *, actor: str) -> list[str]:
    """Abandon the refused versions of an order that came before one which ReBound took under the same reference.

    Returns their keys.
    """
    found = conn.execute(_SQL["refused_before"], {"order_id": order_id, "version": version}).fetchall()
    keys = [key for (key,) in found]
    reason = f"version {version} was taken instead"
    return outbox.abandon(conn, "rebound_order", keys, actor=actor, reason=reason) if keys else []
