"""Alerts, grouped: what is about the same thing is told once, and again only after a quiet period."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import psycopg

from rebound_oro_pipeline.warehouse import statements

_SQL = statements.load("alerts")
_VARYING: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}|\d+")
"""Ids, times and counts: two messages that differ in them only are about the same thing."""
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
        """The same for alerts about the same thing, whatever ids, times and counts they name."""
        first_line = self.detail.strip().partition("\n")[0]
        return hashlib.sha256(f"{self.about}\n{_VARYING.sub('#', first_line)}".encode()).hexdigest()


def raise_alert(
    conn: psycopg.Connection[Any], channel: Channel, alert: Alert, *, now: datetime, quiet: timedelta
) -> bool:
    """Send an alert unless one about the same thing was sent within the quiet period; whether it was sent.

    One that could not be sent counts as not sent, so that the next occasion tries again. Commits.
    """
    given = {
        "fingerprint": alert.fingerprint,
        "subject": alert.title,
        "now": now,
        "quiet_since": now - quiet,
    }
    with conn.transaction():
        [(is_due,)] = conn.execute(_SQL["claim"], given).fetchall()
    if not is_due:
        return False
    if channel.send(alert.title, alert.detail.strip()[:_LONGEST]):
        return True
    with conn.transaction():
        conn.execute(_SQL["not_sent"], given)
    return False
