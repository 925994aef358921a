"""Orders, products and returns written by hand, in few words."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from rebound_oro_pipeline_tests.rules.deciding import Window
from rebound_oro_pipeline_tests.rules.price import Row, Sale, order_document


def sold(number: int, *rows: Row, identifier: str | None = None, **more: Any) -> dict[str, Any]:
    """Return the document of order `number`, `SO-{number}` unless it is called otherwise, without subtotals."""
    amounts = {
        name: Decimal(value) if isinstance(value, str) and name in _AMOUNTS else value
        for name, value in more.items()
    }
    return order_document(
        Sale(
            **{
                "id": str(number),
                "identifier": identifier or f"SO-{number}",
                "rows": rows,
                "with_subtotals": False,
            }
            | amounts
        )
    )


_AMOUNTS = ("order_promotion", "shipping", "shipping_rate", "total_off_by")


def row(sku: str | None, quantity: str, price: str, rate: str = "0", **more: Any) -> Row:
    """Return an order line; `rate` is its tax as a fraction."""
    return Row(sku, Decimal(quantity), Decimal(price), Decimal(rate), **more)


def item(sku: str, quantity: str, **more: Any) -> dict[str, Any]:
    """Return a line of a return that may be put back on the shelf."""
    return {
        "sku_code": sku,
        "quantity": quantity,
        "final_disposition": "restock",
        "reason": [{"reason": "unwanted"}],
    } | more


def came_back(
    return_id: str, reference: str, *items: dict[str, Any], on: int | str = 1, status: str = "processed"
) -> dict[str, Any]:
    """Return a return registered on that day of November 2026, or at what `on` says."""
    return {
        "id": return_id,
        "order_reference": reference,
        "date_added": f"2026-11-{on:02d}T10:00:00Z" if isinstance(on, int) else on,
        "current_tracking_status": status,
        "item": list(items),
    }


def product(number: int, sku: str, **units: tuple[int | None, str]) -> dict[str, Any]:
    """Return a product with its units: code to precision and conversion rate."""
    precisions = [
        {
            "type": "productunitprecisions",
            "id": f"{number}{place}",
            "attributes": {"precision": precision, "conversionRate": Decimal(rate), "sell": True},
            "relationships": {"unit": {"data": {"type": "productunits", "id": code}}},
        }
        for place, (code, (precision, rate)) in enumerate(units.items())
    ]
    named = [{"type": each["type"], "id": each["id"]} for each in precisions]
    return {
        "data": {
            "type": "products",
            "id": str(number),
            "attributes": {"sku": sku, "status": "enabled", "productType": "simple"},
            "relationships": {"unitPrecisions": {"data": named}},
        },
        "included": precisions,
    }


def day(number: int) -> Window:
    """Return that day of November 2026."""
    start = datetime(2026, 11, number, tzinfo=UTC)
    return start, start + timedelta(days=1)
