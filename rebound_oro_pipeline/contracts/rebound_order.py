"""Orders as ReBound is told of them: the payload of an offer, written under the names of the mapping."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from rebound_oro_pipeline.contracts.rebound_mapping import OrderItemNames, ReboundMapping

LONGEST_TEXT: Final = 255
"""Characters of a text field of ReBound's legacy API."""

Key = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]


class OfferedItem(BaseModel):
    """What may come back of a SKU; quantity in the unit of the order line, price per unit, before discounts."""

    model_config = ConfigDict(frozen=True)

    sku: Key
    description: str | None = None
    unit_code: str | None = None
    quantity: Annotated[Decimal, Field(ge=0)]
    price: Decimal | None = None
    non_returnable: bool
    days_for_return: int


class Offer(BaseModel):
    """A version of what ReBound is to know of an order; a withdrawn one leaves nothing of its items."""

    model_config = ConfigDict(frozen=True)

    order_id: str
    version: int
    order_reference: Key
    order_date: date
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    state: Literal["offered", "withdrawn"]
    items: tuple[OfferedItem, ...]


def order_document(offer: Offer, mapping: ReboundMapping) -> dict[str, Any]:
    """Return the order as the legacy call takes it: every value a text, whatever ReBound held before overwritten."""
    names = mapping.order
    leaves_items_out = offer.state == "withdrawn" and mapping.withdrawal == "no_items"
    return {
        names.order_reference: offer.order_reference,
        names.order_date: f"{offer.order_date:%Y/%m/%d}",
        names.currency: offer.currency,
        names.overwrite: "TRUE",
        names.items: [] if leaves_items_out else [_item(item, mapping.order_item) for item in offer.items],
    }


def _item(item: OfferedItem, names: OrderItemNames) -> Mapping[str, str]:
    told = {
        names.sku: item.sku,
        names.description: item.description and item.description[:LONGEST_TEXT],
        names.quantity: format(item.quantity, "f"),
        names.unit_code: item.unit_code,
        names.price: None if item.price is None else format(item.price, "f"),
        names.non_returnable: "TRUE" if item.non_returnable else "FALSE",
        names.days_for_return: str(item.days_for_return),
    }
    return {name: value for name, value in told.items() if name is not None and value is not None}
