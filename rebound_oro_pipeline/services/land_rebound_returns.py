"""Lands ReBound returns: those registered in a window, and again those that may have moved on since.

ReBound lists ids by day and gives one document at a time; it announces no update.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

import psycopg

from rebound_oro_pipeline.clients.errors import ApiError, Refused
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.rebound import RESOURCE, ReturnDocument, read_return
from rebound_oro_pipeline.contracts.rebound_mapping import ReboundMapping
from rebound_oro_pipeline.contracts.values import read_text
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.concurrently import in_order
from rebound_oro_pipeline.warehouse.follow_up import known_returns, leave_to_next_look
from rebound_oro_pipeline.warehouse.landed import given_before, open_returns
from rebound_oro_pipeline.warehouse.landing import Landed, land_returns

SEARCH_DAYS: Final = 7
"""Days of one search: the only public client of this API asks for weeks."""
LOOKBACK_DAYS: Final = 30
"""How long an open return is read again."""
MOST_UNREAD: Final = 10
"""Returns in a row over which ReBound stumbles: with so many it is ReBound that fails, and not they."""
PROBES: Final = 3
"""Returns that were read before, of which one that is given again shows that ReBound gives documents."""
_OTHER_ID: Final = (
    "ask ReBound, or name the field that holds the id by which it lists returns (return_id of the mapping)"
)
CLOSED_STATUSES: Final = frozenset({"delivered", "cancelled"})
"""Statuses after which a return is not read again, unless it had a fault."""


def land_rebound_returns(
    rebound: ReboundClient,
    conn: psycopg.Connection[Any],
    window: Window,
    mapping: ReboundMapping,
    *,
    now: datetime,
    run_id: str,
) -> Landed:
    """Land the returns that ReBound lists for the window's days, whatever moment their documents name.

    One that names a moment outside of the window is left to the next look (`follow_up`), for its own day may have been
    decided already. Commits after every batch. Raises the errors of the client where ReBound as a whole does not
    answer; a single document that it refuses, or over which it stumbles at every try, becomes a fault. Where it
    stumbles over all, a return that it gave before tells which it is: given again, these are asked for once more.
    """
    ids = _listed(rebound, window)
    landed = _land(rebound, conn, ids, mapping, now=now, run_id=run_id, listed_for=window.start)
    leave_to_next_look(conn, window, run_id, now)
    conn.commit()
    return landed


def land_open_returns(
    rebound: ReboundClient,
    conn: psycopg.Connection[Any],
    mapping: ReboundMapping,
    *,
    now: datetime,
    run_id: str,
) -> Landed:
    """Read again, by id, the returns of the last days that are still open, or that had a fault."""
    since = now - timedelta(days=LOOKBACK_DAYS)
    ids = open_returns(conn, registered_since=since, closed=CLOSED_STATUSES)
    conn.commit()
    return _land(rebound, conn, ids, mapping, now=now, run_id=run_id)


def land_missing_returns(
    rebound: ReboundClient,
    conn: psycopg.Connection[Any],
    window: Window,
    mapping: ReboundMapping,
    *,
    now: datetime,
    run_id: str,
) -> Landed:
    """Land the returns that ReBound lists for the window's days and of which nothing has landed yet."""
    ids = list(_listed(rebound, window))
    known = known_returns(conn, ids)
    conn.commit()
    missing = (return_id for return_id in ids if return_id not in known)
    return _land(rebound, conn, missing, mapping, now=now, run_id=run_id, listed_for=window.start)


def _listed(rebound: ReboundClient, window: Window) -> Iterator[str]:
    """Yield the ids of the returns that ReBound lists for the window's days."""
    for first, last in window.spans(SEARCH_DAYS):
        yield from rebound.search_returns(first, last)


def _land(
    rebound: ReboundClient,
    conn: psycopg.Connection[Any],
    ids: Iterable[str],
    mapping: ReboundMapping,
    *,
    now: datetime,
    run_id: str,
    listed_for: datetime | None = None,
) -> Landed:
    read = partial(_read, rebound, mapping)
    land = partial(land_returns, conn, source="api", landed_by=run_id, landed_at=now)
    try:
        return land(_without_outage(in_order(read, ids, workers=rebound.connections), listed_for))
    except _NothingReadError as nothing:
        unread = nothing.unread
    ids = [each.return_id for each in unread]
    known = given_before(conn, others_than=ids, at_most=PROBES)
    conn.commit()
    if not any(_gives(rebound, return_id) for return_id in known):
        raise unread[0].outage()
    return land(_told(in_order(read, ids, workers=rebound.connections), listed_for))


class _Unread(NamedTuple):
    """A return over which ReBound stumbled."""

    return_id: str
    error: ApiError

    def outage(self) -> ApiError:
        """Return the error as that of ReBound as a whole; it names the return, which may be the only one."""
        error = self.error
        return type(error)(
            f"{error} (return {self.return_id})",
            status=error.status,
            request_id=error.request_id,
            retry_after=error.retry_after,
            reasons=error.reasons,
        )


class _NothingReadError(Exception):
    """ReBound stumbled over every return that it was asked for: over these, or over whatever it is asked for."""

    def __init__(self, unread: list[_Unread]) -> None:
        super().__init__()
        self.unread = unread


def _gives(rebound: ReboundClient, return_id: str) -> bool:
    """Whether ReBound gives a document. Raises the errors that speak of ReBound as a whole."""
    try:
        rebound.get_return(return_id)
    except Refused:
        return False
    except ApiError as error:
        if not error.outcome_unknown:
            raise
        return False
    return True


def _read(
    rebound: ReboundClient, mapping: ReboundMapping, return_id: str
) -> ReturnDocument | Fault | _Unread:
    try:
        found = read_return(rebound.get_return(return_id), mapping)
    except Refused as error:
        return _fault(return_id, f"is refused: {error}")
    except ApiError as error:
        if not error.outcome_unknown:
            raise
        return _Unread(return_id, error)
    if isinstance(found, ReturnDocument) and found.return_id != read_text(return_id):
        # That one lands when it is asked for; of the one that was, nothing would say that it is missing.
        fault = _fault(return_id, f"names another return, {found.return_id}: {_OTHER_ID}")
        return replace(fault, document=found.document)
    return found


def _without_outage(
    answers: Generator[ReturnDocument | Fault | _Unread, None, None], listed_for: datetime | None
) -> Generator[ReturnDocument | Fault, None, None]:
    """Yield what was read, and as a fault what could not be while others could.

    Raises the error of the first of MOST_UNREAD in a row, and _NothingReadError where none could. What names no moment
    belongs to the days for which ReBound lists it, which are decided next.
    """
    unread: list[_Unread] = []
    is_answered = False
    with closing(answers):
        for answer in answers:
            if isinstance(answer, _Unread):
                unread.append(answer)
                if len(unread) == MOST_UNREAD:
                    raise unread[0].outage()
                continue
            is_answered = True
            yield from _faults(unread, listed_for)
            unread.clear()
            yield _dated(answer, listed_for)
    if unread and not is_answered:
        raise _NothingReadError(unread)
    yield from _faults(unread, listed_for)


def _told(
    answers: Generator[ReturnDocument | Fault | _Unread, None, None], listed_for: datetime | None
) -> Generator[ReturnDocument | Fault, None, None]:
    """Yield what was read at last, and as a fault what was not, though ReBound has given another meanwhile."""
    with closing(answers):
        for answer in answers:
            if isinstance(answer, _Unread):
                yield from _faults([answer], listed_for)
            else:
                yield _dated(answer, listed_for)


def _faults(unread: Iterable[_Unread], listed_for: datetime | None) -> Iterator[ReturnDocument | Fault]:
    for each in unread:
        yield _dated(_fault(each.return_id, f"cannot be read: {each.error}"), listed_for)


def _fault(return_id: str, what: str) -> Fault:
    message = f"is listed by ReBound, but its document {what}"
    return Fault("rebound", RESOURCE, return_id, return_id, "$", message, "")


def _dated(found: ReturnDocument | Fault, listed_for: datetime | None) -> ReturnDocument | Fault:
    if isinstance(found, Fault) and found.registered_at is None:
        return replace(found, registered_at=listed_for)
    return found
