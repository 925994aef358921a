"""Order documents priced forward, as OroCommerce prices them, so that their figures hang together.

Rows are rounded, promotions taken off, tax worked out per line and once for the total, shipping added; the result is
the JSON:API document that Oro would answer. Facts: rows to two decimals, discount unrounded, row totals less line
promotions (twice, where taxes come after promotions) and never below zero, tax rounded per item or once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

ZERO = Decimal(0)
TYPES = {
    "lineItems": "orderlineitems",
    "kitItemLineItems": "orderproductkititemlineitems",
    "discounts": "orderdiscounts",
    "orderSubtotals": "ordersubtotals",
    "shippingTrackings": "ordershippingtrackings",
}


@dataclass(frozen=True)
class Part:
    """A component of a kit, per one kit."""

    sku: str | None
    quantity: Decimal
    value: Decimal
    unit: str = "item"
    precision: int | None = 0
    product_id: str | None = None
    sort_order: int = 0


@dataclass(frozen=True)
class Row:
    """A line to be priced: tax rate as a fraction, promotion as the amount off the whole line."""

    sku: str | None
    quantity: Decimal
    value: Decimal
    rate: Decimal = ZERO
    promotion: Decimal = ZERO
    unit: str | None = "item"
    product_id: str | None = None
    free_form: bool = False
    parts: tuple[Part, ...] = ()
    currency: str | None = None


@dataclass(frozen=True)
class Sale:
    """An order to be priced; manual discounts are (percent as a fraction, amount), one of them None."""

    id: str
    identifier: str | None
    rows: tuple[Row, ...]
    currency: str = "USD"
    digits: int = 2
    po_number: str | None = None
    external_id: str | None = None
    includes_tax: bool = False
    after_promotions: bool = False
    from_unit: bool = True
    round_items: bool = False
    order_promotion: Decimal = ZERO
    manual: tuple[tuple[Decimal | None, Decimal | None], ...] = ()
    shipping: Decimal | None = None
    is_overridden: bool = False
    shipping_discount: Decimal = ZERO
    shipping_rate: Decimal = ZERO
    shipping_includes_tax: bool = False
    taxed: bool = True
    version: str = "6.1"
    with_subtotals: bool = True
    with_tax_items: bool = True
    with_row_totals: bool = True
    internal_status: str | None = "open"
    shipping_status: str | None = "shipped"
    trackings: int = 0
    customer_id: str | None = "1"
    total_off_by: Decimal = ZERO
    stale_promotion: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Taxes:
    """What taxation makes of an order: rows stored and row totals shown, the goods' and shipping's tax, that on top."""

    rows: list[tuple[Decimal, Decimal]]
    totals: list[tuple[Decimal, Decimal]]
    goods: Decimal
    shipping: Decimal
    on_top: Decimal


def rounding(value: Decimal, digits: int) -> Decimal:
    """Round half away from zero."""
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def order_document(sale: Sale) -> dict[str, Any]:
    """Price an order and write it as one JSON:API document with its included resources."""
    digits = sale.digits
    rows = [rounding(row.quantity * row.value, digits) for row in sale.rows]
    subtotal = sum(rows, ZERO)
    promotions = sum((row.promotion for row in sale.rows), ZERO) + sale.order_promotion
    manual = [
        rounding(subtotal * percent, digits) if percent is not None else rounding(amount or ZERO, digits)
        for percent, amount in sale.manual
    ]
    shipping = rounding(sale.shipping or ZERO, digits)
    shipping_discount = rounding(min(sale.shipping_discount, shipping), digits)
    taxes = _taxes(sale, rows, shipping)
    total = subtotal - sum(manual, ZERO) - rounding(promotions, digits) + shipping - shipping_discount
    total += taxes.on_top + sale.total_off_by
    attributes: dict[str, Any] = {
        "identifier": sale.identifier,
        "poNumber": sale.po_number,
        "currency": sale.currency,
        "subtotalValue": shown(subtotal),
        "totalValue": shown(total),
        "totalDiscountsAmount": shown(sum(manual, ZERO)) if manual else None,
        "estimatedShippingCostAmount": None if sale.is_overridden else shown(sale.shipping),
        "overriddenShippingCostAmount": shown(sale.shipping) if sale.is_overridden else None,
        "createdAt": "2026-10-01T08:00:00Z",
        "updatedAt": "2026-10-01T08:00:00Z",
    }
    if sale.version != "6.0":
        attributes["externalId"] = sale.external_id
    if sale.with_row_totals:
        amounts_off = sum(
            (amount for (percent, _), amount in zip(sale.manual, manual, strict=True) if percent is None),
            ZERO,
        )
        attributes |= {
            "discount": ZERO if sale.stale_promotion else promotions,
            "shippingDiscount": shipping_discount,
            "subtotalWithDiscounts": shown(subtotal - rounding(promotions, digits) - amounts_off),
        }
    writer = _Writer(sale)
    relationships = writer.relationships(taxes, rows, manual, shipping)
    return {
        "data": {
            "type": "orders",
            "id": sale.id,
            "attributes": attributes | sale.extra,
            "relationships": relationships,
        },
        "included": writer.included,
    }


def shown(amount: Decimal | None) -> str | None:
    """Write an amount as Oro does: a string with four decimals (more where it has more)."""
    if amount is None:
        return None
    exponent = amount.normalize().as_tuple().exponent
    return format(amount.quantize(Decimal(1).scaleb(min(-4, int(exponent)))), "f")


def _taxes(sale: Sale, rows: Sequence[Decimal], shipping: Decimal) -> _Taxes:
    if not sale.taxed:
        return _Taxes([], [(ZERO, ZERO)] * len(rows), ZERO, ZERO, ZERO)
    digits = sale.digits
    exact, stored, totals = [], [], []
    subtotal = sum(rows, ZERO)
    for row, amount in zip(sale.rows, rows, strict=True):
        base = row.quantity * row.value if sale.from_unit else amount
        if sale.after_promotions:
            share = sale.order_promotion * amount / subtotal if subtotal else ZERO
            base = max(ZERO, base - row.promotion - share)
        tax = base * row.rate / (1 + row.rate) if sale.includes_tax else base * row.rate
        excluding = rounding(base - tax if sale.includes_tax else base, digits)
        including = excluding + rounding(tax, digits)
        exact.append(rounding(tax, digits) if sale.round_items else tax)
        stored.append((including, excluding))
        totals.append(
            (
                max(ZERO, including - rounding(row.promotion, digits)),
                max(ZERO, excluding - rounding(row.promotion, digits)),
            )
        )
    goods = sum(exact, ZERO)
    rate = sale.shipping_rate
    shipping_tax = shipping * rate / (1 + rate) if sale.shipping_includes_tax else shipping * rate
    charged = (ZERO if sale.includes_tax else goods) + (ZERO if sale.shipping_includes_tax else shipping_tax)
    return _Taxes(
        stored, totals, rounding(goods, digits), rounding(shipping_tax, digits), rounding(charged, digits)
    )


class _Writer:
    """Writes the resources of one order and the relationships that lead to them."""

    def __init__(self, sale: Sale) -> None:
        self.sale = sale
        self.included: list[dict[str, Any]] = []

    def relationships(
        self, taxes: _Taxes, rows: Sequence[Decimal], manual: Sequence[Decimal], shipping: Decimal
    ) -> dict[str, Any]:
        """Return the order's relationships; what was not asked for, or does not exist in its version, is left out."""
        sale = self.sale
        lines = [self._line(number, row, taxes.totals[number]) for number, row in enumerate(sale.rows)]
        related = {
            "lineItems": {"data": lines},
            "discounts": {
                "data": [
                    self._add(
                        "discounts",
                        f"{sale.id}{number}",
                        percent=percent,
                        amount=shown(ZERO if percent is not None else amount),
                    )
                    for number, ((percent, _), amount) in enumerate(zip(sale.manual, manual, strict=True))
                ]
            },
            "customer": _one("customers", sale.customer_id),
            "shippingTrackings": {
                "data": [
                    self._add(
                        "shippingTrackings",
                        f"{sale.id}{number}",
                        method="parcel",
                        number=f"T{sale.id}{number}",
                    )
                    for number in range(sale.trackings)
                ]
            },
        }
        if sale.version != "5.1":
            related["internalStatus"] = _one("orderinternalstatuses", sale.internal_status)
        if sale.version == "6.1":
            related["shippingStatus"] = _one("ordershippingstatuses", sale.shipping_status)
            if sale.with_subtotals:
                related["orderSubtotals"] = {"data": self._subtotals(taxes, rows, shipping)}
        return related

    def _add(self, relation: str, identifier: str, /, **attributes: Any) -> dict[str, str]:
        entry = {"type": TYPES[relation], "id": identifier}
        self.included.append(entry | {"attributes": attributes})
        return entry

    def _line(self, number: int, row: Row, totals: tuple[Decimal, Decimal]) -> dict[str, str]:
        sale = self.sale
        line_id = f"{sale.id}{number:02d}"
        attributes: dict[str, Any] = {
            "productSku": row.sku,
            "productName": f"Product {row.sku}",
            "freeFormProduct": f"Product {row.sku}" if row.free_form else None,
            "quantity": row.quantity,
            "productUnitCode": row.unit,
            "value": shown(row.value),
            "currency": row.currency or sale.currency,
        }
        if sale.with_row_totals:
            attributes |= {
                "rowTotalDiscountAmount": shown(rounding(row.promotion, sale.digits)),
                "rowTotalAfterDiscountIncludingTax": shown(totals[0]),
                "rowTotalAfterDiscountExcludingTax": shown(totals[1]),
            }
        entry = self._add("lineItems", line_id, **attributes)
        parts = []
        for place, part in enumerate(row.parts):
            added = self._add(
                "kitItemLineItems",
                f"{line_id}{place}",
                productSku=part.sku,
                productName=f"Product {part.sku}",
                quantity=part.quantity,
                productUnitCode=part.unit,
                productUnitPrecision=part.precision,
                sortOrder=part.sort_order,
                value=shown(part.value),
                currency=sale.currency,
            )
            self.included[-1]["relationships"] = {"product": _one("products", part.product_id)}
            parts.append(added)
        line = next(
            each for each in self.included if each["type"] == "orderlineitems" and each["id"] == line_id
        )
        line["relationships"] = {
            "product": _one("products", None if row.free_form else row.product_id),
            "kitItemLineItems": {"data": parts},
        }
        return entry

    def _subtotals(self, taxes: _Taxes, rows: Sequence[Decimal], shipping: Decimal) -> list[dict[str, str]]:
        amounts = [
            ("subtotal", "Subtotal", sum(rows, ZERO)),
            ("shipping_cost", "Shipping", shipping),
            ("tax", "Subtotal Tax", taxes.goods),
            ("tax", "Shipping Tax", taxes.shipping),
            ("tax", "Tax", taxes.goods + taxes.shipping),
        ]
        items = [
            {"row": {"includingTax": f"{including:f}", "excludingTax": f"{excluding:f}"}, "taxes": []}
            for including, excluding in taxes.rows
        ]
        return [
            self._add(
                "orderSubtotals",
                f"{self.sale.id}-{kind}-{number}",
                orderSubtotalType=kind,
                label=label,
                amount=shown(amount),
                signedAmount=shown(amount),
                currency=self.sale.currency,
                visible=True,
                data={"items": items}
                if label == "Subtotal Tax" and items and self.sale.with_tax_items
                else [],
            )
            for number, (kind, label, amount) in enumerate(amounts)
        ]


def _one(kind: str, identifier: str | None) -> dict[str, Any]:
    return {"data": None if identifier is None else {"type": kind, "id": identifier}}
