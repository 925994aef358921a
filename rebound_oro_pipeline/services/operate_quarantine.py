"""The quarantine by hand: look, resolve, reject, write off, reopen, assign and tag.

A person's decision is a row of reference.operator_decisions that the rules read; the return is decided again at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, Final, Literal, TypeVar

import psycopg
from psycopg.rows import class_row, dict_row

from rebound_oro_pipeline.services.operate_again import Decided, Rules, decide_moment, decisions_locked
from rebound_oro_pipeline.services.operate_deed import Deed, OperatorError
from rebound_oro_pipeline.services.operate_filter import Filter, require_known
from rebound_oro_pipeline.warehouse import statements

Verdict = Literal["rejected", "written_off", "released"]
"""rejected: not ours to credit; written_off: a loss that we bear; released: the rule is set aside for this line."""

RELEASABLE: Final = ("dispatch_timeout", "order_cancelled", "unknown_disposition", "unknown_status")
"""Reasons a person can vouch against. No word of theirs adds units to an order, or explains figures."""

_OF_THE_OUTBOX: Final = ("push_rejected", "stock_write_ambiguous")
_SQL = statements.load("operators")


@dataclass(frozen=True)
class QuarantineFilter(Filter):
    """Which open rows; what is None does not narrow. `owner` is the team that owns the reason, or the assignee.

    Amounts are those at stake, each in its own currency; a row without one is in no range of them.
    """

    subjects: tuple[str, ...] | None = None
    reason: str | None = None
    owner: str | None = None
    return_id: str | None = None
    tag: str | None = None
    older_than_days: int | None = None
    currency: str | None = None
    min_amount: Decimal | None = None
    max_amount: Decimal | None = None


@dataclass(frozen=True)
class QuarantineRow:
    """An open row of the quarantine, with who looks after it and what cures it."""

    subject: str
    reason: str
    return_id: str | None
    return_line_key: str | None
    order_reference: str | None
    quantity: Decimal | None
    currency: str | None
    amount_at_stake: Decimal | None
    detail: str | None
    owner: str | None
    assignee: str | None
    tags: list[str]
    what_happened: str | None
    remedy: str | None
    registered_at: datetime
    opened_at: datetime


@dataclass(frozen=True)
class _StandingDecision:
    operator_decision_id: int
    subject: str
    reason: str
    return_id: str | None
    registered_at: datetime
    verdict: Verdict
    quantity: Decimal | None
    who: str
    why: str
    decided_at: datetime


_Row = TypeVar("_Row", QuarantineRow, _StandingDecision)


def open_rows(conn: psycopg.Connection[Any], wanted: QuarantineFilter) -> list[QuarantineRow]:
    """List the open rows, oldest first. Raises OperatorError for a reason that there is not."""
    parameters = {
        **asdict(wanted),
        "subjects": list(wanted.subjects) if wanted.subjects is not None else None,
    }
    with conn.cursor(row_factory=class_row(QuarantineRow)) as cursor:
        rows = cursor.execute(_SQL["quarantine"], parameters).fetchall()
    if not rows and wanted.reason is not None:
        require_known("reason", wanted.reason, conn.execute(_SQL["reasons"]))
    return rows


def history(conn: psycopg.Connection[Any], subject: str) -> dict[str, list[dict[str, Any]]]:
    """Return everything that stood in the quarantine under a subject, and what people decided that still stands."""
    asked = {"subject": subject, "reason": None}
    with conn.cursor(row_factory=dict_row) as cursor:
        return {
            "history": cursor.execute(_SQL["history"], asked).fetchall(),
            "decisions": cursor.execute(_SQL["decisions"], asked).fetchall(),
        }


def settle(
    conn: psycopg.Connection[Any],
    rows: Sequence[QuarantineRow],
    verdict: Verdict | None,
    deed: Deed,
    rules: Rules,
) -> list[Decided]:
    """Decide rows by hand (verdict None: only ask the rules again), and decide their returns again at once.

    One transaction per moment of registration, so that one refusal takes nothing else back. Raises OperatorError where
    a row cannot be settled so, DecisionRefused.
    """
    _check(rows, verdict)
    decided: list[Decided] = []
    for registered_at, at_once in _by_moment(conn, rows):
        with decisions_locked(conn):
            for row in at_once:
                _settle_row(conn, row, verdict, deed, rules.decided_at)
            decided += decide_moment(conn, registered_at, _returns_of(at_once), rules)
    return decided


def reopen(
    conn: psycopg.Connection[Any],
    subject: str,
    reason: str | None,
    deed: Deed,
    rules: Rules,
) -> list[Decided]:
    """Revoke what people decided about a subject (for one reason, or all), and decide its return again.

    What was credited because of a release stays credited. Raises OperatorError where nothing stands.
    """
    with decisions_locked(conn):
        with conn.cursor(row_factory=class_row(_StandingDecision)) as cursor:
            standing = cursor.execute(_SQL["decisions"], {"subject": subject, "reason": reason}).fetchall()
        if not standing:
            raise OperatorError(f"nobody decided anything about {subject!r} that still stands")
        conn.execute(
            _SQL["revoke"],
            {
                "operator_decision_ids": [each.operator_decision_id for each in standing],
                "who": deed.who,
                "decided_at": rules.decided_at,
            },
        )
        deed.log(conn, "quarantine reopened", [subject], revoked=[each.verdict for each in standing])
        decided: list[Decided] = []
        for registered_at, at_once in _by_moment(conn, standing):
            decided += decide_moment(conn, registered_at, _returns_of(at_once), rules)
    return decided


def assign(
    conn: psycopg.Connection[Any], rows: Iterable[QuarantineRow], assignee: str | None, deed: Deed
) -> None:
    """Give rows to a person (None: to nobody in particular); the caller commits."""
    for row in rows:
        given = {"subject": row.subject, "reason": row.reason, "assignee": assignee, "who": deed.who}
        conn.execute(_SQL["assign"], given)
        deed.log(conn, "quarantine assigned", [row.subject], reason=row.reason, assignee=assignee)


def tag(
    conn: psycopg.Connection[Any],
    rows: Iterable[QuarantineRow],
    added: Sequence[str],
    removed: Sequence[str],
    deed: Deed,
) -> None:
    """Add tags to rows and take others away; the caller commits."""
    for row in rows:
        given = {
            "subject": row.subject,
            "reason": row.reason,
            "added": list(added),
            "removed": list(removed),
            "who": deed.who,
        }
        conn.execute(_SQL["tag"], given)
        deed.log(
            conn,
            "quarantine tagged",
            [row.subject],
            reason=row.reason,
            added=list(added),
            removed=list(removed),
        )


def _by_moment(conn: psycopg.Connection[Any], rows: Sequence[_Row]) -> list[tuple[datetime, list[_Row]]]:
    """Group rows by the moment at which their return is decided: where it lies now, for it may be dated anew since."""
    known: dict[str | None, datetime] = dict(
        conn.execute(_SQL["moments"], {"return_ids": _returns_of(rows)}).fetchall()
    )

    def moment(row: _Row) -> datetime:
        return known.get(row.return_id, row.registered_at)

    return [(each, list(together)) for each, together in groupby(sorted(rows, key=moment), key=moment)]


def _check(rows: Sequence[QuarantineRow], verdict: Verdict | None) -> None:
    for row in rows:
        if row.reason in _OF_THE_OUTBOX:
            raise OperatorError(
                f"{row.subject} is {row.reason}: a message, no return line; use `rebound-oro outbox retry` or `abandon`"
            )
        if verdict == "released" and row.reason not in RELEASABLE:
            raise OperatorError(
                f"{row.subject} is {row.reason}, which nobody can vouch against; released can be "
                f"{', '.join(RELEASABLE)}. What else cures it: {row.remedy}"
            )
        if verdict == "written_off" and row.reason == "malformed_document":
            raise OperatorError(
                f"{row.subject} could not be read, so nobody knows what to write off; reject it instead"
            )


def _settle_row(
    conn: psycopg.Connection[Any],
    row: QuarantineRow,
    verdict: Verdict | None,
    deed: Deed,
    decided_at: datetime,
) -> None:
    if verdict is None:
        deed.log(conn, "quarantine asked again", [row.subject], reason=row.reason)
        return
    given = {
        "subject": row.subject,
        "reason": row.reason,
        "return_id": row.return_id,
        "return_line_key": row.return_line_key,
        "registered_at": row.registered_at,
        "verdict": verdict,
        "quantity": None if verdict == "released" else row.quantity or None,
        "who": deed.who,
        "why": deed.why,
        "decided_at": decided_at,
        "resolution": verdict,
    }
    conn.execute(_SQL["add_decision"], given)
    conn.execute(_SQL["close_row"], given)
    deed.log(conn, f"quarantine {verdict}", [row.subject], reason=row.reason, quantity=row.quantity)


def _returns_of(rows: Iterable[QuarantineRow | _StandingDecision]) -> list[str]:
    return sorted({row.return_id for row in rows if row.return_id is not None})
