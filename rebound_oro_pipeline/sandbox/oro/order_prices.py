"""Prices orders that are written through the API: by `pricing`, under the shop's terms of today."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rebound_oro_pipeline.sandbox.oro.database import JsonObject, Record
from rebound_oro_pipeline.sandbox.oro.order_defaults import components
from rebound_oro_pipeline.sandbox.oro.records import ShopTerms
from rebound_oro_pipeline.sandbox.oro.session import Draft, Session
from rebound_oro_pipeline.sandbox.oro.totals import add_up_again, amount, shipping_cost, subtotal_ids
from rebound_oro_pipeline.sandbox.pricing import (
    ManualDiscount,
    OrderInput,
    OrderLine,
    Promotions,
    ShippingCost,
    TaxRule,
    price_order,
)
from rebound_oro_pipeline.sandbox.pricing_documents import (
    discount_attributes,
    line_attributes,
    order_attributes,
    subtotals,
)

_BY_PERCENT = "oro_order_discount_item_type_percent"
_PROMOTED = ("discount", "shippingDiscount")
"""Attributes that tell of the promotions at placement, whatever the lines are priced with later."""


def price(session: Session, order: Draft, terms: ShopTerms) -> None:
    """Price a new order or one whose lines changed; of any other add up the total as Oro does."""
    lines = session.loaded("orderlineitems", order.record.relations.get("lineItems") or [])
    discounts = session.loaded("orderdiscounts", order.record.relations.get("discounts") or [])
    stored = session.transaction.get("orderpricing", order.record.id)
    pricing = stored or Record("orderpricing", order.record.id, {"subtotals": []}, {})
    if order.new or _parts_changed(order, [*lines, *discounts]):
        entry = replace(
            _input(order, discounts, terms.shipping_tax), lines=_order_lines(session, lines, pricing, terms)
        )
        pricing.attributes["subtotals"] = _figures(order, entry, lines, discounts, terms)
        if stored is None:
            session.transaction.insert("orderpricing", pricing.attributes, record_id=order.record.id)
        else:
            session.transaction.update(pricing)
    else:
        entered = [draft.record.attributes for draft in discounts]
        taxes = terms.settings.taxes
        add_up_again(order.record.attributes, pricing.attributes, entered, taxes, session.now)
    if order.own_change():
        for line in lines:
            line.touched = True


def _figures(
    order: Draft, entry: OrderInput, lines: Sequence[Draft], discounts: Sequence[Draft], terms: ShopTerms
) -> list[JsonObject]:
    """Give an order and its parts their figures; return its subtotals.

    A changed order's total holds the promotions of the day, while nothing else shows them.
    """
    priced = price_order(entry, terms.settings)
    figures = order_attributes(priced)
    if not order.new:
        figures = {name: value for name, value in figures.items() if name not in _PROMOTED}
        priced = price_order(entry, replace(terms.settings, promotions=Promotions()))
    order.record.attributes.update(figures)
    for number, line in enumerate(lines):
        line.record.attributes.update(line_attributes(priced, number))
    for draft, shown in zip(discounts, discount_attributes(priced), strict=True):
        draft.record.attributes.update(shown)
    rows = subtotals(priced)
    order.record.relations["orderSubtotals"] = subtotal_ids(str(order.record.id), rows)
    return rows


def _parts_changed(order: Draft, parts: Sequence[Draft]) -> bool:
    if any(
        order.record.relations.get(name) != order.before[1].get(name) for name in ("lineItems", "discounts")
    ):
        return True
    return any(
        part.record.attributes.get(name) != part.before[0].get(name)
        for part in parts
        for name in ("quantity", "value", "percent", "amount")
    )


def _input(order: Draft, discounts: Sequence[Draft], shipping_tax: TaxRule | None) -> OrderInput:
    attributes = order.record.attributes
    cost = shipping_cost(attributes)
    by_hand = attributes.get("overriddenShippingCostAmount") is not None
    return OrderInput(
        currency=attributes["currency"],
        lines=(),
        shipping=ShippingCost(amount=cost, tax=shipping_tax, overridden=by_hand) if cost else None,
        discounts=[_discount(draft.record.attributes) for draft in discounts],
    )


def _order_lines(
    session: Session, lines: Sequence[Draft], pricing: Record, terms: ShopTerms
) -> list[OrderLine]:
    rules = _stored_rules(pricing.attributes, terms)
    return [
        OrderLine(
            value=amount(line.record.attributes.get("value")),
            quantity=amount(line.record.attributes.get("quantity")),
            unit_code=line.record.attributes.get("productUnitCode") or "",
            product=line.record.relations.get("product"),
            tax=next(rules),
            components=components(session, line),
        )
        for line in lines
    ]


def _stored_rules(pricing: Mapping[str, Any], terms: ShopTerms) -> Iterator[TaxRule | None]:
    """Yield the tax of each line: the one it was taxed with, then that of the shop's terms."""
    for row in pricing.get("subtotals", ()):
        if row["label"] == "Subtotal Tax" and isinstance(row["data"], dict):
            for item in row["data"].get("items", ()):
                taxes = item.get("taxes") if isinstance(item, dict) else None
                yield TaxRule(taxes[0]["tax"], amount(taxes[0]["rate"])) if taxes else None
    while True:
        yield terms.line_tax


def _discount(attributes: Mapping[str, Any]) -> ManualDiscount:
    description = attributes.get("description") or ""
    if attributes.get("orderDiscountType") == _BY_PERCENT:
        return ManualDiscount(description=description, fraction=amount(attributes.get("percent")))
    return ManualDiscount(description=description, amount=amount(attributes.get("amount")))
