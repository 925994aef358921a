"""The returns portal imitated: a customer registers a return, of what was offered or of anything.

Whether ReBound lets in what was not offered depends on how its front end is set up, so here it is a switch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from rebound_oro_pipeline.sandbox.rebound.records import ItemRecord, ReturnRecord, Step
from rebound_oro_pipeline.sandbox.rebound.store import ReboundStore

_LONGEST_TEXT = 255
_YES = {"TRUE", "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a customer wants to send back."""

    order_reference: str
    items: Sequence[tuple[str, Decimal]]
    status: str = "created"
    disposition: str = "restock"


class NotOffered(ValueError):  # noqa: N818 - what the portal says
    """The portal does not offer this; the message says why."""


def read_wanted(given: Mapping[str, Any]) -> Wanted:
    """Read a return as a customer fills it in; ValueError names what is missing or wrong."""
    items = [(str(item["sku"]), _quantity(item["quantity"], "items.quantity")) for item in given["items"]]
    if not items:
        raise ValueError("items: name at least one")
    return Wanted(
        order_reference=str(given["order_reference"]),
        items=items,
        status=str(given.get("status", "created")),
        disposition=str(given.get("disposition", "restock")),
    )


def register(store: ReboundStore, wanted: Wanted, now: datetime) -> str:
    """Register a return now and give its id; NotOffered where the portal is told to let in offered items only."""
    if store.only_offered:
        _check_offered(store, wanted, now)
    return_id = f"P{store.count_returns() + 1}"
    store.add_returns([_record(return_id, wanted, now)])
    return return_id


def check_items(items: object) -> None:
    """Raise ValueError where the items of a pushed order are not what the call takes."""
    if not isinstance(items, list):
        raise ValueError("order.item must be a list")  # noqa: TRY004 - an error of the caller's words
    for number, item in enumerate(items):
        place = f"order.item[{number}]"
        if not isinstance(item, dict):
            raise ValueError(f"{place} must be an object")  # noqa: TRY004
        sku = str(item.get("sku_code") or "").strip()
        if not 1 <= len(sku) <= _LONGEST_TEXT:
            raise ValueError(f"{place}.sku_code must have 1 to {_LONGEST_TEXT} characters")
        for name in ("quantity", "price"):
            if item.get(name) is not None:
                _quantity(item[name], f"{place}.{name}")


def _check_offered(store: ReboundStore, wanted: Wanted, now: datetime) -> None:
    order = store.pushed_order(wanted.order_reference)
    if order is None:
        raise NotOffered(f"order {wanted.order_reference} is not known")
    for sku, quantity in wanted.items:
        offered = list(_of(sku, order.document.get("item") or ()))
        left = sum((_quantity(item.get("quantity"), "quantity") for item in offered), Decimal(0))
        if not offered:
            raise NotOffered(f"{sku} is not on order {wanted.order_reference}")
        if all(str(item.get("non_returnable", "")).upper() in _YES for item in offered):
            raise NotOffered(f"{sku} of order {wanted.order_reference} cannot be returned")
        if quantity > left:
            raise NotOffered(
                f"{left} of {sku} of order {wanted.order_reference} can be returned, not {quantity}"
            )
        days = max(int(item.get("days_for_return") or 0) for item in offered)
        if days and now.date() > _order_date(str(order.document["order_date"])) + timedelta(days=days):
            raise NotOffered(f"the {days} days for a return of order {wanted.order_reference} are over")


def _of(sku: str, items: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    return (item for item in items if str(item.get("sku_code")).strip().lower() == sku.strip().lower())


def _order_date(text: str) -> date:
    return datetime.strptime(text, "%Y/%m/%d").date()  # noqa: DTZ007 - a day has no zone


def _record(return_id: str, wanted: Wanted, now: datetime) -> ReturnRecord:
    counted = [Step(now, None)] if wanted.status in ("created", "in_network", "at_hub") else []
    return ReturnRecord(
        return_id=return_id,
        registered_at=now,
        fields={
            "display_id": return_id,
            "order_reference": wanted.order_reference,
            "date_added": now.strftime("%Y-%m-%d %H:%M:%S"),
            "carrier": "DPD",
            "tracking": None,
        },
        statuses=[Step(now, wanted.status)],
        items=[
            ItemRecord(
                fields={
                    "sku_code": sku,
                    "quantity": format(quantity, "f"),
                    "reason": [{"reason": "unwanted"}],
                },
                received=counted or [Step(now, format(quantity, "f"))],
                disposition=counted or [Step(now, wanted.disposition)],
            )
            for sku, quantity in wanted.items
        ],
        situation="registered in the portal",
    )


def _quantity(value: object, name: str) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{name} must be a number, not {value!r}") from None
    if not number.is_finite() or number < 0:
        raise ValueError(f"{name} must be 0 or more, not {value!r}")
    return number
