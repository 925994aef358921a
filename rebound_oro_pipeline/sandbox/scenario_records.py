"""A scenario in OroCommerce's own words: customers, products and orders as the imitated shop stores them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from rebound_oro_pipeline.sandbox.oro.records import (
    KitItemRecord,
    KitLineRecord,
    LineRecord,
    OrderRecord,
    ProductRecord,
    UnitRecord,
)
from rebound_oro_pipeline.sandbox.pricing_documents import (
    discount_attributes,
    json_number,
    line_attributes,
    order_attributes,
    subtotals,
)
from rebound_oro_pipeline.sandbox.pricing_taxes import ZERO, money
from rebound_oro_pipeline.sandbox.scenario_catalogue import Catalogue, Product
from rebound_oro_pipeline.sandbox.scenario_lines import Feature, PlannedLine
from rebound_oro_pipeline.sandbox.scenario_orders import PlannedOrder
from rebound_oro_pipeline.sandbox.scenario_shares import OrderState

JsonObject = dict[str, Any]
Statuses = tuple[str, str | None]
"""Internal status, shipping status."""

_SHIPPED_SINCE_6_1 = ("processing", "closed", "processing", "open")
_SHIPPED_BEFORE = ("shipped", "shipped", "closed", "shipped", "archived")
_STATUSES_SINCE_6_1: Mapping[OrderState, Statuses] = {
    OrderState.PARTIALLY_SHIPPED: ("processing", "partially_shipped"),
    OrderState.NOT_SHIPPED: ("open", "not_shipped"),
    OrderState.SHIPPED_LATER: ("processing", "not_shipped"),
    OrderState.PENDING: ("pending", "not_shipped"),
    OrderState.CANCELLED: ("cancelled", "not_shipped"),
    OrderState.IMPORTED: ("closed", None),
}
_STATUSES_BEFORE: Mapping[OrderState, Statuses] = {
    OrderState.PARTIALLY_SHIPPED: ("shipped", None),
    OrderState.NOT_SHIPPED: ("open", None),
    OrderState.SHIPPED_LATER: ("open", None),
    OrderState.PENDING: ("open", None),
    OrderState.CANCELLED: ("cancelled", None),
    OrderState.IMPORTED: ("closed", None),
}
_DISPATCHED = frozenset({OrderState.SHIPPED, OrderState.PARTIALLY_SHIPPED, OrderState.IMPORTED})
FUTURE = timedelta(days=40)
"""The first order's `updatedAt` lies so far in the future, as rows of real shops do."""


def statuses(state: OrderState, number: int, profile: str) -> Statuses:
    """Return an order's internal status and shipping status in the words of a release.

    Before 6.1 there is neither a shipping status nor a status `pending`.
    """
    old = profile in ("5.1", "6.0")
    if state is OrderState.SHIPPED:
        words = _SHIPPED_BEFORE if old else _SHIPPED_SINCE_6_1
        return words[number % len(words)], None if old else "shipped"
    return (_STATUSES_BEFORE if old else _STATUSES_SINCE_6_1)[state]


def simple_product(product: Product) -> ProductRecord:
    """Return a product without parts."""
    return ProductRecord(
        attributes={"sku": product.sku, "status": "enabled"},
        units=[
            UnitRecord(
                code=unit.code, precision=unit.precision, conversion_rate=unit.rate, quantity=str(unit.stock)
            )
            for unit in product.units
        ],
    )


def kit_product(product: Product, product_ids: Sequence[str]) -> ProductRecord:
    """Return a kit; `product_ids` are those of the products before it in the catalogue."""
    return ProductRecord(
        attributes={"sku": product.sku, "status": "enabled"},
        units=[UnitRecord(code=unit.code, quantity=str(unit.stock)) for unit in product.units],
        kit_items=[
            KitItemRecord(
                label=f"Part {position}",
                products=[product_ids[part.product]],
                unit=part.unit,
                optional=part.optional,
                maximum_quantity=max(part.quantity, 3),
            )
            for position, part in enumerate(product.parts, 1)
        ],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWriter:
    """Writes orders for a shop whose customers and products have these ids, by their number in the catalogue."""

    catalogue: Catalogue
    profile: str
    until: datetime
    customer_ids: Sequence[str]
    product_ids: Sequence[str]
    kit_item_ids: Mapping[tuple[str, int], str]
    """(product id of the kit, number of the part) → id of the kit item."""

    def write(self, order: PlannedOrder) -> OrderRecord:
        """Return the record of an order."""
        internal, shipping = statuses(order.state, order.number, self.profile)
        dispatched = order.state in _DISPATCHED
        discounts = discount_attributes(order.priced)
        lines = [self._line(order, number) for number in range(len(order.lines))]
        return OrderRecord(
            attributes=self._attributes(order),
            lines=lines,
            customer=self.customer_ids[order.customer],
            internal_status=internal,
            shipping_status=shipping,
            discounts=discounts,
            trackings=[{"method": "ups", "number": f"1Z{order.identifier}"}]
            if dispatched and order.tracked
            else [],
            subtotals=subtotals(order.priced),
            pricing={
                "discount_amounts": str(sum((Decimal(row["amount"]) for row in discounts), ZERO)),
                **_end_of_promotions(order),
            },
        )

    def _attributes(self, order: PlannedOrder) -> JsonObject:
        figures = order_attributes(order.priced)
        if order.feature is Feature.DOES_NOT_ADD_UP:  # added up anew under other tax settings
            total = Decimal(figures["totalValue"]) * Decimal("1.07") + 1
            figures["totalValue"] = format(money(money(total), 4), "f")
        shipped = order.priced.order.shipping is not None
        updated_at = self.until + FUTURE if order.number == 0 else min(order.updated_at, self.until)
        return {
            "identifier": order.identifier,
            "uuid": str(uuid5(NAMESPACE_OID, order.identifier)),
            "poNumber": order.po_number,
            "externalId": order.external_id,
            "shippingMethod": "flat_rate_4" if shipped else None,
            "shippingMethodType": "primary" if shipped else None,
            "createdAt": _time(order.placed_at),
            "updatedAt": _time(updated_at),
            **figures,
        }

    def _line(self, order: PlannedOrder, number: int) -> LineRecord:
        line = order.lines[number]
        attributes = line_attributes(order.priced, number)
        if order.feature is Feature.TAX_UNRESOLVABLE:
            attributes |= dict.fromkeys(
                ("rowTotalAfterDiscountIncludingTax", "rowTotalAfterDiscountExcludingTax"), "0.0000"
            )
        if order.feature is Feature.CURRENCY_MISMATCH and number == 0:
            attributes["currency"] = "EUR" if attributes["currency"] == "USD" else "USD"
        product = None if line.product is None else self.product_ids[line.product]
        return LineRecord(
            attributes={
                "productSku": line.sku,
                "productName": line.name,
                "freeFormProduct": line.name if product is None else None,
                "checksum": _checksum(line) if product else "",
                "createdAt": _time(order.placed_at),
                "updatedAt": _time(order.placed_at),
                **attributes,
            },
            product=product,
            kit_items=[self._part(order, line, position) for position in range(len(line.parts))],
        )

    def _part(self, order: PlannedOrder, line: PlannedLine, position: int) -> KitLineRecord:
        part = line.parts[position]
        kit = self.catalogue.products[line.product or 0]
        place = [each.product for each in kit.parts].index(part.product)
        kit_item = self.kit_item_ids[self.product_ids[line.product or 0], place]
        product_id = self.product_ids[part.product]
        return KitLineRecord(
            attributes={
                "kitItemId": int(kit_item),
                "kitItemLabel": f"Part {place + 1}",
                "optional": kit.parts[place].optional,
                "minimumQuantity": 1,
                "maximumQuantity": max(kit.parts[place].quantity, 3),
                "productId": int(product_id),
                "productSku": part.sku,
                "productName": self.catalogue.products[part.product].name,
                "quantity": json_number(part.quantity),
                "productUnitCode": part.unit,
                "productUnitPrecision": 0,
                "sortOrder": position,
                "value": format(money(part.value, 4), "f"),
                "currency": order.priced.order.currency,
            },
            product=product_id,
            kit_item=kit_item,
        )


def _end_of_promotions(order: PlannedOrder) -> JsonObject:
    """Return when the campaign ends under which the order was placed: with its week."""
    if not order.priced.promoted.discount:
        return {}
    next_week = (order.placed_at.toordinal() // 7 + 1) * 7
    end = order.placed_at.replace(hour=0, minute=0, second=0) + timedelta(
        days=next_week - order.placed_at.toordinal()
    )
    return {"promotions_end_at": _time(end)}


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _checksum(line: PlannedLine) -> str:
    parts = ":".join((line.sku, line.unit, *(part.sku for part in line.parts)))
    return hashlib.sha1(parts.encode(), usedforsecurity=False).hexdigest()
