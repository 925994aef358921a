"""Turns plain records, or whole JSON:API documents, into the rows that the shop keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rebound_oro_pipeline.sandbox.oro.database import JsonObject, Record, Transaction, to_id
from rebound_oro_pipeline.sandbox.oro.records import (
    Attributes,
    KitItemRecord,
    LineRecord,
    OrderRecord,
    ProductRecord,
)
from rebound_oro_pipeline.sandbox.oro.totals import subtotal_ids

ORGANIZATION = "1"
"""Id of the shop's only organization, shown as the owner of everything."""

_NOT_STORED = {"ordersubtotals", "orderinternalstatuses", "ordershippingstatuses", "orderstatuses"}


class Rows:
    """Rows collected for one transaction, with ids given out in advance for mutual references."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._rows: dict[str, list[tuple[int, Attributes, JsonObject]]] = {}

    def new_id(self, type_name: str) -> int:
        """Return the next free id of a type."""
        return self._transaction.new_id(type_name)

    def add(
        self,
        type_name: str,
        attributes: Attributes,
        relations: Mapping[str, Any] | None = None,
        record_id: int | None = None,
    ) -> str:
        """Collect one row and return its id."""
        number = self.new_id(type_name) if record_id is None else record_id
        self._rows.setdefault(type_name, []).append((number, attributes, dict(relations or {})))
        return str(number)

    def write(self) -> None:
        """Store everything that was collected."""
        for type_name, rows in self._rows.items():
            self._transaction.insert_many(type_name, rows)
        self._rows.clear()


def add_product(rows: Rows, product: ProductRecord) -> str:
    """Collect a product with its unit precisions, levels and kit items; return its id."""
    number = rows.new_id("products")
    product_id = str(number)
    precisions = []
    for unit in product.units:
        precision = rows.add(
            "productunitprecisions",
            {"precision": unit.precision, "conversionRate": unit.conversion_rate, "sell": unit.sell},
            {"product": product_id, "unit": unit.code},
        )
        precisions.append(precision)
        if unit.quantity is not None:
            rows.add(
                "inventorylevels",
                {"quantity": unit.quantity},
                {"product": product_id, "productUnitPrecision": precision, "organization": ORGANIZATION},
            )
    rows.add(
        "products",
        {"productType": "kit" if product.kit_items else "simple", **product.attributes},
        {
            "unitPrecisions": precisions,
            "primaryUnitPrecision": precisions[0] if precisions else None,
            "kitItems": [
                _add_kit_item(rows, product_id, position, item)
                for position, item in enumerate(product.kit_items)
            ],
            "inventory_status": product.inventory_status,
            "organization": ORGANIZATION,
        },
        number,
    )
    return product_id


def _add_kit_item(rows: Rows, product_id: str, position: int, item: KitItemRecord) -> str:
    number = rows.new_id("productkititems")
    fillers = [
        rows.add("productkititemproducts", {"sortOrder": order}, {"kitItem": str(number), "product": filler})
        for order, filler in enumerate(item.products)
    ]
    return rows.add(
        "productkititems",
        {
            "label": item.label,
            "optional": item.optional,
            "sortOrder": position,
            "minimumQuantity": item.minimum_quantity,
            "maximumQuantity": item.maximum_quantity,
        },
        {"productKit": product_id, "kitItemProducts": fillers, "productUnit": item.unit},
        number,
    )


def add_order(rows: Rows, order: OrderRecord) -> str:
    """Collect an order with its lines, kit components, discounts, trackings and pricing; return its id."""
    number = rows.new_id("orders")
    order_id = str(number)
    relations: JsonObject = {
        "lineItems": [_add_line(rows, order_id, line) for line in order.lines],
        "discounts": [
            rows.add("orderdiscounts", discount, {"order": order_id}) for discount in order.discounts
        ],
        "shippingTrackings": [
            rows.add("ordershippingtrackings", tracking, {"orders": [order_id]})
            for tracking in order.trackings
        ],
        "customer": order.customer,
        "customerUser": order.customer_user,
        "organization": ORGANIZATION,
        "internalStatus": order.internal_status,
        "shippingStatus": order.shipping_status,
    }
    relations["orderSubtotals"] = subtotal_ids(order_id, order.subtotals)
    rows.add("orders", order.attributes, relations, number)
    rows.add("orderpricing", {**order.pricing, "subtotals": order.subtotals}, record_id=number)
    return order_id


def _add_line(rows: Rows, order_id: str, line: LineRecord) -> str:
    number = rows.new_id("orderlineitems")
    line_id = str(number)
    components = [
        rows.add(
            "orderproductkititemlineitems",
            component.attributes,
            {
                "lineItem": line_id,
                "kitItem": component.kit_item,
                "product": component.product,
                "productUnit": component.attributes.get("productUnitCode"),
            },
        )
        for component in line.kit_items
    ]
    relations = {
        "orders": [order_id],
        "product": line.product,
        "productUnit": line.attributes.get("productUnitCode"),
        "kitItemLineItems": components,
    }
    rows.add("orderlineitems", line.attributes, relations, number)
    return line_id


def load(transaction: Transaction, document: Mapping[str, Any]) -> None:
    """Store the records of a JSON:API document under their own ids, replacing those that exist.

    Subtotals go to the pricing of their order; statuses are known to the profile and skipped.
    """
    data = document["data"]
    resources = [*(data if isinstance(data, list) else [data]), *document.get("included", ())]
    subtotals: dict[str, list[tuple[int, Attributes]]] = {}
    for resource in resources:
        if resource["type"] == "ordersubtotals":
            order_id, _, position = resource["id"].split("-")
            subtotals.setdefault(order_id, []).append((int(position), resource["attributes"]))
        elif resource["type"] not in _NOT_STORED:
            _replace(
                transaction,
                resource["type"],
                resource["id"],
                resource["attributes"],
                _relations(resource),
            )
    for order_id, rows in subtotals.items():
        ordered = [attributes for _, attributes in sorted(rows, key=lambda row: row[0])]
        _replace(transaction, "orderpricing", order_id, {"subtotals": ordered}, {})


def _relations(resource: Mapping[str, Any]) -> JsonObject:
    relations: JsonObject = {}
    for name, relation in resource.get("relationships", {}).items():
        data = relation["data"]
        relations[name] = [item["id"] for item in data] if isinstance(data, list) else data and data["id"]
    if resource["type"] in {"orderlineitems", "ordershippingtrackings"} and "order" in relations:
        relations["orders"] = [relations.pop("order")]
    return relations


def _replace(
    transaction: Transaction, type_name: str, record_id: str, attributes: Attributes, relations: JsonObject
) -> None:
    number = to_id(record_id)
    stored = dict(attributes) if number is not None else {**attributes, "key": record_id}
    existing = transaction.get(type_name, record_id)
    if existing is None:
        transaction.insert(type_name, stored, relations, number)
    else:
        transaction.update(Record(type_name, existing.id, stored, relations))
