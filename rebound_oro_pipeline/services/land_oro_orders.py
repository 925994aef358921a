"""Lands the OroCommerce orders of the returns at hand, found by reference: never the whole shop."""

import math
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any, Final

import psycopg

from rebound_oro_pipeline.clients.errors import Refused
from rebound_oro_pipeline.clients.jsonapi import Filters, in_lists
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.oro import OrderDocument, read_orders
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.concurrently import in_order, one_by_one
from rebound_oro_pipeline.warehouse.landed import references_to_ask
from rebound_oro_pipeline.warehouse.landing import Landed, land_orders

WORKERS: Final = 4
"""Lists asked for at once."""
PAGE_SIZE: Final = 100
"""Orders of a page: as many as references are asked for at once."""

# A request costs as much as twenty orders; fewer at once would gain little time and ask more of the shop.
_FEW: Final = 50
_ALWAYS_KNOWN: Final = "identifier"
_NOT_SUPPORTED: Final = "The filter is not supported."
_INCLUDE: Final = ("lineItems", "lineItems.kitItemLineItems", "discounts")
# Naming the fields of every type halves an order's size and time.
_FIELDS: Final = {
    "orders": (
        "identifier",
        "poNumber",
        "externalId",
        "currency",
        "subtotalValue",
        "subtotalWithDiscounts",
        "totalValue",
        "totalDiscountsAmount",
        "discount",
        "shippingDiscount",
        "estimatedShippingCostAmount",
        "overriddenShippingCostAmount",
        "createdAt",
        "updatedAt",
        "customer",
        "internalStatus",
        "shippingStatus",
        "lineItems",
        "discounts",
        "shippingTrackings",
    ),
    "orderlineitems": (
        "productSku",
        "productName",
        "freeFormProduct",
        "quantity",
        "productUnitCode",
        "value",
        "currency",
        "rowTotalDiscountAmount",
        "rowTotalAfterDiscountIncludingTax",
        "rowTotalAfterDiscountExcludingTax",
        "product",
        "kitItemLineItems",
    ),
    "orderproductkititemlineitems": (
        "productSku",
        "productName",
        "quantity",
        "productUnitCode",
        "productUnitPrecision",
        "sortOrder",
        "value",
        "product",
    ),
    "orderdiscounts": ("amount", "percent", "orderDiscountType"),
}
_SUBTOTALS: Final = "orderSubtotals"
_SUBTOTAL_FIELDS: Final = {"ordersubtotals": ("orderSubtotalType", "label", "amount", "currency", "data")}


def land_oro_orders(
    oro: OroClient,
    conn: psycopg.Connection[Any],
    window: Window,
    policy: Policy,
    *,
    now: datetime,
    run_id: str,
    with_subtotals: bool = False,
    workers: int = WORKERS,
) -> Landed:
    """Land the orders that the window's returns refer to and that are not settled.

    References are asked for under the policy's fields in turn, those not found under the next one; a field
    by which this OroCommerce cannot filter is passed over, and so is a reference with a comma, which no
    filter can hold. Subtotals multiply the cost and are needed only
    to place an odd cent of tax, the tax inside a shipping price, and the rates. Commits after every batch;
    raises the errors of the client.
    """
    landed = Landed()
    tried: list[str] = []
    for field in policy.order_reference:
        references = references_to_ask(conn, window, order_reference=policy.order_reference, tried=tried)
        conn.commit()
        lists = in_lists(references, count=_list_size(len(references), workers))
        orders = in_order(partial(_read, oro, field, with_subtotals=with_subtotals), lists, workers=workers)
        try:
            landed += land_orders(
                conn,
                one_by_one(orders),
                source="api",
                landed_by=run_id,
                landed_at=now,
            )
        except Refused as error:
            if field == _ALWAYS_KNOWN or not refuses(error, f"filter[{field}]"):
                raise
        tried.append(field)
    return landed


def land_orders_created(
    oro: OroClient,
    conn: psycopg.Connection[Any],
    window: Window,
    *,
    now: datetime,
    run_id: str,
    with_subtotals: bool = False,
) -> Landed:
    """Land every order created in the window, whether anything of it came back or not; for looking, not for deciding.

    Commits after every batch; raises the errors of the client.
    """
    filters: Filters = {"createdAt": {"gte": window.start, "lt": window.end}}
    orders = orders_where(oro, filters, with_subtotals=with_subtotals)
    return land_orders(conn, orders, source="api", landed_by=run_id, landed_at=now)


def _list_size(references: int, workers: int) -> int:
    """Return how many references to ask for at once, so that no worker waits for the last list of another."""
    if references <= _FEW:
        return _FEW
    rounds = math.ceil(references / (PAGE_SIZE * workers))
    return max(_FEW, math.ceil(references / (rounds * workers)))


def _read(
    oro: OroClient, field: str, references: list[str], *, with_subtotals: bool
) -> list[OrderDocument | Fault]:
    return list(orders_where(oro, {field: references}, with_subtotals=with_subtotals))


def orders_where(
    oro: OroClient, filters: Filters, *, with_subtotals: bool
) -> Iterator[OrderDocument | Fault]:
    """Yield the orders that a filter finds, page by page, with all that a decision needs of them."""
    include = (*_INCLUDE, _SUBTOTALS) if with_subtotals else _INCLUDE
    fields: dict[str, tuple[str, ...]] = dict(_FIELDS)
    if with_subtotals:
        fields |= {"orders": (*_FIELDS["orders"], _SUBTOTALS), **_SUBTOTAL_FIELDS}
    pages = oro.pages("orders", filters=filters, include=include, fields=fields, page_size=PAGE_SIZE)
    try:
        for page in pages:
            yield from read_orders(page)
    except Refused as error:
        # Before 6.1 there are no subtotals, so that naming their fields may be refused.
        if not (with_subtotals and refuses(error, "fields[ordersubtotals]")):
            raise
        yield from orders_where(oro, filters, with_subtotals=False)


def refuses(error: Refused, parameter: str) -> bool:
    """Whether OroCommerce says that it knows no such filter, or no such fields."""
    return any(reason.detail == _NOT_SUPPORTED and reason.parameter == parameter for reason in error.reasons)
