"""Products that OroCommerce took off sale when their stock ran out, on sale again once returns have refilled it.

A checkout that brings a level down to the threshold sets the product's `inventory_status` to `out_of_stock`;
nothing in OroCommerce ever sets it back. Only what our own units lifted over the threshold is touched, so that a
product that was taken off sale by hand, or `discontinued`, stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final
from uuid import uuid4

import psycopg

from rebound_oro_pipeline.clients.errors import ApiError, Forbidden, Refused
from rebound_oro_pipeline.clients.jsonapi import in_lists
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.jsonapi_resources import related_id
from rebound_oro_pipeline.contracts.policy import Stock
from rebound_oro_pipeline.services.sending import words_of
from rebound_oro_pipeline.warehouse import level_writes
from rebound_oro_pipeline.warehouse.connection import connect

_STATUS: Final = "inventory_status"  # in snake case, unlike its neighbours
_IN_STOCK: Final = "in_stock"
_OUT_OF_STOCK: Final = "out_of_stock"


@dataclass(frozen=True, slots=True)
class RestoredStatuses:
    """Products looked at, put back in stock, refused (id → Oro's words), and left for the next run."""

    checked: int = 0
    restored: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)
    left: int = 0


def restore_by_policy(
    oro: OroClient, database_url: str, stock: Stock, *, run_id: str
) -> RestoredStatuses | None:
    """Put products back in stock after a push, where the policy says so; None where it does not."""
    if not stock.restore_in_stock:
        return None
    with connect(database_url, autocommit=True, application_name="rebound-oro in stock") as conn:
        return restore_in_stock(oro, conn, run_id=run_id, threshold=stock.out_of_stock_at)


def restore_in_stock(
    oro: OroClient, conn: psycopg.Connection, *, run_id: str, threshold: Decimal = Decimal(0)
) -> RestoredStatuses:
    """Put products back in stock whose level our confirmed writes lifted over the threshold.

    Safe to repeat: a status is absolute. Needs the permission to edit products; without it raises Forbidden.
    `conn` should be in autocommit mode, so that what was done is remembered product by product.
    """
    writes = level_writes.replenished(conn, threshold)
    out = _out_of_stock(oro, list(writes))
    checked = restored = left = 0
    refused: dict[str, str] = {}
    for product_id, level_write_ids in writes.items():
        if product_id in out:
            request_id = uuid4().hex
            try:
                oro.update("products", product_id, _document(product_id), request_id=request_id)
                restored += 1
                reason = "our units are on its level"
            except Forbidden:
                raise
            except Refused as error:
                refused[product_id] = reason = words_of(error)
            except ApiError as error:
                if not (error.retryable or error.outcome_unknown):
                    raise
                left += 1
                continue
            level_writes.log_status(conn, run_id, product_id, reason, request_id)
        checked += 1
        level_writes.mark_status_checked(conn, level_write_ids)
    return RestoredStatuses(checked, restored, refused, left)


def _out_of_stock(oro: OroClient, product_ids: list[str]) -> set[str]:
    found = set()
    for ids in in_lists(product_ids):
        for document in oro.pages("products", filters={"id": ids}, fields={"products": ["sku", _STATUS]}):
            found |= {
                str(product["id"])
                for product in document["data"]
                if related_id(product, _STATUS) == _OUT_OF_STOCK
            }
    return found


def _document(product_id: str) -> dict[str, object]:
    status = {"data": {"type": "prodinventorystatuses", "id": _IN_STOCK}}
    return {"data": {"type": "products", "id": product_id, "relationships": {_STATUS: status}}}
