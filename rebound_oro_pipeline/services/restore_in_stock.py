"""Products that OroCommerce took off sale when their stock ran out, on sale again once returns have refilled it.

A checkout that brings a level down to the threshold sets the product's `inventory_status` to `out_of_stock`;
nothing in OroCommerce ever sets it back. Only what our own units lifted over the threshold is touched, so that a
product that was taken off sale by hand, or `discontinued`, stays as it is; and only while a level that they lifted
is above it still, so that what was sold out again stays off sale.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final
from uuid import uuid4

import psycopg

from rebound_oro_pipeline.clients.errors import ApiError, Forbidden, Refused
from rebound_oro_pipeline.clients.jsonapi import Selection, in_lists
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.jsonapi_resources import related_id
from rebound_oro_pipeline.contracts.policy import Stock
from rebound_oro_pipeline.services.oro_levels import good_until, quantities, readable
from rebound_oro_pipeline.services.sending import words_of
from rebound_oro_pipeline.warehouse import level_writes
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.level_writes import Replenished

_STATUS: Final = "inventory_status"  # in snake case, unlike its neighbours
_STOCK_STATUS: Final = Selection(fields={"products": ("sku", _STATUS)})
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
    """Put products back in stock whose level our confirmed writes lifted over the threshold, and which still is.

    What was sold since, or is not out of stock, is not looked at again. Safe to repeat: a status is absolute. Needs
    the permission to edit products; without it raises Forbidden. `conn` should be in autocommit mode, so that what
    was done is remembered product by product.
    """
    lifted = level_writes.replenished(conn, threshold)
    offerable = _offerable(oro, lifted, threshold)
    checked = restored = left = 0
    refused: dict[str, str] = {}
    for product in lifted:
        if product.product_id in offerable:
            request_id = uuid4().hex
            reason = None
            try:
                if _offer(oro, product, threshold, request_id):
                    restored += 1
                    reason = "our units are on its level"
            except Forbidden:
                raise
            except Refused as error:
                refused[product.product_id] = reason = words_of(error)
            except ApiError as error:
                if not (error.retryable or error.outcome_unknown):
                    raise
                left += 1
                continue
            if reason is not None:
                level_writes.log_status(conn, run_id, product.product_id, reason, request_id)
        checked += 1
        level_writes.mark_status_checked(conn, product.level_write_ids)
    return RestoredStatuses(checked, restored, refused, left)


def _offer(oro: OroClient, product: Replenished, threshold: Decimal, request_id: str) -> bool:
    """Put a product back in stock, unless it was sold out or taken off sale since all were read."""
    if not _offerable(oro, [product], threshold):
        return False
    document = _document(product.product_id)
    oro.update("products", product.product_id, document, request_id=request_id, not_after=good_until())
    return True


def _offerable(oro: OroClient, lifted: Sequence[Replenished], threshold: Decimal) -> set[str]:
    """Return the products that are out of stock although a level that we lifted is above the threshold now."""
    ids = _out_of_stock(oro, (product.product_id for product in lifted))
    out = [product for product in lifted if product.product_id in ids]
    held = quantities(oro, (level_id for product in out for level_id in product.level_ids))
    return {
        product.product_id
        for product in out
        if any(level_id in held and held[level_id] > threshold for level_id in product.level_ids)
    }


def _out_of_stock(oro: OroClient, product_ids: Iterable[str]) -> set[str]:
    found = set()
    for ids in in_lists(product_ids):
        for document in oro.pages("products", filters={"id": ids}, selection=_STOCK_STATUS):
            with readable("products"):
                found |= {
                    str(product["id"])
                    for product in document["data"]
                    if related_id(product, _STATUS) == _OUT_OF_STOCK
                }
    return found


def _document(product_id: str) -> dict[str, object]:
    status = {"data": {"type": "prodinventorystatuses", "id": _IN_STOCK}}
    return {"data": {"type": "products", "id": product_id, "relationships": {_STATUS: status}}}
