"""Lands the OroCommerce products that may have come back, with units, precisions and conversion rates."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any, Final

import psycopg

from rebound_oro_pipeline.clients.jsonapi import Selection, in_lists
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.oro import ProductDocument, read_products
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.concurrently import in_order, one_by_one
from rebound_oro_pipeline.warehouse.landed import Goods, goods_at_hand
from rebound_oro_pipeline.warehouse.landing import Landed, land_products

PRODUCTS: Final = Selection(
    include=("unitPrecisions",),
    fields={
        "products": ("sku", "productType", "status", "inventory_status", "updatedAt", "unitPrecisions"),
        "productunitprecisions": ("precision", "conversionRate", "unit"),
    },
)
"""What is read of a product."""


def land_oro_products(
    oro: OroClient,
    conn: psycopg.Connection[Any],
    window: Window,
    *,
    now: datetime,
    run_id: str,
) -> Landed:
    """Land the products on the orders of the window's returns, and those of SKUs that came back besides.

    The former by id, because an order line keeps the SKU that its product had then; the latter tell whether
    an unknown SKU is in the catalogue at all. Commits after every batch; raises the errors of the client.
    """
    goods = goods_at_hand(conn, window)
    conn.commit()
    return land_products_of(oro, conn, goods, now=now, run_id=run_id)


def land_products_of(
    oro: OroClient,
    conn: psycopg.Connection[Any],
    goods: Goods,
    *,
    now: datetime,
    run_id: str,
) -> Landed:
    """Land these products, by id and by SKU. Commits after every batch; raises the errors of the client."""
    landed = Landed()
    for field, values in (("id", goods.product_ids), ("sku", goods.skus)):
        landed += land_products_by(oro, conn, field, values, now=now, run_id=run_id)
    return landed


def land_products_by(
    oro: OroClient,
    conn: psycopg.Connection[Any],
    field: str,
    values: Iterable[str],
    *,
    now: datetime,
    run_id: str,
) -> Landed:
    """Land the products whose `field` (id, sku) has one of the values; commits after every batch."""
    answers = in_order(partial(_read, oro, field), in_lists(values), workers=oro.connections)
    products = one_by_one(answers)
    return land_products(conn, products, source="api", landed_by=run_id, landed_at=now)


def _read(oro: OroClient, field: str, values: list[str]) -> list[ProductDocument | Fault]:
    pages = oro.pages("products", filters={field: values}, selection=PRODUCTS, around_failures=True)
    return [product for page in pages for product in read_products(page)]
