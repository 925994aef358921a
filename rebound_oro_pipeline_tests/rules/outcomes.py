"""Outcomes of decisions, made comparable: the same rows in the same form, whoever decided."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Rows = list[dict[str, Any]]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "credit_notes": (
        "credit_note_number", "return_id", "order_id", "order_identifier", "customer_id", "currency", "net_amount",
        "discount_amount", "tax_amount", "shipping_amount", "shipping_tax_amount", "fee_amount", "total_amount",
    ),
    "credit_note_lines": (
        "credit_note_number", "return_line_key", "order_line_id", "sku", "quantity", "unit_code", "net_amount",
        "discount_amount", "tax_amount", "total_amount", "reason_code",
    ),
    "inventory_deltas": (
        "credit_note_number", "return_line_key", "sku", "unit_code", "quantity", "disposition", "restocks",
    ),
    "quarantine": ("return_id", "return_line_key", "reason", "quantity"),
    "held": ("return_id", "return_line_key", "order_reference", "reason", "quantity"),
}  # fmt: skip
"""What is compared: everything that people outside see but free text (detail) and the clock (next_check_at)."""


@dataclass(frozen=True)
class Tables:
    """The open state after one or more decisions, one list of rows per output of `replay`."""

    credit_notes: Rows
    credit_note_lines: Rows
    inventory_deltas: Rows
    quarantine: Rows
    held: Rows

    def rows(self, name: str) -> list[tuple[Any, ...]]:
        """Return the comparable rows of one output, sorted; numbers without trailing zeros."""
        return sorted(
            (tuple(_plain(row.get(column)) for column in COLUMNS[name]) for row in getattr(self, name)),
            key=repr,
        )

    def only(self, prefix: str) -> "Tables":
        """Return the rows that belong to the returns whose id begins so."""

        def belongs(row: Mapping[str, Any]) -> bool:
            return str(row.get("return_id") or row.get("credit_note_number")).startswith(prefix)

        return Tables(**{name: [row for row in getattr(self, name) if belongs(row)] for name in COLUMNS})

    def sums(self, order_id: str | None = None) -> dict[str, Decimal]:
        """Return the notes' amounts added up, of all orders or of one."""
        notes = [note for note in self.credit_notes if order_id in (None, note["order_id"])]
        names = [name for name in COLUMNS["credit_notes"] if name.endswith("_amount")]
        return {name: sum((note[name] for note in notes), Decimal(0)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        # Only quantities converted from another unit can have more digits: a third of a box.
        value = round(value, 4)
        return format(value.normalize(), "f") if value else "0"
    return value


def differences(expected: Tables, found: Tables) -> dict[str, tuple[list[Any], list[Any]]]:
    """Return per output the rows that only one side has: (expected only, found only)."""
    result = {}
    for name in COLUMNS:
        ours, theirs = expected.rows(name), found.rows(name)
        if ours != theirs:
            result[name] = (_without(ours, theirs), _without(theirs, ours))
    return result


def _without(rows: Sequence[Any], others: Iterable[Any]) -> list[Any]:
    left = list(rows)
    for other in others:
        if other in left:
            left.remove(other)
    return left


def by_order_line(tables: Tables) -> dict[tuple[str, ...], tuple[Decimal, ...]]:
    """Return amounts (net, discount, tax) per order line, and units per order, SKU and unit, on whichever note."""
    totals: dict[tuple[str, ...], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 3)
    order_of = {note["credit_note_number"]: note["order_id"] for note in tables.credit_notes}
    for line in tables.credit_note_lines:
        found = totals[order_of[line["credit_note_number"]], line["order_line_id"]]
        for place, name in enumerate(("net_amount", "discount_amount", "tax_amount")):
            found[place] += line[name]
    for delta in tables.inventory_deltas:
        order_id = order_of[delta["credit_note_number"]]
        totals[order_id, delta["sku"] or "", delta["unit_code"] or ""][0] += delta["quantity"]
    return {name: tuple(values) for name, values in totals.items()}
