"""What the sandbox must hold in the end, told without our database: by the rules' oracle, from the documents alone.

`expected` reads orders, products and returns as the systems show them and decides them by the oracle; `differences`
looks into the sandbox's own state.
"""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rebound_oro_pipeline_tests.oracle.decide import decide
from rebound_oro_pipeline_tests.sandbox_by_the_oracle import world_of
from rebound_oro_pipeline_tests.sandbox_process import Box

_AMOUNTS = {
    "net_amount": "netAmount",
    "discount_amount": "discountAmount",
    "tax_amount": "taxAmount",
    "shipping_amount": "shippingAmount",
    "shipping_tax_amount": "shippingTaxAmount",
    "fee_amount": "feeAmount",
    "total_amount": "totalAmount",
}
_LINE_AMOUNTS = ("net_amount", "discount_amount", "tax_amount", "total_amount")


@dataclass(frozen=True)
class Expected:
    """Credit notes by number, with their lines as a multiset, and units to be added by SKU and unit."""

    notes: dict[str, dict[str, Any]]
    added: Counter[tuple[str, str]]


def expected(box: Box) -> Expected:
    """Decide everything that the sandbox shows now."""
    outcome = decide(world_of(box))
    lines: dict[str, Counter[tuple[object, ...]]] = {}
    for line in outcome.credit_note_lines:
        row = (line["sku"], Decimal(line["quantity"]), *(Decimal(line[name]) for name in _LINE_AMOUNTS))
        lines.setdefault(line["credit_note_number"], Counter())[row] += 1
    notes = {
        note["credit_note_number"]: {
            "order": note["order_id"],
            "currency": note["currency"],
            "lines": lines[note["credit_note_number"]],
            **{called: Decimal(note[name]) for name, called in _AMOUNTS.items()},
        }
        for note in outcome.credit_notes
        if Decimal(note["total_amount"])
    }
    added: Counter[tuple[str, str]] = Counter()
    for delta in outcome.inventory_deltas:
        if delta["restocks"]:
            added[delta["sku"].lower(), delta["unit_code"]] += Decimal(delta["quantity"])  # type: ignore[assignment]
    return Expected(notes, added)


def differences(box: Box, wanted: Expected) -> list[str]:
    """Return where the sandbox's state differs from what is expected: notes, their lines, levels to the unit."""
    state = box.state("credit_notes", "inventory_levels")
    numbers = Counter(note["creditNoteNumber"] for note in state["credit_notes"])
    found = [f"note {number} {count} times" for number, count in numbers.items() if count > 1]
    keys = Counter(line["returnLineKey"] for note in state["credit_notes"] for line in note["lines"])
    found += [f"line {key} {count} times" for key, count in keys.items() if count > 1]
    found += [f"no note {number}" for number in wanted.notes.keys() - numbers.keys()]
    for note in state["credit_notes"]:
        number = note["creditNoteNumber"]
        held = {
            "order": note["order"],
            "currency": note["currency"],
            "lines": Counter(_line(line) for line in note["lines"]),
            **{called: Decimal(note[called]) for called in _AMOUNTS.values()},
        }
        if held != wanted.notes.get(number):
            found.append(f"note {number}: {held} instead of {wanted.notes.get(number)}")
    for level in state["inventory_levels"]:
        moved = Decimal(level["now"]) - Decimal(level["before"])
        due = wanted.added[level["sku"].lower(), level["unit"]]
        if moved != due:
            found.append(f"level {level['sku']}/{level['unit']} moved by {moved} instead of {due}")
    return found


def _line(line: dict[str, Any]) -> tuple[object, ...]:
    amounts = (Decimal(line[_AMOUNTS[name]]) for name in _LINE_AMOUNTS)
    return (line["sku"], Decimal(str(line["quantity"])), *amounts)
