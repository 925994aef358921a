"""Lands the OroCommerce orders of the returns at hand, found by reference: never the whole shop."""

import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import psycopg

from rebound_oro_pipeline.clients.errors import Refused
from rebound_oro_pipeline.clients.jsonapi import Document, Filters, Selection, in_lists
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.jsonapi_resources import attributes
from rebound_oro_pipeline.contracts.oro import OrderDocument, read_orders
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.values import read_text
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.concurrently import in_order, one_by_one
from rebound_oro_pipeline.warehouse.ahead import ahead
from rebound_oro_pipeline.warehouse.garbage import seldom_searched
from rebound_oro_pipeline.warehouse.landed import references_to_ask
from rebound_oro_pipeline.warehouse.landing import Landed, land_orders

# Orders of a page, and references asked for at once; subtotals are worked out order by order, six times as slowly.
_PAGE: Final = 250
_PAGE_WITH_SUBTOTALS: Final = 100
# A request costs as much as twenty orders; fewer at once would gain little time and ask more of the shop.
_FEW: Final = 25
_ALWAYS_KNOWN: Final = "identifier"
# Naming the fields of every type halves an order's size and time.
_ORDER: Final = Selection(
    include=("lineItems", "lineItems.kitItemLineItems", "discounts"),
    fields={
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
    },
)
_SUBTOTALS: Final = Selection(
    include=("orderSubtotals",),
    fields={
        "orders": ("orderSubtotals",),
        "ordersubtotals": ("orderSubtotalType", "label", "amount", "currency", "data"),
    },
)


def land_oro_orders(
    oro: OroClient,
    conn: psycopg.Connection[Any],
    window: Window,
    policy: Policy,
    *,
    now: datetime,
    run_id: str,
    with_subtotals: bool = False,
) -> Landed:
    """Land the orders that the window's returns refer to and that are not settled.

    References are asked for under the policy's first field, those not found under all the others at once: which order
    is meant is for the decision to say. A field by which this OroCommerce cannot filter is passed over, and so is a
    reference with a comma, which no filter can hold. Subtotals multiply the cost and are needed only
    to place an odd cent of tax, the tax inside a shipping price, and the rates. Commits after every batch;
    raises the errors of the client.
    """
    references = references_to_ask(conn, window, order_reference=policy.order_reference)
    conn.commit()
    search = _Search(oro, policy.order_reference, with_subtotals=with_subtotals)
    with seldom_searched():
        return land_orders(conn, search.orders(references), source="api", landed_by=run_id, landed_at=now)


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


class _Search:
    """Finds orders by their references, under one field of an order first, what is not found under the others.

    One thread asks and one reads, so that what is not found under the first field is asked for under the others while
    the last answers are being read. At most three pages for each connection wait in memory, some four megabytes each.
    """

    def __init__(self, oro: OroClient, fields: Sequence[str], *, with_subtotals: bool) -> None:
        self._oro = oro
        self._first, *self._others = fields
        self._with_subtotals = with_subtotals
        self._without_filter: set[str] = set()

    def orders(self, references: Iterable[str]) -> Iterator[OrderDocument | Fault]:
        """Yield the orders found; one that is found under two fields comes twice."""
        with ahead(self._documents(references), iter, most=self._oro.connections) as documents:
            for document in documents:
                yield from read_orders(document)

    def _documents(self, references: Iterable[str]) -> Generator[Document, None, None]:
        not_found = {_match_key(reference): reference for reference in references}
        for document in self._answers([self._first], not_found.values()):
            for order in document["data"]:
                with suppress(ValueError):  # told by whoever reads it
                    not_found.pop(_match_key(read_text(attributes(order).get(self._first)) or ""), None)
            yield document
        if self._others:
            yield from self._answers(self._others, not_found.values())

    def _answers(self, fields: Sequence[str], references: Iterable[str]) -> Iterator[Document]:
        wanted = list(references)
        # The field that the policy names first finds most of what is there; of the others a list at once is enough.
        others = len(fields) - 1
        questions = [
            (field, part)
            for place, field in enumerate(fields)
            for part in self._deal(wanted, 1 if place else max(self._oro.connections - others, 1))
        ]
        return one_by_one(in_order(self._ask, questions, workers=self._oro.connections))

    def _deal(self, references: list[str], at_once: int) -> Iterator[list[str]]:
        """Deal references out to lists of one page, so that none of those asked for at once waits for another."""
        page = _page_size(with_subtotals=self._with_subtotals)
        rounds = math.ceil(len(references) / (page * at_once))
        lists = min(rounds * at_once, math.ceil(len(references) / _FEW))
        for start in range(lists):
            yield from in_lists(references[start::lists], count=page)

    def _ask(self, question: tuple[str, list[str]]) -> list[Document]:
        field, references = question
        if field in self._without_filter:
            return []
        try:
            return list(_pages(self._oro, {field: references}, with_subtotals=self._with_subtotals))
        except Refused as error:
            if field == _ALWAYS_KNOWN or not error.does_not_know(f"filter[{field}]"):
                raise
        self._without_filter.add(field)
        return []


def _page_size(*, with_subtotals: bool) -> int:
    return _PAGE_WITH_SUBTOTALS if with_subtotals else _PAGE


def _match_key(reference: str) -> str:
    # As landing.match_key compares them.
    return reference.strip().lower()


def order_selection(*, with_subtotals: bool) -> Selection:
    """Return what is read of an order; subtotals exist since 6.1."""
    return _ORDER | _SUBTOTALS if with_subtotals else _ORDER


def orders_where(
    oro: OroClient, filters: Filters, *, with_subtotals: bool
) -> Iterator[OrderDocument | Fault]:
    """Yield the orders that a filter finds, page by page, with all that a decision needs of them."""
    for page in _pages(oro, filters, with_subtotals=with_subtotals):
        yield from read_orders(page)


def _pages(oro: OroClient, filters: Filters, *, with_subtotals: bool) -> Iterator[Document]:
    selection = order_selection(with_subtotals=with_subtotals)
    size = _page_size(with_subtotals=with_subtotals)
    try:
        yield from oro.pages(
            "orders", filters=filters, selection=selection, page_size=size, around_failures=True
        )
    except Refused as error:
        # Before 6.1 there are no subtotals, so that naming their fields may be refused.
        if not (with_subtotals and error.does_not_know("fields[ordersubtotals]")):
            raise
        yield from _pages(oro, filters, with_subtotals=False)
