"""The outbox by hand: what waits or was refused, sending it again, and giving it up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from rebound_oro_pipeline.services.operate_deed import Deed, OperatorError
from rebound_oro_pipeline.warehouse import outbox, statements
from rebound_oro_pipeline.warehouse.outbox import Kind

_SQL = statements.load("operators")


@dataclass(frozen=True)
class StoredMessage:
    """A message as operators see it; `last_error` is the other system's own words.

    `held_back`: it is not sent until somebody releases it.
    """

    kind: Kind
    business_key: str
    state: str
    attempts: int
    next_attempt_at: datetime
    held_back: bool
    remote_id: str | None
    refusal_reason: str | None
    last_error: str | None
    created_at: datetime
    changed_at: datetime


def messages(
    conn: psycopg.Connection[Any],
    *,
    kind: Kind | None = None,
    states: Sequence[str] | None = None,
    business_keys: Sequence[str] | None = None,
    older_than_days: int | None = None,
    at_most: int | None = None,
) -> list[StoredMessage]:
    """List messages, newest first; what is None does not narrow."""
    parameters = {
        "kind": kind,
        "states": list(states) if states is not None else None,
        "business_keys": list(business_keys) if business_keys is not None else None,
        "older_than_days": older_than_days,
        "at_most": at_most,
    }
    with conn.cursor(row_factory=class_row(StoredMessage)) as cursor:
        return cursor.execute(_SQL["messages"], parameters).fetchall()


def payload(conn: psycopg.Connection[Any], message: StoredMessage) -> dict[str, Any]:
    """Return what a message sends, and the batch that it went out with."""
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            _SQL["message"], {"kind": message.kind, "business_key": message.business_key}
        ).fetchone()
    return found or {}


def retry(conn: psycopg.Connection[Any], wanted: Sequence[StoredMessage], deed: Deed) -> list[str]:
    """Send rejected messages again; return the keys of those that now wait. The caller commits.

    Raises OperatorError where one may have been written already: sending it again could count it twice.
    """
    remedy = "Count the stock, set the level in OroCommerce, then abandon it"
    return _changed(conn, wanted, deed, outbox.retry, f". {remedy}")


def after_restore(conn: psycopg.Connection[Any], until: datetime, deed: Deed) -> list[str]:
    """Hold back the stock deltas that a restored database cannot know the outcome of. The caller commits.

    Whatever is open may have been written by the database of which this is an older state, which worked until
    then (aware); and so may what is decided again only now, if its return was registered before. A level does not
    tell. Returns the keys of all that now wait. Raises OperatorError while a push of stock is under way.
    """
    outbox.expire_claims(conn, "oro_inventory_delta")
    found = conn.execute(_SQL["perhaps_sent_before_restore"], {"until": until}).fetchall()
    if not all(is_unclaimed for _, is_unclaimed in found):
        raise OperatorError(
            "a push of stock is under way: switch the pushes off, let it end, and ask once more"
        )
    keys = [key for key, _ in found]
    return outbox.hold_back(conn, "oro_inventory_delta", keys, actor=deed.who, reason=deed.why)


def release(conn: psycopg.Connection[Any], wanted: Sequence[StoredMessage], deed: Deed) -> list[str]:
    """Let messages go that are held back; return the keys of those. The caller commits."""
    return _changed(conn, wanted, deed, outbox.release)


def recheck(conn: psycopg.Connection[Any], wanted: Sequence[StoredMessage], deed: Deed) -> list[str]:
    """Read confirmed messages again with the next push; return the keys of those. The caller commits.

    What is there and equal is confirmed again, what is gone is sent again, what differs is rejected. Raises
    OperatorError for stock deltas: their level has moved since, and tells nothing of one write.
    """
    return _changed(conn, wanted, deed, outbox.recheck, ": count the stock and correct the level")


def abandon(conn: psycopg.Connection[Any], wanted: Sequence[StoredMessage], deed: Deed) -> list[str]:
    """Never send these; return the keys of those that were open or rejected. The caller commits."""
    return _changed(conn, wanted, deed, outbox.abandon)


def resume(conn: psycopg.Connection[Any], kind: Kind, deed: Deed) -> datetime:
    """End the pause after the other system failed; return until when it would have lasted. The caller commits.

    Raises OperatorError where there is none.
    """
    until = outbox.resume(conn, kind)
    if until is None:
        raise OperatorError(f"messages of kind {kind} are not paused")
    deed.log(conn, "outbox resumed", [kind], paused_until=until.isoformat())
    return until


def _changed(
    conn: psycopg.Connection[Any],
    wanted: Sequence[StoredMessage],
    deed: Deed,
    act: Callable[..., list[str]],
    remedy: str = "",
) -> list[str]:
    """Act on the messages of each kind; return the keys of those that changed.

    Raises OperatorError where the database refuses one: in its words, and with the remedy.
    """
    by_kind: dict[Kind, list[str]] = {}
    for message in wanted:
        by_kind.setdefault(message.kind, []).append(message.business_key)
    changed: list[str] = []
    for kind, keys in by_kind.items():
        try:
            with conn.transaction():
                changed += act(conn, kind, keys, actor=deed.who, reason=deed.why)
        except psycopg.errors.CheckViolation as error:
            raise OperatorError(f"{error.diag.message_primary}{remedy}") from None
    return changed
