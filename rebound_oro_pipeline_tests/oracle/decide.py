"""One decision: every return line of the window to its one place, and the notes that follow.

Everything here is written from the prose of the rules; it shares nothing with the SQL models.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from rebound_oro_pipeline_tests.oracle.books import Books, Claim
from rebound_oro_pipeline_tests.oracle.documents import (
    Order,
    Return,
    ReturnLine,
    all_orders,
    key,
    read_products,
    read_return,
)
from rebound_oro_pipeline_tests.oracle.explain import ZERO, Explained, explain
from rebound_oro_pipeline_tests.oracle.match import (
    Candidate,
    Catalogue,
    References,
    candidates,
    find_order,
    fits,
    floored,
    precision_of,
    references,
)
from rebound_oro_pipeline_tests.oracle.notes import Take, write_note
from rebound_oro_pipeline_tests.oracle.numbers import by_id, rounded
from rebound_oro_pipeline_tests.oracle.rules import Rules, Seeds
from rebound_oro_pipeline_tests.oracle.standing import standing

NEGLIGIBLE = Fraction(1, 100_000)
"""Returned units that are none, where they are converted or the unit's digits are not known."""
GIVEN_UP_AFTER = timedelta(days=14)
FIRST_CHECK = timedelta(minutes=15)


@dataclass(frozen=True)
class World:
    """What a decision may look at."""

    references: References
    returns: Sequence[Return]
    products: Catalogue
    aliases: Mapping[str, Sequence[str]]
    rules: Rules
    seeds: Seeds
    explained: dict[str, Explained | str] = field(default_factory=dict)

    def explain(self, order: Order) -> Explained | str:
        """Explain an order once."""
        if order.id not in self.explained:
            digits = self.seeds.digits.get(order.currency)
            self.explained[order.id] = explain(order, digits, self.rules.max_rate, self.rules.without_rows)
        return self.explained[order.id]


@dataclass(frozen=True)
class Outcome:
    """What `replay` writes, as plain rows."""

    credit_notes: list[dict[str, Any]]
    credit_note_lines: list[dict[str, Any]]
    inventory_deltas: list[dict[str, Any]]
    quarantine: list[dict[str, Any]]
    held: list[dict[str, Any]]
    summary: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """Where a line goes that claims nothing: waiting, withdrawn, nowhere, quarantine or held."""

    place: str
    reason: str = ""
    detail: str = ""
    quantity: Decimal | None = None


def world(
    orders: Iterable[Mapping[str, Any]],
    returns: Iterable[Mapping[str, Any]],
    products: Iterable[Mapping[str, Any]],
    aliases: Iterable[tuple[str, str]],
    policy: Mapping[str, Any],
    seeds: Seeds,
) -> World:
    """Read the documents; aliases are pairs (code as it comes back, SKU on the order)."""
    meant: dict[str, list[str]] = {}
    for alias, sku in aliases:
        meant.setdefault(key(alias) or "", []).append(sku)
    latest = {
        each.id or f"#{number}": each
        for number, each in enumerate(read_return(document) for document in returns)
    }
    return World(
        references(all_orders(orders)),
        list(latest.values()),
        Catalogue.of([product for document in products for product in read_products(document)]),
        meant,
        Rules.of(policy),
        seeds,
    )


def decide(
    seen: World,
    books: Books | None = None,
    *,
    window: tuple[datetime, datetime] | None = None,
    decided_at: datetime = datetime(2026, 12, 1, tzinfo=UTC),
) -> Outcome:
    """Decide the returns registered in the window [start, end), or all; adds to the books."""
    books = books if books is not None else Books()
    in_time = [
        each
        for each in seen.returns
        if window is None or (each.registered_at is not None and window[0] <= each.registered_at < window[1])
    ]
    long_ago = datetime.min.replace(tzinfo=UTC)
    for each in sorted(in_time, key=lambda each: (each.registered_at or long_ago, by_id(each.id or ""))):
        _decide_return(seen, books, each, decided_at)
    quarantine = [row for rows in books.quarantine_of.values() for row in rows]
    held = [row for rows in books.held_of.values() for row in rows]
    return Outcome(books.credit_notes, books.credit_note_lines, books.inventory_deltas, quarantine, held)


def _decide_return(seen: World, books: Books, document: Return, decided_at: datetime) -> None:
    name = document.id or ""
    quarantine: list[dict[str, Any]] = []
    held: list[dict[str, Any]] = []
    books.quarantine_of[name], books.held_of[name] = quarantine, held
    if document.fault is not None:
        quarantine.append(_row(document, None, "malformed_document", None, document.fault))
        return
    takes: list[Take] = []
    order: Explained | None = None
    is_withdrawn = (document.status or "").lower() in seen.seeds.withdrawn
    stands = standing(
        books, document, seen.references, seen.aliases, seen.products, is_withdrawn=is_withdrawn
    )
    for held_key in books.held_since.keys() - {(name, line.key) for line in stands.lines}:
        if held_key[0] == name:
            del books.held_since[held_key]
    for line_key, gone in stands.gone:
        _add(quarantine, _row(document, line_key, "received_quantity_decreased", gone, "the line is gone"))
    listed = zip(_repeated(stands.lines), stands.credited, strict=True)
    for (line, is_repeated), credited in sorted(listed, key=lambda each: each[0][0].key):
        verdict, matched, chosen = _place(seen, books, document, line, credited, is_repeated=is_repeated)
        rest = line.units - credited
        if verdict is None and matched is not None:
            order = matched
            taken, rest = _claim(books, matched, document, line, chosen, rest, seen.products)
            takes += taken
            detail = "more than is left on the order"
            verdict = Verdict("quarantine", "over_return", detail, rest) if rest > 0 else Verdict("nowhere")
        if verdict is not None:
            if not is_repeated and line.fault is None:
                verdict = _patience(books, document, line, verdict, decided_at)
            _record(document, line, verdict, rest, decided_at, quarantine, held)
    if order is not None and takes:
        books.kept.setdefault(order.order.id, order)
        known = {line.key for line, units in zip(stands.lines, stands.credited, strict=True) if units > 0}
        write_note(books, order, document, takes, seen.rules, seen.seeds, credited_before=known)


def _record(
    document: Return,
    line: ReturnLine,
    verdict: Verdict,
    rest: Decimal,
    decided_at: datetime,
    quarantine: list[dict[str, Any]],
    held: list[dict[str, Any]],
) -> None:
    """Add the row of a line that waits or is quarantined."""
    if verdict.place == "held":
        held.append(_held(document, line, verdict.reason, rest, decided_at))
    elif verdict.place == "quarantine":
        quantity: Decimal | None = rest if verdict.quantity is None else verdict.quantity
        if verdict.reason == "malformed_document" and line.received is line.announced is None:
            quantity = None
        _add(quarantine, _row(document, line.key, verdict.reason, quantity, verdict.detail))


def _repeated(lines: Sequence[ReturnLine]) -> list[tuple[ReturnLine, bool]]:
    seen: set[str] = set()
    marked = []
    for line in lines:
        marked.append((line, line.explicit_key and line.key in seen))
        if line.fault is None:
            seen.add(line.key)
    return marked


def _place(
    seen: World, books: Books, document: Return, line: ReturnLine, credited: Decimal, *, is_repeated: bool
) -> tuple[Verdict | None, Explained | None, list[Candidate]]:
    """Return the first verdict that applies, or the order and the candidates where the line may claim."""
    verdict = _before_the_order(seen, document, line, credited, is_repeated=is_repeated)
    if verdict is not None:
        return verdict, None, []
    found = find_order(seen.references, document.order_reference, seen.rules.order_reference)
    if found == "ambiguous":
        return Verdict("quarantine", "unknown_order", "ambiguous: several orders by one reference"), None, []
    if isinstance(found, str):
        return Verdict("held", "unknown_order", "no order by this reference"), None, []
    kept = books.kept.get(found.id)
    verdict = _gate(seen.rules, found) or _currency(kept.order if kept else found, line)
    if verdict is not None:
        return verdict, None, []
    explained = kept or seen.explain(found)
    if isinstance(explained, str):
        return Verdict("quarantine", explained), None, []
    chosen = candidates(
        explained, line.sku or "", line.unit, seen.aliases, seen.products, seen.rules.duplicate_sku
    )
    if not chosen:
        is_known = key(line.sku) in seen.products.by_sku
        detail = "in the catalogue, not on the order" if is_known else "not in the catalogue"
        return Verdict("quarantine", "unknown_sku", detail), None, []
    chosen = [each for each in chosen if fits(each, line.units, seen.products)]
    if not chosen:
        return Verdict("quarantine", "unit_mismatch"), None, []
    return None, explained, chosen


def _before_the_order(
    seen: World, document: Return, line: ReturnLine, credited: Decimal, *, is_repeated: bool
) -> Verdict | None:
    if line.fault is not None:
        return Verdict("quarantine", "malformed_document", line.fault, line.units)
    if line.units == 0 and (credited == 0 or is_repeated):
        return Verdict("nowhere")
    if is_repeated:
        return Verdict("quarantine", "duplicate_line", quantity=line.units)
    return _by_status(seen, document, line, credited) or _by_codes(seen, line)


def _by_status(seen: World, document: Return, line: ReturnLine, credited: Decimal) -> Verdict | None:
    status, statuses = (document.status or "").lower(), seen.seeds.statuses
    is_withdrawn = status in seen.seeds.withdrawn
    there = ZERO if is_withdrawn else line.units
    if there < credited:
        return Verdict("quarantine", "received_quantity_decreased", "fewer", credited - there)
    if there == credited > 0:
        return Verdict("nowhere")
    if status not in statuses:
        return Verdict("quarantine", "unknown_status", status)
    if is_withdrawn:
        return Verdict("withdrawn")
    return Verdict("waiting") if statuses[status] < statuses[seen.rules.milestone] else None


def _by_codes(seen: World, line: ReturnLine) -> Verdict | None:
    if (line.disposition or "").lower() not in seen.seeds.dispositions:
        return Verdict("quarantine", "unknown_disposition", line.disposition or "")
    if seen.rules.amount_depends_on_reason and (line.reason or "").lower() not in seen.seeds.reasons:
        return Verdict("quarantine", "unknown_reason", line.reason or "")
    return None


def _gate(rules: Rules, order: Order) -> Verdict | None:
    if order.internal_status in rules.cancelled:
        return Verdict("quarantine", "order_cancelled")
    if order.has_internal_status and not rules.is_confirmed(order):
        return Verdict("held", "not_confirmed")
    if not rules.is_dispatched(order):
        return Verdict("held", "not_dispatched")
    return None


def _currency(order: Order, line: ReturnLine) -> Verdict | None:
    for currency in [line.currency, *(each.currency for each in order.lines)]:
        if currency is not None and currency.upper() != order.currency.upper():
            return Verdict("quarantine", "currency_mismatch", f"{currency} and {order.currency}")
    return None


def _patience(books: Books, document: Return, line: ReturnLine, verdict: Verdict, now: datetime) -> Verdict:
    """Give up what was held for 14 days."""
    if verdict.place != "held":
        books.held_since.pop((document.id or "", line.key), None)
        return verdict
    since = books.held_since.setdefault((document.id or "", line.key), now)
    if now - since < GIVEN_UP_AFTER:
        return verdict
    return Verdict("quarantine", "unknown_order" if verdict.reason == "unknown_order" else "dispatch_timeout")


def _claim(
    books: Books,
    order: Explained,
    document: Return,
    line: ReturnLine,
    chosen: Sequence[Candidate],
    units: Decimal,
    products: Catalogue,
) -> tuple[list[Take], Decimal]:
    """Take units from the candidates until one or the other is exhausted; return the takes and the rest."""
    takes = []
    rest = Fraction(units)
    for candidate in chosen:
        if rest <= 0:
            break
        if candidate.item is None:
            free = books.free_kits(order.order.id, candidate.line)
        else:
            free = books.free(order.order.id, candidate.item)
        precision = 0 if candidate.item is None else precision_of(candidate, products)
        negligible = NEGLIGIBLE if precision is None or candidate.rate != 1 else Fraction(0)
        wanted = _wanted(rest, candidate.rate, precision)
        taken = _decimal(floored(candidate, min(wanted, Fraction(free)), products))
        if precision is None and Fraction(free - taken) / candidate.rate <= negligible:
            taken = free
        if candidate.item is None:
            parts = [(item, taken * (item.per_kit or 1)) for item in candidate.line.items]
        else:
            parts = [(candidate.item, taken)]
        used = Fraction(taken) / candidate.rate
        if used <= negligible:
            continue
        if abs(rest - used) <= (NEGLIGIBLE if used == wanted else negligible):
            used = rest
        # What is free is a decimal, so a third of it is none to the last digit.
        rest = Fraction(rounded(rest - used, 12))
        claims = []
        for number, (item, quantity) in enumerate(parts):
            start = books.claimed(order.order.id, item)
            claims.append(
                Claim(
                    order.order.id,
                    item.id,
                    document.id or "",
                    line.key,
                    start,
                    start + quantity,
                    rounded(used, 12) if number == 0 else ZERO,
                    key(document.order_reference),
                    key(line.sku),
                    line.unit,
                    line.disposition,
                    candidate.line if candidate.item is None else candidate.item,
                )
            )
        for claim in claims:
            books.add(claim)
        takes.append(Take(line, candidate, taken, tuple(claims)))
    # A third of a box has no last digit: what is over is told to six.
    return takes, rounded(rest, 6)


def _wanted(rest: Fraction, rate: Fraction, precision: int | None) -> Fraction:
    """Return how many units of a candidate the rest is, or a little more where what was converted may have lost it."""
    if precision is None:
        return rest * rate
    if rate != 1:
        return (rest + NEGLIGIBLE) * rate
    nearest = Fraction(rounded(rest, precision))
    return nearest if abs(nearest - rest) <= NEGLIGIBLE else rest


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def _add(rows: list[dict[str, Any]], new: dict[str, Any]) -> None:
    """Add a row; what stands there of the same line key for the same reason is one row with the sum."""
    for row in rows:
        if (row["return_line_key"], row["reason"]) == (new["return_line_key"], new["reason"]):
            known = [each["quantity"] for each in (row, new) if each["quantity"] is not None]
            row["quantity"] = sum(known, ZERO) if known else None
            return
    rows.append(new)


def _row(
    document: Return, line_key: str | None, reason: str, quantity: Decimal | None, detail: str
) -> dict[str, Any]:
    return {
        "return_id": document.id,
        "return_line_key": line_key,
        "reason": reason,
        "quantity": quantity,
        "detail": detail,
    }


def _held(
    document: Return, line: ReturnLine, reason: str, quantity: Decimal, now: datetime
) -> dict[str, Any]:
    return {
        "return_id": document.id,
        "return_line_key": line.key,
        "order_reference": document.order_reference,
        "reason": reason,
        "quantity": quantity,
        "next_check_at": now + FIRST_CHECK,
    }
