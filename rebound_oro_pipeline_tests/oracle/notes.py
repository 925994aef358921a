"""Credit notes, their lines and the stock they move, cut from the explained order."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from rebound_oro_pipeline_tests.oracle.books import Books, Claim
from rebound_oro_pipeline_tests.oracle.documents import Return, ReturnLine
from rebound_oro_pipeline_tests.oracle.explain import ZERO, Explained, Item
from rebound_oro_pipeline_tests.oracle.match import Candidate
from rebound_oro_pipeline_tests.oracle.numbers import worth
from rebound_oro_pipeline_tests.oracle.rules import Rules, Seeds


@dataclass(frozen=True)
class Take:
    """What one return line took from one candidate, in the candidate's unit, and the claims behind it."""

    line: ReturnLine
    candidate: Candidate
    quantity: Decimal
    claims: tuple[Claim, ...]


def write_note(
    books: Books,
    order: Explained,
    document: Return,
    takes: Sequence[Take],
    rules: Rules,
    seeds: Seeds,
    *,
    credited_before: Collection[str],
) -> None:
    """Add the note of one return on one order, its lines and its stock movements to the books.

    `credited_before` are the keys of lines of which units were credited earlier.
    """
    earlier = books.notes_of.setdefault(order.order.id, [])
    sequence = 1 + sum(note["return_id"] == document.id for note in earlier)
    number = f"{document.id}-{order.order.identifier}" + (f"-{sequence}" if sequence > 1 else "")
    lines = [_note_line(order, take, number) for take in takes]
    sums = {
        name: sum((line[name] for line in lines), ZERO)
        for name in ("net_amount", "discount_amount", "tax_amount", "total_amount")
    }
    base = _shipping_base(takes, lines, rules, seeds)
    shipping, shipping_tax = _shipping(books, order, takes, base, earlier, rules, seeds)
    gross = sums["total_amount"] + shipping + shipping_tax
    met = set(credited_before)
    fee = ZERO
    for line in lines:
        # A flat amount goes with the first credit of a return line.
        is_first = line["return_line_key"] not in met
        met.add(line["return_line_key"])
        fee += rules.fee(line["reason_code"], line["total_amount"], order.digits, with_flat=is_first)
    if fee > 0:
        fee = min(fee, max(gross, ZERO))
    note = {
        "credit_note_number": number,
        "return_id": document.id,
        "order_id": order.order.id,
        "order_identifier": order.order.identifier,
        "customer_id": order.order.customer_id,
        "currency": order.order.currency,
        "net_amount": sums["net_amount"],
        "discount_amount": sums["discount_amount"],
        "tax_amount": sums["tax_amount"],
        "shipping_amount": shipping,
        "shipping_tax_amount": shipping_tax,
        "fee_amount": fee,
        "total_amount": gross - fee,
        "_shipping_base": base,
    }
    books.credit_notes.append(note)
    earlier.append(note)
    books.credit_note_lines += lines
    books.inventory_deltas += _deltas(takes, number, rules)


def _item_of(order: Explained, claim: Claim) -> Item:
    return next(item for line in order.lines for item in line.items if item.id == claim.item_id)


def _note_line(order: Explained, take: Take, number: str) -> dict[str, Any]:
    amounts = dict.fromkeys(("net", "discount", "tax"), ZERO)
    for claim in take.claims:
        item = _item_of(order, claim)
        for name in amounts:
            amounts[name] += worth(getattr(item, name), claim.start, claim.end, item.quantity, order.digits)
    thing = take.candidate.item or take.candidate.line
    return {
        "credit_note_number": number,
        "return_line_key": take.line.key,
        "order_line_id": take.candidate.line.id,
        "sku": thing.sku,
        "quantity": take.quantity,
        "unit_code": thing.unit,
        "net_amount": amounts["net"],
        "discount_amount": amounts["discount"],
        "tax_amount": amounts["tax"],
        "total_amount": amounts["net"] + amounts["tax"],
        "reason_code": take.line.reason,
    }


def _shipping_base(
    takes: Sequence[Take], lines: Sequence[dict[str, Any]], rules: Rules, seeds: Seeds
) -> Decimal:
    """Return the net along which shipping is cut: all of it, that of the reasons which credit shipping, or none."""
    if rules.shipping == "pro_rata":
        return sum((line["net_amount"] for line in lines), ZERO)
    if rules.shipping == "by_reason":
        counted = zip(takes, lines, strict=True)
        return sum((line["net_amount"] for take, line in counted if _credits_shipping(take, seeds)), ZERO)
    return ZERO


def _credits_shipping(take: Take, seeds: Seeds) -> bool:
    return (take.line.reason or "").lower() in seeds.credits_shipping


def _shipping(
    books: Books,
    order: Explained,
    takes: Sequence[Take],
    base: Decimal,
    earlier: Sequence[dict[str, Any]],
    rules: Rules,
    seeds: Seeds,
) -> tuple[Decimal, Decimal]:
    """Return the shipping of a note and its tax; the note that completes the order brings what is left of them."""
    by_reason = rules.shipping == "by_reason"
    if rules.shipping == "never" or (by_reason and not any(_credits_shipping(take, seeds) for take in takes)):
        return ZERO, ZERO
    if books.is_complete(order) and (order.net == 0 or not by_reason):
        return (
            order.shipping - sum((note["shipping_amount"] for note in earlier), ZERO),
            order.shipping_tax - sum((note["shipping_tax_amount"] for note in earlier), ZERO),
        )
    if order.net == 0:
        return ZERO, ZERO
    before = sum((note["_shipping_base"] for note in earlier), ZERO)
    # A line may be worth less than nothing before tax; shipping still never leaves what was paid for it.
    start, end = (
        min(max(Fraction(net) / Fraction(order.net), Fraction(0)), Fraction(1))
        for net in (before, before + base)
    )
    return (
        worth(order.shipping, start, end, 1, order.digits),
        worth(order.shipping_tax, start, end, 1, order.digits),
    )


def _deltas(takes: Sequence[Take], number: str, rules: Rules) -> list[dict[str, Any]]:
    """One row per return line, SKU and unit (free-form units apart); whole kits as their components."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for take in takes:
        items = [take.candidate.item] if take.candidate.item is not None else list(take.candidate.line.items)
        for item, claim in zip(items, take.claims, strict=True):
            disposition = (take.line.disposition or "").lower()
            restocks = disposition in rules.saleable and not item.free_form
            group = (take.line.key, item.sku, item.unit, item.free_form)
            row = rows.setdefault(
                group,
                {
                    "credit_note_number": number,
                    "return_line_key": take.line.key,
                    "sku": item.sku,
                    "unit_code": item.unit,
                    "quantity": ZERO,
                    "disposition": disposition,
                    "restocks": restocks,
                },
            )
            row["quantity"] += claim.end - claim.start
    return list(rows.values())
