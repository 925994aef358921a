"""The documents as the oracle reads them: plain values by name, nothing decided yet."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any


def key(text: str | None) -> str | None:
    """Return the form in which references, SKUs and codes are compared: trimmed, without regard to case."""
    return (text or "").strip(" \t\r\n\u00a0").lower() or None


def money(value: object) -> Decimal | None:
    """Read a decimal from a JSON string or number; null stays null."""
    return None if value is None else Decimal(str(value))


@dataclass(frozen=True)
class Component:
    """A component of a kit line; quantity and value are those of one kit."""

    id: str
    sku: str | None
    product_id: str | None
    quantity: Decimal
    unit: str | None
    precision: int | None
    value: Decimal
    sort_order: int


@dataclass(frozen=True)
class Line:
    """A line of an order."""

    id: str
    sku: str | None
    product_id: str | None
    free_form: bool
    quantity: Decimal
    unit: str | None
    value: Decimal
    currency: str | None
    promotion: Decimal | None
    including_tax: Decimal | None
    excluding_tax: Decimal | None
    tax_by_subtotals: Decimal | None
    components: tuple[Component, ...]

    @property
    def worth(self) -> Fraction:
        """What the line is worth after its own promotion, unrounded."""
        return Fraction(self.quantity) * Fraction(self.value) - Fraction(self.promotion or 0)

    @property
    def shown_tax(self) -> Decimal:
        """What the row totals differ by."""
        return (self.including_tax or Decimal(0)) - (self.excluding_tax or Decimal(0))

    @property
    def tax(self) -> Decimal | None:
        """The line's tax; None where its total without tax is cut off at 0, or missing, and nothing else tells."""
        if self.excluding_tax or self.worth <= 0:
            return self.shown_tax
        return self.tax_by_subtotals if self.promotion else None


@dataclass(frozen=True)
class Order:
    """An order with what its amounts and its gate need; shipping_tax is None without subtotals."""

    id: str
    identifier: str | None
    po_number: str | None
    external_id: str | None
    customer_id: str | None
    currency: str
    subtotal: Decimal
    total: Decimal
    manual: Decimal | None
    discount: Decimal | None
    shipping_discount: Decimal | None
    with_discounts: Decimal | None
    discount_amounts: Decimal
    estimated_shipping: Decimal | None
    overridden_shipping: Decimal | None
    shipping_tax: Decimal | None
    internal_status: str | None
    shipping_status: str | None
    has_internal_status: bool
    has_shipping_status: bool
    has_trackings: bool
    lines: tuple[Line, ...] = field(default=())


def read_orders(document: Mapping[str, Any]) -> list[Order]:
    """Read every order of one JSON:API document."""
    included = {(entry["type"], entry["id"]): entry for entry in document.get("included") or []}
    data = document["data"]
    return [_order(entry, included) for entry in (data if isinstance(data, list) else [data])]


def _related(entry: Mapping[str, Any], name: str) -> Any:
    return (entry.get("relationships") or {}).get(name, {}).get("data")


def _related_id(entry: Mapping[str, Any], name: str) -> str | None:
    data = _related(entry, name)
    return data["id"] if data else None


def _follow(entry: Mapping[str, Any], name: str, included: Mapping[tuple[str, str], Any]) -> list[Any]:
    identifiers = _related(entry, name) or []
    return [
        included[each["type"], each["id"]] for each in identifiers if (each["type"], each["id"]) in included
    ]


def _order(entry: Mapping[str, Any], included: Mapping[tuple[str, str], Any]) -> Order:
    values = entry["attributes"]
    subtotals = _follow(entry, "orderSubtotals", included)
    shipping_taxes = [
        money(each["attributes"]["amount"]) or Decimal(0)
        for each in subtotals
        if each["attributes"]["orderSubtotalType"] == "tax" and each["attributes"]["label"] == "Shipping Tax"
    ]
    relationships = entry.get("relationships") or {}
    lines = _follow(entry, "lineItems", included)
    return Order(
        id=entry["id"],
        identifier=values.get("identifier"),
        po_number=values.get("poNumber"),
        external_id=values.get("externalId"),
        customer_id=_related_id(entry, "customer"),
        currency=values["currency"],
        subtotal=Decimal(str(values["subtotalValue"])),
        total=Decimal(str(values["totalValue"])),
        manual=money(values.get("totalDiscountsAmount")),
        discount=money(values.get("discount")),
        shipping_discount=money(values.get("shippingDiscount")),
        with_discounts=money(values.get("subtotalWithDiscounts")),
        discount_amounts=sum(
            (
                money(each["attributes"]["amount"]) or Decimal(0)
                for each in _follow(entry, "discounts", included)
            ),
            Decimal(0),
        ),
        estimated_shipping=money(values.get("estimatedShippingCostAmount")),
        overridden_shipping=money(values.get("overriddenShippingCostAmount")),
        shipping_tax=sum(shipping_taxes, Decimal(0)) if subtotals else None,
        internal_status=_related_id(entry, "internalStatus"),
        shipping_status=_related_id(entry, "shippingStatus"),
        has_internal_status="internalStatus" in relationships,
        has_shipping_status="shippingStatus" in relationships,
        has_trackings=bool(_related(entry, "shippingTrackings")),
        lines=tuple(
            _line(each, included, tax)
            for each, tax in zip(lines, _taxes_by_subtotals(subtotals, len(lines)), strict=True)
        ),
    )


def _taxes_by_subtotals(subtotals: Iterable[Any], lines: int) -> list[Decimal | None]:
    """Return what the subtotals say of the tax of each line: their items follow the lines, or say nothing."""
    for each in subtotals:
        data = each["attributes"].get("data")
        items = data.get("items") if isinstance(data, dict) else None
        if each["attributes"]["label"] == "Subtotal Tax" and isinstance(items, list) and len(items) == lines:
            rows = [item.get("row") if isinstance(item, dict) else None for item in items]
            return [
                Decimal(row["includingTax"]) - Decimal(row["excludingTax"]) if row else None for row in rows
            ]
    return [None] * lines


def _line(
    entry: Mapping[str, Any], included: Mapping[tuple[str, str], Any], tax_by_subtotals: Decimal | None
) -> Line:
    values = entry["attributes"]
    return Line(
        id=entry["id"],
        sku=values.get("productSku"),
        product_id=_related_id(entry, "product"),
        free_form=values.get("freeFormProduct") is not None,
        quantity=Decimal(str(values["quantity"])),
        unit=values.get("productUnitCode"),
        value=Decimal(str(values["value"])),
        currency=values.get("currency"),
        promotion=money(values.get("rowTotalDiscountAmount")),
        including_tax=money(values.get("rowTotalAfterDiscountIncludingTax")),
        excluding_tax=money(values.get("rowTotalAfterDiscountExcludingTax")),
        tax_by_subtotals=tax_by_subtotals,
        components=tuple(_component(each) for each in _follow(entry, "kitItemLineItems", included)),
    )


def _component(entry: Mapping[str, Any]) -> Component:
    values = entry["attributes"]
    return Component(
        id=entry["id"],
        sku=values.get("productSku"),
        product_id=_related_id(entry, "product"),
        quantity=Decimal(str(values["quantity"])),
        unit=values.get("productUnitCode"),
        precision=values.get("productUnitPrecision"),
        value=Decimal(str(values["value"])),
        sort_order=int(values.get("sortOrder") or 0),
    )


@dataclass(frozen=True)
class Product:
    """A product's units: code → (digits after the point, how many primary units one of it is)."""

    id: str
    sku: str
    units: Mapping[str, tuple[int | None, Decimal | None]]


def read_products(document: Mapping[str, Any]) -> list[Product]:
    """Read every product of one JSON:API document with its unit precisions."""
    included = {(entry["type"], entry["id"]): entry for entry in document.get("included") or []}
    data = document["data"]
    products = []
    for entry in data if isinstance(data, list) else [data]:
        units = {}
        for each in _follow(entry, "unitPrecisions", included):
            unit = _related_id(each, "unit")
            if unit is not None:
                units[unit] = (
                    each["attributes"].get("precision"),
                    money(each["attributes"].get("conversionRate")),
                )
        products.append(Product(entry["id"], entry["attributes"]["sku"], units))
    return products


@dataclass(frozen=True)
class ReturnLine:
    """A line of a return as ReBound said it; `fault` tells why it cannot be read."""

    key: str
    explicit_key: bool
    sku: str | None
    announced: Decimal | None
    received: Decimal | None
    unit: str | None
    currency: str | None
    disposition: str | None
    reason: str | None
    fault: str | None

    @property
    def units(self) -> Decimal:
        """What came back: received, or all that was announced where ReBound does not say."""
        return self.received if self.received is not None else (self.announced or Decimal(0))


@dataclass(frozen=True)
class Return:
    """A return document; `fault` in its header takes every line."""

    id: str | None
    order_reference: str | None
    registered_at: datetime | None
    status: str | None
    lines: tuple[ReturnLine, ...]
    fault: str | None


def _text(value: object) -> str | None:
    text = "" if value is None else str(value).strip(" \t\r\n\u00a0")
    return text or None


UNREADABLE = "unreadable"


def _readable(value: object) -> Decimal | str | None:
    text = _text(value)
    try:
        quantity = None if text is None else Decimal(text)
    except InvalidOperation:
        return UNREADABLE
    return UNREADABLE if quantity is not None and (not quantity.is_finite() or quantity < 0) else quantity


def read_return(document: Mapping[str, Any]) -> Return:
    """Read one ReBound return in the shape of the default mapping."""
    return_id, fault = _text(document.get("id")), None
    registered_at = None
    if return_id is None:
        fault = "id is missing"
    try:
        registered_at = datetime.fromisoformat(str(document.get("date_added") or "").replace("/", "-"))
        if registered_at.tzinfo is None:
            registered_at = registered_at.replace(tzinfo=UTC)
    except ValueError:
        fault = "date_added is not a date"
    seen: dict[str, int] = {}
    lines = tuple(_return_line(return_id, item, seen) for item in document.get("item") or [])
    return Return(
        return_id,
        _text(document.get("order_reference")),
        registered_at.astimezone(UTC) if registered_at else None,
        _text(document.get("current_tracking_status")),
        lines,
        fault,
    )


def _code(reasons: Any) -> str | None:
    reason = _text(reasons[0].get("reason")) if reasons else None
    return reason.lower() if reason else None


def _return_line(return_id: str | None, item: Mapping[str, Any], seen: dict[str, int]) -> ReturnLine:
    sku, explicit = _text(item.get("sku_code")), _text(item.get("id"))
    alike = key(sku) or ""
    seen[alike] = seen.get(alike, 0) + 1
    fault = None if sku else "sku_code is missing"
    announced, received = _readable(item.get("quantity")), _readable(item.get("quantity_received"))
    if UNREADABLE in (announced, received):
        fault = fault or "quantity is not a number"
    elif announced is None:
        fault = fault or "quantity is missing"
    reasons = item.get("reason") or []
    return ReturnLine(
        key=explicit or f"{return_id}:{sku or ''}:{seen[alike]}",
        explicit_key=explicit is not None,
        sku=sku,
        announced=announced if isinstance(announced, Decimal) else None,
        received=received if isinstance(received, Decimal) else None,
        unit=_text(item.get("unit_code")),
        currency=_text(item.get("currency")),
        disposition=_text(item.get("final_disposition")),
        reason=_code(reasons),
        fault=fault,
    )


def from_json(text: str) -> Any:
    """Parse JSON without ever making a float of an amount."""
    return json.loads(text, parse_float=Decimal)


def all_orders(documents: Iterable[Mapping[str, Any]]) -> list[Order]:
    """Read the orders of several documents; of one id the last counts."""
    latest = {order.id: order for document in documents for order in read_orders(document)}
    return list(latest.values())
