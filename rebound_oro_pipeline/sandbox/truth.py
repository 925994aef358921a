"""The sandbox's own truth as JSON, for tests that compare it with what a pipeline claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from rebound_oro_pipeline.sandbox.oro.database import Record
from rebound_oro_pipeline.sandbox.oro.store import OroStore
from rebound_oro_pipeline.sandbox.rebound.documents import return_document
from rebound_oro_pipeline.sandbox.world import World

JsonObject = dict[str, Any]


def parts(world: World) -> Mapping[str, Callable[[], object]]:
    """Return what can be told, each by its name."""
    return {
        "scenario": lambda: _scenario(world),
        "orders": lambda: _orders(world),
        "returns": lambda: _returns(world),
        "credit_notes": lambda: _credit_notes(world.oro),
        "inventory_levels": lambda: _levels(world),
        "rebound_orders": lambda: _pushed(world),
    }


def _scenario(world: World) -> JsonObject:
    settings = world.settings
    return {
        "seed": settings.seed,
        "days": settings.days,
        "profile": settings.profile,
        "first_day": (settings.until - timedelta(days=settings.days)).date().isoformat(),
        "until": settings.until.isoformat(),
        "now": world.now().isoformat(),
        "aliases": str(world.aliases),
    }


def _by_id(store: OroStore, kind: str) -> dict[str, Record]:
    return {str(record.id): record for record in store.records(kind)}


def _orders(world: World) -> list[JsonObject]:
    store = world.oro
    lines = _by_id(store, "orderlineitems")
    kit_items = _by_id(store, "orderproductkititemlineitems")
    discounts = _by_id(store, "orderdiscounts")
    pricing = _by_id(store, "orderpricing")

    def line(line_id: str) -> JsonObject:
        record = lines[line_id]
        return {
            "id": line_id,
            **record.attributes,
            "product": record.relations["product"],
            "kit_items": [
                {"id": part, **kit_items[part].attributes} for part in record.relations["kitItemLineItems"]
            ],
        }

    return [
        {
            "id": order_id,
            **order.attributes,
            "state": world.order_states.get(order.attributes["identifier"]),
            "customer": order.relations["customer"],
            "internal_status": order.relations["internalStatus"],
            "shipping_status": order.relations["shippingStatus"],
            "lines": [line(each) for each in order.relations["lineItems"]],
            "discounts": [discounts[each].attributes for each in order.relations["discounts"]],
            "subtotals": pricing[order_id].attributes.get("subtotals", []) if order_id in pricing else [],
        }
        for order_id, order in _by_id(store, "orders").items()
    ]


def _returns(world: World) -> list[JsonObject]:
    now = world.now()
    documents = []
    for kept in world.rebound.returns(now):
        document = return_document(kept.template, now)
        del document["label"]
        documents.append(
            {
                "id": kept.return_id,
                "registered_at": kept.registered_at.isoformat(),
                "situation": kept.situation,
                "document": document,
            }
        )
    return documents


def _credit_notes(store: OroStore) -> list[JsonObject]:
    lines: dict[str, list[JsonObject]] = {}
    for line in store.records("reboundcreditnotelines"):
        order_line = line.relations.get("orderLine") or line.relations.get("orderLineItem")
        shown = {"id": str(line.id), **line.attributes, "order_line": order_line}
        lines.setdefault(str(line.relations.get("creditNote")), []).append(shown)
    return [
        {
            "id": str(note.id),
            **note.attributes,
            "order": note.relations.get("order"),
            "lines": lines.get(str(note.id), []),
        }
        for note in store.records("reboundcreditnotes")
    ]


def _levels(world: World) -> list[JsonObject]:
    products = _by_id(world.oro, "products")
    precisions = _by_id(world.oro, "productunitprecisions")
    return [
        {
            "id": level_id,
            "product": level.relations["product"],
            "sku": products[level.relations["product"]].attributes["sku"],
            "unit": precisions[level.relations["productUnitPrecision"]].relations["unit"],
            "before": world.stock_before.get(level_id),
            "now": level.attributes["quantity"],
        }
        for level_id, level in _by_id(world.oro, "inventorylevels").items()
    ]


def _pushed(world: World) -> list[JsonObject]:
    return [
        {
            "order_reference": order.reference,
            "document": order.document,
            "pushed_at": order.pushed_at.isoformat(),
            "pushes": order.pushes,
        }
        for order in world.rebound.pushed_orders()
    ]
