"""How far streams that are read by their time of change were read; a reader that died leaves its mark as it was."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import psycopg

from rebound_oro_pipeline.warehouse.statements import load

_SQL = load("watermarks")


def read_until(conn: psycopg.Connection[Any], stream: str, *, now: datetime | None = None) -> datetime | None:
    """Return up to when a stream was read (UTC), at the latest `now`; None: never.

    A mark ahead of our clock, however it came about, must not make us blind until then.
    """
    row = conn.execute(_SQL["read_until"], {"stream": stream, "now": now}).fetchone()
    return row[0] if row else None


def advance(
    conn: psycopg.Connection[Any], stream: str, until: datetime, *, since: datetime | None = None
) -> None:
    """Remember that everything of a stream up to a moment has landed; never goes back. The caller commits.

    `since`: where this reading began. One that began after the mark leaves a gap: all is known from there on only.
    """
    conn.execute(_SQL["advance"], {"stream": stream, "read_since": since, "read_until": until})


def orders_without_status(
    conn: psycopg.Connection[Any], *, created_since: datetime, cancelled: Collection[str]
) -> list[str]:
    """List the ids of landed orders of which only a tracking could say that they were dispatched."""
    given = {"created_since": created_since, "cancelled": list(cancelled)}
    return [order_id for (order_id,) in conn.execute(_SQL["orders_without_status"], given)]
