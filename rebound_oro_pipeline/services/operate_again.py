"""Decide single returns again, from what is kept of them, at once and by the rules as they are now."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import class_row

from rebound_oro_pipeline.contracts.rebound import read_return
from rebound_oro_pipeline.contracts.rebound_mapping import ReboundMapping
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.decide import decide
from rebound_oro_pipeline.services.operate_deed import Deed, OperatorError
from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.warehouse import statements
from rebound_oro_pipeline.warehouse.landing import land_returns

_SQL = statements.load("operators")
_LOCK = statements.load("decisions")["lock"]


@dataclass(frozen=True)
class Rules:
    """By what is decided: the SQL models, the version of the policy, and the moment as of which (aware)."""

    models: Models
    policy_version: int
    decided_at: datetime
    run_id: str


@dataclass(frozen=True)
class Place:
    """Where units of a return line are; `quantity` is None where it could not be read, as with a whole document.

    Those that count against what came back were credited, and did not.
    """

    return_id: str
    return_line_key: str
    destination: str
    reason: str | None
    quantity: Decimal | None
    detail: str | None
    counts_against: bool

    @property
    def place(self) -> str:
        """The destination in words that let the units of a line be added up."""
        return self.destination + (
            ": credited although they did not come back" if self.counts_against else ""
        )


@dataclass(frozen=True)
class Note:
    """A credit note that this decision added."""

    credit_note_number: str
    currency: str
    total_amount: Decimal


@dataclass(frozen=True)
class Decided:
    """A return after a decision: where all its units are, and the notes that were added."""

    return_id: str
    places: tuple[Place, ...]
    notes: tuple[Note, ...]


@contextmanager
def decisions_locked(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """Open a transaction in which nobody else decides.

    The lock comes before any row is touched: a decision takes it first too, so neither can wait for the other.
    """
    with conn.transaction():
        conn.execute(_LOCK)
        yield


def decide_moment(
    conn: psycopg.Connection[Any], registered_at: datetime, return_ids: list[str], rules: Rules
) -> list[Decided]:
    """Decide what was registered at one moment, and tell what became of these returns. Raises DecisionRefused."""
    decision = decide(
        conn,
        rules.models,
        Window.moment(registered_at),
        policy_version=rules.policy_version,
        decided_at=rules.decided_at,
        run_id=rules.run_id,
    )
    found = []
    for return_id in return_ids:
        asked = {"return_id": return_id, "decision_id": decision.decision_id}
        with conn.cursor(row_factory=class_row(Note)) as notes:
            added = tuple(notes.execute(_SQL["notes"], asked).fetchall())
        found.append(Decided(return_id, tuple(places_of(conn, [return_id])), added))
    return found


def places_of(conn: psycopg.Connection[Any], return_ids: list[str]) -> list[Place]:
    """Return where the units of these returns are, and where a document is that cannot be read."""
    with conn.cursor(row_factory=class_row(Place)) as cursor:
        return cursor.execute(_SQL["places"], {"return_ids": return_ids}).fetchall()


def replay_return(
    conn: psycopg.Connection[Any],
    given: str,
    deed: Deed,
    rules: Rules,
    *,
    mapping: ReboundMapping,
) -> Decided:
    """Decide one return again, `given` by its id or displayed number, from what is kept of it.

    A document that could not be read is read again first, by the mapping as it is now. What was credited stays
    credited. Raises OperatorError where no such return is known, DecisionRefused.
    """
    with decisions_locked(conn):
        rows = conn.execute(_SQL["returns"], {"given": given}).fetchall()
        if not rows:
            raise OperatorError(
                f"no return {given} has been read from ReBound; `rebound-oro run` reads its day"
            )
        if len({return_id for return_id, *_ in rows}) > 1:
            ids = ", ".join(sorted(return_id for return_id, *_ in rows))
            raise OperatorError(f"several returns go by {given}: {ids}; give the id of one")
        return_id, registered_at, *_ = rows[0]
        for *_, document, source in rows:
            if document:
                again = read_return(document, mapping)
                land_returns(conn, [again], source=source, landed_by=rules.run_id, landed_at=rules.decided_at)
                registered_at = again.registered_at or registered_at
        deed.log(conn, "return replayed", [return_id])
        [decided] = decide_moment(conn, registered_at, [return_id], rules)
    return decided
