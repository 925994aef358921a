"""The outbox: what has to be sent to another system, once in effect, whatever breaks in between.

The states and who moves them; the database refuses every other transition (`outbox.is_transition`), and
`docs/outbox.md` draws them:

    pending ──claim──▶ sending ──settle──▶ confirmed | rejected | skipped | pending (again, later) | unknown
    sending ──the claim expires──▶ unknown ──claim_unknown, read, settle──▶ confirmed | rejected | pending
    rejected ──retry──▶ pending        pending | unknown | rejected ──abandon──▶ abandoned
    confirmed ──recheck──▶ unknown      pending | unknown ──hold_back──▶ the same, not due until ──release──▶ due

Nothing here commits: a caller whose connection is in autocommit mode gets one transaction a call, others
decide for themselves. All clocks are the database's, which the workers of several machines share.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal, Self

import psycopg
from psycopg.rows import class_row

from rebound_oro_pipeline.warehouse import statements

Kind = Literal["oro_credit_note", "oro_inventory_delta", "rebound_order"]
"""What is sent: a credit note to OroCommerce, a change of its stock, an order to ReBound."""

RefusalReason = Literal["push_rejected", "stock_write_ambiguous"]
"""Under which reason a rejected message stands in the quarantine."""

Failure = Literal["shared", "own"]
"""Whose failure it may be that the other system took a request and did not carry it out. `own`: that of the one record
in it, for others passed. `shared`: also that of its neighbours in the request, or of a system that fails everybody."""

LEASE_SECONDS: Final = 300.0
"""How long a claim is good for while its worker's session lives: above any request (a batch: 25 s)."""

_SQL = statements.load("outbox")


class MessageState(StrEnum):
    """Where a message stands. The comments name the states that may follow."""

    PENDING = "pending"  # sending, abandoned
    SENDING = "sending"  # confirmed, pending, rejected, unknown, skipped
    CONFIRMED = "confirmed"  # the end: read back and found equal. unknown: an operator doubts it
    REJECTED = "rejected"  # pending, abandoned: an operator decides
    UNKNOWN = "unknown"  # confirmed, pending, rejected: after reading; abandoned
    SKIPPED = "skipped"  # the end: there was nothing to send
    ABANDONED = "abandoned"  # the end: given up by an operator


@dataclass(frozen=True, slots=True)
class Message:
    """A claimed message. `payload` holds decimals as strings.

    `attempts` counts tries and `checks` readings since its fate is unknown, this claim included; `failures` those of
    requests with it, `own_failures` those of them that were its own.
    """

    message_id: int
    business_key: str
    payload: dict[str, Any]
    attempts: int
    failures: int
    own_failures: int
    checks: int
    operation_id: str | None
    operation_index: int | None
    remote_id: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a claimed message; made by the class methods, written by `settle`.

    `delay` is in seconds. `was_tried` is false for a message that was claimed and given back untouched.
    `failure`: the other system took the request and did not carry it out; None also where it refused it unseen.
    """

    message_id: int
    state: MessageState
    delay: float = 0.0
    error: str | None = None
    refusal_reason: RefusalReason | None = None
    remote_id: str | None = None
    operation_id: str | None = None
    operation_index: int | None = None
    was_tried: bool = True
    failure: Failure | None = None
    request_id: str | None = None

    @classmethod
    def confirmed(
        cls, message: Message, remote_id: str, request_id: str | None = None, remark: str | None = None
    ) -> Self:
        """Read back from the other system and found equal; a `remark` is what people have to know all the same."""
        return cls(
            message.message_id,
            MessageState.CONFIRMED,
            error=remark,
            remote_id=remote_id,
            request_id=request_id,
        )

    @classmethod
    def rejected(
        cls,
        message: Message,
        detail: str,
        reason: RefusalReason = "push_rejected",
        request_id: str | None = None,
    ) -> Self:
        """Refused, by the other system or by our own checks: a person has to look at it."""
        return cls(
            message.message_id,
            MessageState.REJECTED,
            error=detail,
            refusal_reason=reason,
            request_id=request_id,
        )

    @classmethod
    def skipped(cls, message: Message, detail: str) -> Self:
        """Nothing to send."""
        return cls(message.message_id, MessageState.SKIPPED, error=detail)

    @classmethod
    def retry(
        cls,
        message: Message,
        error: str | None,
        delay: float,
        request_id: str | None = None,
        failure: Failure | None = None,
    ) -> Self:
        """Certainly not written; to be tried again in `delay` seconds."""
        return cls(
            message.message_id, MessageState.PENDING, delay, error, request_id=request_id, failure=failure
        )

    @classmethod
    def released(cls, message: Message, delay: float = 0.0) -> Self:
        """Claimed, and given back without having been sent."""
        return cls(message.message_id, MessageState.PENDING, delay, was_tried=False)

    @classmethod
    def unknown(
        cls,
        message: Message,
        error: str,
        delay: float,
        operation: tuple[str, int] | None = None,
        *,
        request_id: str | None = None,
        failure: Failure | None = None,
    ) -> Self:
        """Perhaps written: to be read in `delay` seconds. `operation`: the running batch, the place in it."""
        operation_id, operation_index = operation or (None, None)
        return cls(
            message.message_id,
            MessageState.UNKNOWN,
            delay,
            error,
            operation_id=operation_id,
            operation_index=operation_index,
            request_id=request_id,
            failure=failure,
        )


_OUTCOME: Final = tuple(field.name for field in fields(Outcome))


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of a kind is still open, and when the next of it falls due (None: nothing open)."""

    open: int
    due: int
    next_attempt_at: datetime | None
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who claims what: kind, name of the worker (unique among living ones), lease in seconds."""

    kind: Kind
    worker: str
    lease: float = LEASE_SECONDS

    def claim(self, conn: psycopg.Connection, limit: int) -> list[Message]:
        """Take up to `limit` due pending messages; what other workers hold is passed over, not waited for."""
        return self._take(conn, "lock_pending", limit)

    def claim_keys(self, conn: psycopg.Connection, limit: int) -> list[Message]:
        """Take all due pending messages of up to `limit` ordering keys of which nothing else is under way."""
        return self._take(conn, "lock_keys", limit)

    def claim_unknown(self, conn: psycopg.Connection, limit: int | None = None) -> list[Message]:
        """Take due messages whose fate has to be read; they stay `unknown` while claimed."""
        return self._take(conn, "lock_unknown", limit)

    def claim_unknown_levels(self, conn: psycopg.Connection) -> list[Message]:
        """Take the same of stock, and with each delta all those that the open write of its level carries."""
        return self._take(conn, "lock_unknown_levels", None)

    def renew(self, conn: psycopg.Connection, messages: Iterable[Message]) -> None:
        """Start the lease of claimed messages anew, before a request that may take long."""
        conn.execute(
            _SQL["renew"],
            {
                "message_ids": [message.message_id for message in messages],
                "worker": self.worker,
                "lease": self.lease,
            },
        )

    def settle(self, conn: psycopg.Connection, outcomes: Iterable[Outcome]) -> Counter[MessageState]:
        """Write outcomes and their audit rows; return how many were settled in which state.

        A message whose claim was lost meanwhile is left to its new owner and not counted.
        """
        rows = [{name: getattr(outcome, name) for name in _OUTCOME} for outcome in outcomes]
        if not rows:
            return Counter()
        settled = conn.execute(_SQL["settle"], {"outcomes": json.dumps(rows), "worker": self.worker})
        return Counter(MessageState(state) for (state,) in settled)

    def progress(self, conn: psycopg.Connection) -> Progress:
        """How much of the kind is open."""
        with conn.cursor(row_factory=class_row(Progress)) as cursor:
            [progress] = cursor.execute(_SQL["progress"], {"kind": self.kind}).fetchall()
            return progress

    def _take(self, conn: psycopg.Connection, lock: str, limit: int | None) -> list[Message]:
        with conn.transaction(), conn.cursor(row_factory=class_row(Message)) as cursor:
            locked = conn.execute(_SQL[lock], {"kind": self.kind, "at_most": limit}).fetchall()
            if not locked:
                return []
            conn.execute(_SQL["keep_alive"], {"worker": self.worker})
            return cursor.execute(
                _SQL["take"],
                {"message_ids": [row[0] for row in locked], "worker": self.worker, "lease": self.lease},
            ).fetchall()


def expire_claims(conn: psycopg.Connection, kind: Kind) -> int:
    """Turn what dead workers left in `sending` into `unknown`; return how many."""
    dead = [worker for (worker,) in conn.execute(_SQL["dead_workers"], {"kind": kind})]
    [(expired,)] = conn.execute(_SQL["expire_claims"], {"kind": kind, "dead": dead}).fetchall()
    return int(expired)


def attribute_failures(conn: psycopg.Connection, message_ids: Iterable[int]) -> None:
    """Call the last failure of open messages their own, which was `shared` until others passed."""
    conn.execute(_SQL["attribute_failures"], {"message_ids": list(message_ids)})


def circuit_open_until(conn: psycopg.Connection, kind: Kind) -> datetime | None:
    """Until when nothing of this kind is sent because the other system failed repeatedly; None: go ahead."""
    row = conn.execute(_SQL["circuit_open_until"], {"kind": kind}).fetchone()
    return row[0] if row else None


def open_circuit(conn: psycopg.Connection, kind: Kind, error: str, *, least: float, longest: float) -> None:
    """Send nothing of this kind for `least` seconds, doubling with each opening up to `longest`."""
    conn.execute(_SQL["open_circuit"], {"kind": kind, "error": error, "least": least, "longest": longest})


def close_circuit(conn: psycopg.Connection, kind: Kind) -> None:
    """Forget earlier openings, after the other system has answered again."""
    conn.execute(_SQL["close_circuit"], {"kind": kind})


def resume(conn: psycopg.Connection, kind: Kind) -> datetime | None:
    """By an operator: send a kind again at once; return until when nothing would have been sent, None: no pause."""
    row = conn.execute(_SQL["resume"], {"kind": kind}).fetchone()
    return row[0] if row else None


def waiting(conn: psycopg.Connection, kind: Kind) -> list[Message]:
    """Return the pending messages, without claiming them."""
    with conn.cursor(row_factory=class_row(Message)) as cursor:
        return cursor.execute(_SQL["waiting"], {"kind": kind}).fetchall()


def due(conn: psycopg.Connection, kind: Kind) -> int:
    """How many messages could be sent or read now; 0 while the circuit is open. For sensors."""
    if circuit_open_until(conn, kind):
        return 0
    return Claimant(kind, "nobody").progress(conn).due


def due_mark(conn: psycopg.Connection, kind: Kind) -> str | None:
    """Return a text that is another one when more messages fall due. For sensors."""
    [(mark,)] = conn.execute(_SQL["due_mark"], {"kind": kind}).fetchall()
    return mark if mark is None else str(mark)


def retry(
    conn: psycopg.Connection, kind: Kind, business_keys: Sequence[str], *, actor: str, reason: str
) -> list[str]:
    """By an operator: send rejected messages again; return the business keys of those that now wait."""
    change = {"state": MessageState.PENDING, "from_states": ["rejected"]}
    return _intervene(conn, "intervene", kind, business_keys, actor=actor, reason=reason, **change)


def release(
    conn: psycopg.Connection, kind: Kind, business_keys: Sequence[str], *, actor: str, reason: str
) -> list[str]:
    """By an operator: let messages go that are held back; return the business keys of those."""
    return _intervene(conn, "release", kind, business_keys, actor=actor, reason=reason)


def hold_back(
    conn: psycopg.Connection, kind: Kind, business_keys: Sequence[str], *, actor: str, reason: str
) -> list[str]:
    """Neither send nor read open messages until they are released; return the keys of those.

    What a living worker has claimed is left to it.
    """
    return _intervene(conn, "hold_back", kind, business_keys, actor=actor, reason=reason)


def never_sent(conn: psycopg.Connection, kind: Kind, business_keys: Sequence[str]) -> list[str]:
    """Return those of the messages that this database had never sent, to be asked before their first sending ends."""
    given = {"kind": kind, "business_keys": list(business_keys)}
    return sorted(key for (key,) in conn.execute(_SQL["never_sent"], given))


def deltas_of(conn: psycopg.Connection, credit_note_numbers: Sequence[str]) -> list[str]:
    """Return the business keys of the stock deltas of these notes."""
    rows = conn.execute(_SQL["deltas_of"], {"credit_note_numbers": list(credit_note_numbers)})
    return sorted(key for (key,) in rows)


def recheck(
    conn: psycopg.Connection, kind: Kind, business_keys: Sequence[str], *, actor: str, reason: str
) -> list[str]:
    """By an operator: read confirmed messages again, and send what is gone; return the keys of those.

    Raises psycopg's CheckViolation for stock deltas, which no reading can tell.
    """
    change = {"state": MessageState.UNKNOWN, "from_states": ["confirmed"]}
    return _intervene(conn, "intervene", kind, business_keys, actor=actor, reason=reason, **change)


def abandon(
    conn: psycopg.Connection, kind: Kind, business_keys: Sequence[str], *, actor: str, reason: str
) -> list[str]:
    """By an operator: never send these again; return the keys of those that were open or rejected."""
    change = {"state": MessageState.ABANDONED, "from_states": ["pending", "unknown", "rejected"]}
    return _intervene(conn, "intervene", kind, business_keys, actor=actor, reason=reason, **change)


def _intervene(
    conn: psycopg.Connection,
    statement: str,
    kind: Kind,
    business_keys: Sequence[str],
    *,
    actor: str,
    reason: str,
    **change: object,
) -> list[str]:
    """Run one of the statements for operators; return the business keys of the messages that it changed."""
    if not actor.strip() or not reason.strip():
        raise ValueError("An intervention in the outbox needs the name of who decides and a reason.")
    given = {
        "kind": kind,
        "business_keys": list(business_keys),
        "actor": actor,
        "reason": reason,
        **change,
    }
    return sorted(key for (key,) in conn.execute(_SQL[statement], given))
