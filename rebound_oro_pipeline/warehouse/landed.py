"""Asks what the landed documents still miss: orders, products, later versions of open returns."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.warehouse.statements import load


@dataclass(frozen=True, slots=True)
class Goods:
    """What may have come back: products by id, and by SKU those for which no id is known."""

    product_ids: tuple[str, ...]
    skus: tuple[str, ...]


def references_to_ask(
    conn: psycopg.Connection[Any], window: Window, *, order_reference: Sequence[str]
) -> list[str]:
    """List the references of the window's returns whose order has to be read, (again) or for the first time.

    Settled are those whose order the ledger keeps while nothing of them is held. `order_reference`: the
    fields of an order by which the policy finds it.
    """
    rows = conn.execute(
        load("landed")["references_to_ask"],
        {**window.bounds, "order_reference": list(order_reference)},
    )
    return [reference for (reference,) in rows]


def open_returns(
    conn: psycopg.Connection[Any], *, registered_since: datetime, closed: Collection[str]
) -> list[str]:
    """List the ids of returns registered since then that are not closed, or that hold a fault."""
    parameters = {"registered_since": registered_since, "closed": list(closed)}
    return [return_id for (return_id,) in conn.execute(load("landed")["open_returns"], parameters)]


def given_before(conn: psycopg.Connection[Any], *, others_than: Collection[str], at_most: int) -> list[str]:
    """List the ids of other returns that ReBound gave when it was asked for them, the latest first."""
    parameters = {"others_than": list(others_than), "at_most": at_most}
    return [return_id for (return_id,) in conn.execute(load("landed")["given_before"], parameters)]


def goods_at_hand(conn: psycopg.Connection[Any], window: Window) -> Goods:
    """List the products on the orders of the window's returns, and SKUs that came back besides."""
    rows = conn.execute(load("landed")["goods_at_hand"], window.bounds).fetchall()
    return Goods(
        tuple(product_id for product_id, _ in rows if product_id is not None),
        tuple(sku for _, sku in rows if sku is not None),
    )
