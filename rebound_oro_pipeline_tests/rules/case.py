"""A figure of another system's public test suite or bug report, restated as an order of ours with its returns.

The order is priced forward with the figures that the source names; what the source does not name is chosen and said so
in the note. `expected` holds sums over all notes of the case; `notes` the totals note by note, `lines` the totals of
note lines by SKU.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rebound_oro_pipeline_tests.rules.price import Part, Row, Sale

NO_SHIPPING: Mapping[str, Any] = {"credit": {"shipping": "never"}}
ALL_BACK = "all"

Item = tuple[str, str] | tuple[str, str, Mapping[str, Any]]


@dataclass(frozen=True)
class Case:
    """An order, its returns (lists of SKU and quantity), and what must come out; `note` says what was restated."""

    id: str
    source: str
    sale: Mapping[str, Any]
    returns: Sequence[Sequence[Item]] | str
    expected: Mapping[str, Any]
    note: str = ""
    policy: Mapping[str, Any] = field(default_factory=dict)

    def order(self, number: int) -> Sale:
        """Return the order to be priced."""
        return Sale(id=str(number), identifier=f"CASE-{self.id}", **self.sale)

    def documents(self, number: int) -> list[dict[str, Any]]:
        """Return the ReBound documents, a minute apart."""
        rows = self.order(number).rows
        whole: Sequence[Sequence[Item]] = [[(row.sku or "", str(row.quantity)) for row in rows]]
        return [
            {
                "id": f"R{number}x{place}",
                "order_reference": f"case-{self.id}",
                "date_added": f"2026-11-01T10:{place:02d}:00Z",
                "current_tracking_status": "processed",
                "item": [_item(*each) for each in items],
            }
            for place, items in enumerate(whole if isinstance(self.returns, str) else self.returns)
        ]


_AMOUNTS = ("shipping", "shipping_discount", "shipping_rate", "order_promotion", "total_off_by")


def _item(sku: str, quantity: str, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "sku_code": sku,
        "quantity": quantity,
        "final_disposition": "restock",
        "reason": [{"reason": "unwanted"}],
    } | dict(more or {})


def row(
    sku: str, quantity: str, price: str, rate: str = "0", off: str = "0", parts: Sequence[Part] = ()
) -> Row:
    """Return a line to be priced; `rate` is its tax rate as a fraction, `off` the promotion on the whole line."""
    return Row(sku, Decimal(quantity), Decimal(price), Decimal(rate), Decimal(off), parts=tuple(parts))


def sale(*rows: Row, **more: Any) -> dict[str, Any]:
    """Return what makes a Sale, amounts given as texts."""
    texts = {
        name: Decimal(value) if isinstance(value, str) and name in _AMOUNTS else value
        for name, value in more.items()
    }
    return {"rows": rows} | texts


def manual(amount: str) -> tuple[tuple[None, Decimal], ...]:
    """Return one manual discount by amount."""
    return ((None, Decimal(amount)),)


def rate(tax: str, base: str) -> Decimal:
    """Return the rate that makes this tax of this amount."""
    return Decimal(tax) / Decimal(base)
