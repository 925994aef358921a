"""What a seed gives the shop: customers, products and orders as plain values, in Oro's own field names.

`attributes` hold what the JSON:API shows: money as text with four decimals, quantities as numbers, times as
`YYYY-MM-DDTHH:MM:SSZ`. What is left out is shown with Oro's default. Ids are text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rebound_oro_pipeline.sandbox.pricing import ShopSettings, TaxRule

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopTerms:
    """What the shop is set to on a day: for orders that are placed or changed through the API then."""

    settings: ShopSettings = field(default_factory=ShopSettings)
    line_tax: TaxRule | None = None
    """Tax of every line whose stored taxes do not name one."""
    shipping_tax: TaxRule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRecord:
    """One unit that a product is sold or counted in (`productunitprecisions`), with its stock level."""

    code: str
    precision: int = 0
    conversion_rate: float = 1
    sell: bool = True
    quantity: str | None = None
    """Stock in this unit in plain notation; None: no `inventorylevels` row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KitItemRecord:
    """One part of a kit product (`productkititems`) and the products that may fill it."""

    label: str
    products: Sequence[str]
    """Ids of the products that may fill the part."""
    unit: str = "item"
    optional: bool = False
    minimum_quantity: float = 1
    maximum_quantity: float = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRecord:
    """A product; the first unit is the primary one."""

    attributes: Attributes
    """At least `sku`; `productType` is simple by default, kit where `kit_items` are given."""
    units: Sequence[UnitRecord] = (UnitRecord(code="item"),)
    kit_items: Sequence[KitItemRecord] = ()
    inventory_status: str = "in_stock"


@dataclass(frozen=True, slots=True, kw_only=True)
class KitLineRecord:
    """One component of an ordered kit (`orderproductkititemlineitems`); quantity, value: per one kit."""

    attributes: Attributes
    product: str | None = None
    kit_item: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRecord:
    """One line of an order; its unit relation is taken from `productUnitCode`."""

    attributes: Attributes
    product: str | None = None
    kit_items: Sequence[KitLineRecord] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecord:
    """An order with everything that hangs on it."""

    attributes: Attributes
    lines: Sequence[LineRecord]
    customer: str | None = None
    customer_user: str | None = None
    internal_status: str | None = "open"
    shipping_status: str | None = "not_shipped"
    """None as on imported orders and those from before 6.1; not shown by the profiles 5.1 and 6.0."""
    discounts: Sequence[Attributes] = ()
    """Manual discounts (`orderdiscounts`)."""
    trackings: Sequence[Attributes] = ()
    """`ordershippingtrackings`: method, number."""
    subtotals: Sequence[Attributes] = ()
    """`ordersubtotals` in order, as they were computed when the order was placed."""
    pricing: Mapping[str, Any] = field(default_factory=dict)
    """What later changes of the total need, see `totals`."""
