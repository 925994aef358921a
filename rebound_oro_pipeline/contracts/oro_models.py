"""OroCommerce orders, products and stock levels as models: the columns of landing.oro_*.

Fields carry Oro's names as aliases; unknown attributes are tolerated; amounts, texts or numbers, stay exact.
"""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from rebound_oro_pipeline.contracts.fields import (
    Code,
    Currency,
    Key,
    Moment,
    Number,
    Precision,
    RequiredCurrency,
    RequiredKey,
    RequiredNumber,
    RequiredQuantity,
    SmallInt,
    Text,
)


class _FromOro(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


class KitItem(_FromOro):
    """A component of a kit line; quantity and value (unit price) are those of one kit."""

    kit_item_line_id: RequiredKey
    product_id: Key = None
    product_sku: Key = None
    product_name: Text = None
    quantity: RequiredQuantity
    product_unit_code: Key = None
    product_unit_precision: Precision | None = None
    value: RequiredNumber
    sort_order: SmallInt = 0


class OrderLine(_FromOro):
    """A line of an order; `value` is its unit price, `position` its place in lineItems, from 1."""

    order_line_id: RequiredKey
    position: int
    product_id: Key = None
    product_sku: Key = None
    product_name: Text = None
    is_free_form: bool
    quantity: RequiredQuantity
    product_unit_code: Key = None
    value: RequiredNumber
    currency: Currency = None
    row_total_discount_amount: Number = None
    row_total_after_discount_including_tax: Number = None
    row_total_after_discount_excluding_tax: Number = None
    kit_items: tuple[KitItem, ...]


class Subtotal(_FromOro):
    """A subtotal as Oro computed it when asked; `data` is JSON text."""

    position: int
    subtotal_type: RequiredKey = Field(alias="orderSubtotalType")
    label: Text = None
    amount: RequiredNumber
    currency: Currency = None
    data: str | None = None


class OrderDocument(_FromOro):
    """An order with its lines; `document` is the JSON:API document of this order alone, as canonical text.

    `document_hash` leaves the subtotals out: Oro computes them when asked, so that they differ, or are
    missing, while the order is the same. The has_* fields say whether the relation was in the document.
    """

    order_id: RequiredKey
    identifier: Key = None
    po_number: Key = None
    external_id: Key = None
    customer_id: Key = None
    currency: RequiredCurrency
    subtotal_value: RequiredNumber
    total_value: RequiredNumber
    total_discounts_amount: Number = None
    discount: Number = None
    shipping_discount: Number = None
    subtotal_with_discounts: Number = None
    order_discounts_amount: Decimal
    estimated_shipping_cost_amount: Number = None
    overridden_shipping_cost_amount: Number = None
    internal_status: Code = None
    shipping_status: Code = None
    has_internal_status: bool
    has_shipping_status: bool
    has_shipping_trackings: bool
    has_subtotals: bool
    created_at: Moment = None
    updated_at: Moment = None
    lines: tuple[OrderLine, ...]
    subtotals: tuple[Subtotal, ...]
    document: str
    document_hash: bytes


class ProductUnit(_FromOro):
    """A unit of a product: digits after the point, and how many primary units one of it is."""

    unit_code: RequiredKey
    unit_precision: Precision | None = Field(None, alias="precision")
    conversion_rate: Number = None


class ProductDocument(_FromOro):
    """A product with its units; `document` as that of an order."""

    product_id: RequiredKey
    sku: RequiredKey
    product_type: Code = None
    status: Code = None
    inventory_status: Code = None
    updated_at: Moment = None
    units: tuple[ProductUnit, ...]
    document: str
    document_hash: bytes


class LevelDocument(_FromOro):
    """A stock level: the quantity of one product in one of its units; Oro lets it be negative."""

    level_id: RequiredKey
    product_id: Key = None
    sku: Key = None
    unit_code: Key = None
    quantity: RequiredNumber
