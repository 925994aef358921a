"""Lands the stock levels of products that may have come back: a snapshot for people, no base of a write."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any, Final

import psycopg

from rebound_oro_pipeline.clients.jsonapi import Selection, in_lists
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.oro import LevelDocument, read_levels
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.concurrently import in_order, one_by_one
from rebound_oro_pipeline.warehouse.landed import goods_at_hand
from rebound_oro_pipeline.warehouse.landing import Landed, land_levels

SNAPSHOT: Final = Selection(
    include=("product", "productUnitPrecision"),
    fields={
        "inventorylevels": ("quantity", "product", "productUnitPrecision"),
        "products": ("sku",),
        "productunitprecisions": ("unit",),
    },
)
"""What is read of a level for people to look at."""


def land_oro_inventory_levels(
    oro: OroClient,
    conn: psycopg.Connection[Any],
    window: Window,
    *,
    now: datetime,
    run_id: str,
) -> Landed:
    """Land the levels, one per unit, of the products on the orders of the window's returns.

    An empty answer may mean a missing permission on products: Oro then hides the levels in silence. Commits
    after every batch; raises the errors of the client.
    """
    goods = goods_at_hand(conn, window)
    conn.commit()
    return land_levels_of(oro, conn, goods.product_ids, now=now, run_id=run_id)


def land_levels_of(
    oro: OroClient,
    conn: psycopg.Connection[Any],
    product_ids: Iterable[str],
    *,
    now: datetime,
    run_id: str,
) -> Landed:
    """Land the levels of these products. Commits after every batch; raises the errors of the client."""
    answers = in_order(partial(_read, oro), in_lists(product_ids), workers=oro.connections)
    levels = one_by_one(answers)
    return land_levels(conn, levels, source="api", landed_by=run_id, landed_at=now)


def _read(oro: OroClient, product_ids: list[str]) -> list[LevelDocument | Fault]:
    pages = oro.pages(
        "inventorylevels", filters={"product": product_ids}, selection=SNAPSHOT, around_failures=True
    )
    return [level for page in pages for level in read_levels(page)]
