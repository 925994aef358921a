"""What Oro fills in on new orders, lines and kit components: copies of the product, units, statuses."""

from __future__ import annotations

import hashlib

from rebound_oro_pipeline.sandbox.oro.session import Draft, Session
from rebound_oro_pipeline.sandbox.oro.totals import amount, text
from rebound_oro_pipeline.sandbox.pricing import Component
from rebound_oro_pipeline.sandbox.pricing_taxes import ZERO


def fill_in(session: Session, draft: Draft) -> None:
    """Give a new record of an order what its request left out."""
    attributes, relations = draft.record.attributes, draft.record.relations
    if draft.record.type == "orders":
        relations.setdefault("internalStatus", "open")
        relations.setdefault("shippingStatus", "not_shipped")
    elif draft.record.type in {"orderlineitems", "orderproductkititemlineitems"}:
        attributes.setdefault("productUnitCode", relations.get("productUnit"))
        product = session.load("products", relations.get("product") or "")
        if product is not None:
            sku = product.record.attributes["sku"]
            attributes.setdefault("productSku", sku)
            attributes.setdefault("productName", product.record.attributes.get("name", f"Product {sku}"))
            attributes["checksum"] = _checksum(product.record.id, attributes["productUnitCode"])
        if draft.record.type == "orderproductkititemlineitems":
            _fill_in_component(session, draft)
        else:
            _sum_components(session, draft)


def _fill_in_component(session: Session, draft: Draft) -> None:
    attributes, relations = draft.record.attributes, draft.record.relations
    attributes.pop("checksum", None)
    product_id = relations.get("product")
    attributes["productId"] = int(product_id) if product_id else None
    precision = next(
        (
            unit.record.attributes.get("precision", 0)
            for unit in session.loaded("productunitprecisions", _precisions(session, product_id))
            if unit.record.relations.get("unit") == attributes["productUnitCode"]
        ),
        0,
    )
    attributes["productUnitPrecision"] = precision
    item = session.load("productkititems", relations.get("kitItem") or "")
    if item is not None:
        attributes["kitItemId"] = item.record.id
        attributes.setdefault("kitItemLabel", item.record.attributes.get("label"))
        for name in ("optional", "minimumQuantity", "maximumQuantity"):
            attributes[name] = item.record.attributes.get(name)


def _precisions(session: Session, product_id: str | None) -> list[str]:
    product = session.load("products", product_id or "")
    return list(product.record.relations.get("unitPrecisions", ())) if product else []


def _sum_components(session: Session, draft: Draft) -> None:
    """Replace the price of a kit by the sum of its components, which is what Oro stores."""
    parts = components(session, draft)
    if parts:
        total = sum((part.value * part.quantity for part in parts), ZERO)
        draft.record.attributes["value"] = text(total)


def components(session: Session, line: Draft) -> list[Component]:
    """Return the components of a kit line as pricing takes them."""
    ids = line.record.relations.get("kitItemLineItems") or []
    return [
        Component(
            value=amount(draft.record.attributes.get("value")),
            quantity=amount(draft.record.attributes.get("quantity")),
        )
        for draft in session.loaded("orderproductkititemlineitems", ids)
    ]


def _checksum(product_id: int, unit: str | None) -> str:
    return hashlib.sha1(f"{product_id}/{unit}".encode(), usedforsecurity=False).hexdigest()
