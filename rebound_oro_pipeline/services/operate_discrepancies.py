"""Discrepancies by hand: a person takes note of those that will stay, and they are told no more until they change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg.rows import dict_row

from rebound_oro_pipeline.services.operate_deed import Deed, OperatorError
from rebound_oro_pipeline.services.operate_filter import Filter
from rebound_oro_pipeline.services.sync_health import Discrepancy, discrepancies, record_sightings
from rebound_oro_pipeline.warehouse import statements

_SQL = statements.load("operators")


@dataclass(frozen=True)
class DiscrepancyFilter(Filter):
    """Which discrepancies; what is None does not narrow."""

    subjects: tuple[str, ...] | None = None
    kind: str | None = None
    order_identifier: str | None = None


def pick(
    conn: psycopg.Connection[Any], wanted: DiscrepancyFilter, *, acknowledged: bool
) -> list[Discrepancy]:
    """Return the discrepancies that are meant. Raises OperatorError for a subject, or a filter, that finds none."""
    kinds = None if wanted.kind is None else [wanted.kind]
    found = [
        each
        for each in discrepancies(conn, kinds=kinds, order_identifier=wanted.order_identifier)
        if each.is_acknowledged is acknowledged
        and (wanted.subjects is None or each.subject in wanted.subjects)
    ]
    missing = sorted(set(wanted.subjects or ()) - {each.subject for each in found})
    if missing or not found:
        state = "acknowledged" if acknowledged else "open"
        raise OperatorError(
            f"no {state} discrepancy is found under {', '.join(missing) or 'these filters'}; "
            "`rebound-oro reconcile --no-read --all` lists them"
        )
    return found


def acknowledge(conn: psycopg.Connection[Any], found: Sequence[Discrepancy], deed: Deed) -> list[Discrepancy]:
    """Take note of discrepancies as they are, and return them so; the caller commits."""
    noted = []
    with conn.cursor(row_factory=dict_row) as cursor:
        for each in found:
            given = {**_sides(each), "who": deed.who.strip(), "why": deed.why.strip()}
            [note] = cursor.execute(_SQL["acknowledge"], given)
            deed.log(conn, "discrepancy acknowledged", [each.subject], **_sides(each))
            noted.append(replace(each, **note))
    record_sightings(conn)
    return noted


def reopen(conn: psycopg.Connection[Any], found: Sequence[Discrepancy], deed: Deed) -> list[Discrepancy]:
    """Take back all that was noted of discrepancies, and return them so; the caller commits."""
    for each in found:
        conn.execute(_SQL["revoke_acknowledgements"], _sides(each))
        deed.log(conn, "discrepancy reopened", [each.subject], **_sides(each))
    record_sightings(conn)
    return [
        replace(each, acknowledged_at=None, acknowledged_by=None, acknowledged_why=None) for each in found
    ]


def _sides(each: Discrepancy) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "subject": each.subject,
        "ours": each.ours,
        "theirs": each.theirs,
        "detail": each.detail,
    }
