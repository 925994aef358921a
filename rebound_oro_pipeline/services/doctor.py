"""What stands in the way of a first run: each question asked of the systems themselves, with what to do about it.

Nothing that is asked leaves a trace but one harmless entry in OroCommerce's message queue (`doctor_oro`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

import psycopg

from rebound_oro_pipeline.clients.errors import (
    ApiError,
    AuthenticationError,
    Forbidden,
    MalformedAnswer,
    NotFound,
    NotSent,
)
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.warehouse import migrate, outbox
from rebound_oro_pipeline.warehouse.connection import connect, describe_url
from rebound_oro_pipeline.warehouse.errors import WarehouseError

Level = Literal["ok", "warning", "failure"]
"""failure: something we need is not there; warning: we can do without it, at a price."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question; `remedy` says in one sentence what to do, and is empty where all is well."""

    subject: str
    level: Level
    found: str
    remedy: str = ""


def has_failure(findings: Iterable[Finding]) -> bool:
    """Whether a run would fail."""
    return any(finding.level == "failure" for finding in findings)


def failure_of(subject: str, error: ApiError) -> Finding:
    """Return the finding of a question that was answered with an error; the error's own words say what happened."""
    match error:
        case AuthenticationError():
            remedy = "Check the credentials, and that they are active."
        case NotSent():
            remedy = "Check the URL, DNS, the firewall and the certificate."
        case Forbidden():
            remedy = f"Give the API's user the permission to view {subject}."
        case NotFound():
            remedy = f"Check that {subject} exists in this API, and the prefix of the API."
        case MalformedAnswer():
            remedy = "Check the URL and the prefix of the API, and that the API is switched on."
        case _:
            remedy = "Ask again later; if it stays, look into the other system's log."
    return Finding(subject, "failure", str(error), remedy)


def examine_rebound(rebound: ReboundClient, today: date) -> Finding:
    """Ask ReBound for today's returns."""
    subject = "ReBound"
    try:
        found = rebound.search_returns(today, today)
    except ApiError as error:
        return failure_of(subject, error)
    return Finding(subject, "ok", f"credentials accepted; {len(found)} returns registered today")


def examine_database(url: str) -> list[Finding]:
    """Look whether the database is there and up to date, and whether pushing is suspended."""
    subject = "database"
    try:
        with connect(url, autocommit=True, application_name="rebound-oro doctor") as conn:
            version = conn.info.server_version // 10_000
            reached = Finding(subject, "ok", f"PostgreSQL {version} at {describe_url(url)}")
            missing = migrate.pending(conn)
            if missing:
                names = ", ".join(missing)
                remedy = "Run `rebound-oro migrate`."
                return [reached, Finding("migrations", "failure", f"not yet run: {names}", remedy)]
            return [
                reached,
                Finding("migrations", "ok", "all have been run"),
                *_suspended(conn),
            ]
    except WarehouseError as error:
        return [Finding(subject, "failure", str(error), "Do what the message says.")]
    except psycopg.Error as error:
        # libpq's words name host and user, never the password.
        words = str(error).strip().splitlines()
        remedy = "Check REBOUND_ORO_DATABASE_URL, and that the server runs and lets this user in."
        return [Finding(subject, "failure", words[0] if words else type(error).__name__, remedy)]


def _suspended(conn: psycopg.Connection) -> list[Finding]:
    remedy = "Find out why the other system failed; sending goes on by itself after that time."
    return [
        Finding(f"pushing {kind}", "warning", f"suspended until {until:%Y-%m-%d %H:%M:%S} UTC", remedy)
        for kind in get_args(outbox.Kind)
        if (until := outbox.circuit_open_until(conn, kind)) is not None
    ]
