"""Alerts, grouped: what is about the same thing is told once, and again only after a quiet period."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final, Protocol

import psycopg

from rebound_oro_pipeline.warehouse import statements

_SQL = statements.load("alerts")
_VARYING: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}|\d+")
"""Ids, times and counts: two messages that differ in them only are about the same thing."""
_OUTAGE: Final = re.compile(
    r"\b(oro|rebound): [A-Z]+ /\S*?(?: was answered (?:429|5\d\d)\b| was not sent:|: the answer was lost:)"
)
"""How the clients name a system that does not serve, whatever was asked of it."""
_LONGEST: Final = 1500


class Channel(Protocol):
    """Takes messages to people."""

    def send(self, title: str, body: str) -> bool:
        """Whether it was taken."""


@dataclass(frozen=True)
class Alert:
    """What to tell. `about` groups: a job, a check, a system; `detail` is in the words of whatever failed."""

    about: str
    title: str
    detail: str

    @property
    def fingerprint(self) -> str:
        """The same for alerts about the same thing, whatever ids, times and counts they name.

        A system that does not serve is one thing, whichever jobs fail of it.
        """
        first_line = self.detail.strip().partition("\n")[0]
        outage = _OUTAGE.search(first_line)
        same = f"{outage[1]} does not serve" if outage else f"{self.about}\n{_VARYING.sub('#', first_line)}"
        return hashlib.sha256(same.encode()).hexdigest()


class Outcome(Enum):
    """What became of an alert."""

    SENT = "sent"
    QUIET = "not sent again: one about the same thing was, a short while ago"
    NOT_TAKEN = "not taken by any target"


def raise_alert(
    conn: psycopg.Connection[Any], channel: Channel, alert: Alert, *, now: datetime, quiet: timedelta
) -> Outcome:
    """Send an alert unless one about the same thing was sent within the quiet period. Commits.

    What was not taken counts as not sent, and so does what was being sent when the process died; whoever raised it
    tries again.
    """
    given = {
        "fingerprint": alert.fingerprint,
        "subject": alert.title,
        "now": now,
        "quiet_since": now - quiet,
    }
    with conn.transaction():
        [(is_due,)] = conn.execute(_SQL["claim"], given).fetchall()
        taken = is_due and channel.send(alert.title, alert.detail.strip()[:_LONGEST])
        if is_due and not taken:
            raise psycopg.Rollback
    if not is_due:
        return Outcome.QUIET
    return Outcome.SENT if taken else Outcome.NOT_TAKEN


def took_any_since(conn: psycopg.Connection[Any], moment: datetime) -> bool:
    """Whether any alert was taken since a moment: then the targets are not what keeps the others from it."""
    [(took,)] = conn.execute(_SQL["took_any_since"], {"moment": moment}).fetchall()
    return bool(took)
