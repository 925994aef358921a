"""The whole story of a return, an order, a credit note or a SKU, in the order in which it happened."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg.rows import class_row

from rebound_oro_pipeline.services.operate_again import Place, places_of
from rebound_oro_pipeline.services.operate_deed import OperatorError
from rebound_oro_pipeline.warehouse import inbox, statements

KINDS: Final = ("return", "order", "note", "sku")
"""What an id may mean. A return is also found by its displayed number, an order by any reference of its own."""

_STAGES: Final = (
    "webhook received",
    "return landed",
    "order landed",
    "document not read",
    "alias added",
    "audit: ",
    "hold ended",
    "quarantine ended",
    "held",
    "quarantined",
    "order kept",
    "units claimed",
    "credit note decided",
    "stock decided",
    "offer ",
    "message written",
    "level ",
    "message ",
    "read back",
)
"""What an event begins with, a cause before its effect."""

_PRINTED: Final = (
    (re.compile(r"(.+?) / .+"), ("return",)),
    (re.compile(r"rebound returns (.+)"), ("return",)),
    (re.compile(r"(.+):\d+"), ("note", "order")),
)
"""How other commands call a line of a return, a document that cannot be read, and a message, and what that is of."""

_SQL = statements.load("trace")


@dataclass(frozen=True)
class Meaning:
    """What was found under an id."""

    kind: str
    id: str


@dataclass(frozen=True)
class Event:
    """Something that happened, to the second; `payload` is the document of it as it was kept, where there is one."""

    at: datetime
    event: str
    subject: str
    said: str
    payload: Any


@dataclass(frozen=True)
class Trace:
    """What an id means, the returns and orders that have to do with it, their story, and where the units are now."""

    meanings: tuple[Meaning, ...]
    return_ids: tuple[str, ...]
    order_ids: tuple[str, ...]
    events: tuple[Event, ...]
    places: tuple[Place, ...]


def trace(
    conn: psycopg.Connection[Any], given: str, *, kinds: Sequence[str] = KINDS, most_returns: int = 20
) -> Trace:
    """Collect everything that is kept about an id, whatever it is the id of.

    What happened in the same second is told in the order of its stages: the clocks that said when are not apart by
    more. Of an order all returns are told, of a SKU the `most_returns` newest.

    Raises OperatorError where nothing is known.
    """
    meanings = _meanings(conn, given.strip(), kinds)
    if not meanings:
        unread = inbox.waiting(conn).unread
        hint = (
            f"; webhooks that nobody has read yet: {unread}, the next follow-up reads them" if unread else ""
        )
        raise OperatorError(f"nothing is known under {given!r} as {' or '.join(kinds)}{hint}")
    by_kind = {kind: [each.id for each in meanings if each.kind == kind] for kind in KINDS}
    scope: dict[str, Any] = {
        "order_ids": by_kind["order"],
        "notes": by_kind["note"],
        "sku_keys": by_kind["sku"],
        "at_most": most_returns,
    }
    found = {return_id for (return_id,) in conn.execute(_SQL["returns_of"], scope)}
    scope["return_ids"] = sorted(found | set(by_kind["return"]))
    orders = {order_id for (order_id,) in conn.execute(_SQL["orders_of"], scope)}
    scope["order_ids"] = sorted(orders | set(by_kind["order"]))
    with conn.cursor(row_factory=class_row(Event)) as events:
        return Trace(
            tuple(meanings),
            tuple(scope["return_ids"]),
            tuple(scope["order_ids"]),
            tuple(sorted(map(_to_the_second, events.execute(_SQL["events"], scope)), key=_in_turn)),
            tuple(places_of(conn, scope["return_ids"])),
        )


def _meanings(conn: psycopg.Connection[Any], given: str, kinds: Sequence[str]) -> list[Meaning]:
    """Find what has an id; where nothing has, what it is of as other commands print it."""
    asked = [(given, KINDS)] + [
        (found[1], of) for pattern, of in _PRINTED if (found := pattern.fullmatch(given))
    ]
    with conn.cursor(row_factory=class_row(Meaning)) as cursor:
        for each, of in asked:
            rows = cursor.execute(_SQL["find"], {"given": each}).fetchall()
            if meant := [row for row in rows if row.kind in kinds and row.kind in of]:
                return meant
    return []


def _to_the_second(event: Event) -> Event:
    return replace(event, at=event.at.replace(microsecond=0))


def _in_turn(event: Event) -> tuple[datetime, int]:
    stages = (stage for stage, begins in enumerate(_STAGES) if event.event.startswith(begins))
    return event.at, next(stages, len(_STAGES))
