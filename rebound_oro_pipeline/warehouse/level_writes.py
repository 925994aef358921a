"""What a stock level was and what it shall be, recorded before it is written.

A level is absolute in OroCommerce, and nothing there remembers who wrote it. So the level itself has to tell,
after a crash or a lost answer, whether a write took place: it shows the target, the quantity before, or
neither. One open write a level (a unique index) and one writer a level (an advisory lock that ends with the
writer's session) keep the three apart.

    writing ──▶ confirmed      the level shows the target
            ──▶ not_written    refused for certain
            ──▶ ambiguous      the level shows neither: nothing is guessed, a person decides
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Literal

import psycopg
from psycopg.rows import class_row

from rebound_oro_pipeline.warehouse import statements

SentAs = Literal["single", "batch"]
"""How a level is written: at once, or through OroCommerce's queue, which may carry it out late."""
VerdictState = Literal["confirmed", "not_written", "ambiguous"]

_SQL = statements.load("level_writes")


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """A write to be recorded: quantities in the level's own unit, and the outbox messages that it carries."""

    level_id: str
    product_id: str
    sku: str
    unit_code: str
    quantity_before: Decimal
    quantity_target: Decimal
    message_ids: list[int]

    @property
    def key(self) -> str:
        """Names the level before its id is known: OroCommerce has one level a product and unit."""
        return level_key(self.product_id, self.unit_code)


@dataclass(frozen=True, slots=True)
class LevelWrite(PlannedWrite):
    """A recorded write that is still open; `is_ours`: nobody else has to do with any message of it."""

    level_write_id: int
    sent_as: SentAs
    operation_id: str | None
    is_ours: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a write ended; `quantity_seen` is what the level showed, None where it was not read."""

    level_write_id: int
    state: VerdictState
    quantity_seen: Decimal | None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Replenished:
    """A product, the levels of it that writes lifted over the threshold, and these writes."""

    product_id: str
    level_ids: list[str]
    level_write_ids: list[int]


def level_key(product_id: str, unit_code: str) -> str:
    """Return the name under which a level is locked."""
    return f"{product_id}/{unit_code}"


@contextmanager
def locked(conn: psycopg.Connection, keys: Iterable[str]) -> Iterator[frozenset[str]]:
    """Hold the locks of those levels that nobody else holds, and yield their keys."""
    held = frozenset(key for key in sorted(set(keys)) if _try_lock(conn, key))
    try:
        yield held
    finally:
        if not conn.closed:
            for key in held:
                conn.execute(_SQL["unlock"], {"key": key})


def record(
    conn: psycopg.Connection, worker: str, writes: Sequence[PlannedWrite], sent_as: SentAs, lease: float
) -> list[LevelWrite]:
    """Record writes and name the level on their messages; to be committed before anything is sent.

    Returns those recorded: a level that has an open write gets no second one, and a message that the worker
    has lost meanwhile is not sent. The lease of the others, in seconds, starts anew.
    """
    return _writes(
        conn, "record", {"writes": _json(writes), "sent_as": sent_as, "worker": worker, "lease": lease}
    )


def open_writes(conn: psycopg.Connection, worker: str) -> list[LevelWrite]:
    """Return the open writes; those whose messages are all claimed by this worker, or closed, are its own."""
    return _writes(conn, "open_writes", {"worker": worker})


def last_verdicts(
    conn: psycopg.Connection, message_ids: Sequence[int]
) -> dict[int, tuple[str, VerdictState]]:
    """Return level and verdict of the last closed write of each message that has one."""
    rows = conn.execute(_SQL["last_verdicts"], {"message_ids": list(message_ids)})
    return {message_id: (level_id, state) for message_id, level_id, state in rows}


def mark_sent_singly(conn: psycopg.Connection, writes: Iterable[LevelWrite]) -> None:
    """Remember, before it is done, that writes recorded for a batch are sent one by one."""
    conn.execute(_SQL["sent_singly"], {"level_write_ids": [write.level_write_id for write in writes]})


def mark_queued(conn: psycopg.Connection, writes: Iterable[LevelWrite], operation_id: str) -> None:
    """Remember the operation that will carry the writes out."""
    conn.execute(
        _SQL["queued"],
        {"level_write_ids": [write.level_write_id for write in writes], "operation_id": operation_id},
    )


def finish(conn: psycopg.Connection, worker: str, verdicts: Sequence[Verdict]) -> None:
    """Close writes, with an audit row for each."""
    if verdicts:
        conn.execute(_SQL["finish"], {"verdicts": _json(verdicts), "worker": worker})


def replenished(conn: psycopg.Connection, threshold: Decimal) -> list[Replenished]:
    """Return the products whose levels were lifted over the threshold, and which were not looked at since."""
    with conn.cursor(row_factory=class_row(Replenished)) as cursor:
        return cursor.execute(_SQL["replenished"], {"threshold": threshold}).fetchall()


def mark_status_checked(conn: psycopg.Connection, level_write_ids: Sequence[int]) -> None:
    """Remember that the products of these writes were looked at."""
    conn.execute(_SQL["status_checked"], {"level_write_ids": list(level_write_ids)})


def log_status(conn: psycopg.Connection, worker: str, product_id: str, reason: str, request_id: str) -> None:
    """Write into the audit log that a product was put back in stock, or why not."""
    conn.execute(
        _SQL["status_written"],
        {"worker": worker, "product_id": product_id, "reason": reason, "request_id": request_id},
    )


def _try_lock(conn: psycopg.Connection, key: str) -> bool:
    [(locked_now,)] = conn.execute(_SQL["try_lock"], {"key": key}).fetchall()
    return bool(locked_now)


def _writes(conn: psycopg.Connection, statement: str, parameters: dict[str, str | float]) -> list[LevelWrite]:
    with conn.cursor(row_factory=class_row(LevelWrite)) as cursor:
        return cursor.execute(_SQL[statement], parameters).fetchall()


def _json(rows: Sequence[PlannedWrite] | Sequence[Verdict]) -> str:
    return json.dumps([asdict(row) for row in rows], default=str)
