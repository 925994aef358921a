"""Audit before go-live: what is missing in the data of both systems, in records and in money, by the rules themselves.

Returns, orders, products and levels of a window are read into a private database, which is dropped at the end. There
the rules are asked what they would do with them. Neither of the two systems nor the pipeline's database is written.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.rebound_mapping import ReboundMapping
from rebound_oro_pipeline.contracts.window import ALWAYS, Window
from rebound_oro_pipeline.services.audit_gaps import Gap, find_gaps
from rebound_oro_pipeline.services.audit_landing import (
    RUN,
    ask_rules_about_orders,
    build_upto,
    land_everything,
    parameters,
)
from rebound_oro_pipeline.services.decide import DecisionRefused, decide
from rebound_oro_pipeline.services.doctor import Finding
from rebound_oro_pipeline.services.doctor_oro import reach, viewing
from rebound_oro_pipeline.services.private_database import private_database
from rebound_oro_pipeline.services.summarise import Credited, Destination, credited, destinations
from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.warehouse import reference, statements

_SQL = statements.load("audit")
_ASKED_DIRECTLY = ("orders", "products", "customers", "inventorylevels")


@dataclass(frozen=True)
class OrderValue:
    """Orders read in one currency, and the sum of their totals: what the money at stake is to be compared with."""

    currency: str
    orders: int
    total_amount: Decimal


@dataclass(frozen=True)
class PlacesOfDay:
    """Return lines registered on a day (UTC) that would be in one place."""

    day: date
    destination: str
    lines: int


@dataclass(frozen=True)
class Rehearsal:
    """What a decision of everything that is there would do today; `refused` is why it could not be made."""

    destinations: tuple[Destination, ...]
    by_day: tuple[PlacesOfDay, ...]
    credited: tuple[Credited, ...]
    refused: str | None


@dataclass(frozen=True)
class Audit:
    """What was found. `read` counts documents by kind, `permissions` is what the API's user was told directly."""

    window: Window
    audited_at: datetime
    all_orders: bool
    read: Mapping[str, int]
    order_values: tuple[OrderValue, ...]
    permissions: tuple[Finding, ...]
    gaps: tuple[Gap, ...]
    rehearsal: Rehearsal


def audit(
    server_url: str,
    models: Models,
    rebound: ReboundClient,
    oro: OroClient,
    *,
    window: Window,
    out: Path,
    policy: Policy,
    mapping: ReboundMapping,
    aliases: Sequence[tuple[str, str]] = (),
    now: datetime,
    with_subtotals: bool = False,
    all_orders: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> Audit:
    """Audit the returns registered and (`all_orders`) the orders created in a window; gaps are written below `out`.

    `aliases` are pairs of alias and SKU that are known already; `say` is told what is being done. `server_url` must
    let us create a database, else PrivateDatabaseError. Raises the errors of the clients, OSError.
    """
    reach(oro)
    out.mkdir(parents=True, exist_ok=True)
    with private_database(server_url, models, purpose=RUN) as conn:
        for alias, sku in aliases:
            reference.add_alias(conn, alias, sku, added_by=RUN)
        conn.commit()
        permissions = tuple(viewing(oro, resource) for resource in _ASKED_DIRECTLY)
        land_everything(
            conn,
            rebound,
            oro,
            window,
            policy=policy,
            mapping=mapping,
            now=now,
            with_subtotals=with_subtotals,
            all_orders=all_orders,
            say=say,
        )
        say("asking the rules")
        ask_rules_about_orders(conn, models, policy, now=now)
        rehearsal = _rehearse(conn, models, policy, now)
        _decide_as_if_all_had_come(conn, models, policy, now)
        known = {"order_reference": list(policy.order_reference), "milestone": policy.credit.milestone}
        gaps = tuple(find_gaps(conn, out, known))
        return Audit(
            window,
            now,
            all_orders,
            _counts(conn, window),
            _order_values(conn),
            permissions,
            gaps,
            rehearsal,
        )


def _rehearse(conn: psycopg.Connection[Any], models: Models, policy: Policy, now: datetime) -> Rehearsal:
    """Decide everything once as it is, tell what came of it, and take it back."""
    refused = None
    with conn.transaction(force_rollback=True):
        version = reference.save_policy(conn, policy.document())
        try:
            decide(conn, models, ALWAYS, policy_version=version, decided_at=now, run_id=RUN)
        except DecisionRefused as error:
            refused = str(error)
        with conn.cursor(row_factory=class_row(PlacesOfDay)) as cursor:
            by_day = tuple(cursor.execute(_SQL["rehearsed_by_day"]).fetchall())
        return Rehearsal(tuple(destinations(conn, ALWAYS)), by_day, tuple(credited(conn, ALWAYS)), refused)


def _decide_as_if_all_had_come(
    conn: psycopg.Connection[Any], models: Models, policy: Policy, now: datetime
) -> None:
    """Match returns that are still under way too: what is wrong with them shows before they come."""
    conn.execute(_SQL["release_lines"])
    earliest = policy.model_copy(update={"credit": policy.credit.model_copy(update={"milestone": "created"})})
    version = reference.save_policy(conn, earliest.document())
    build_upto(conn, models, "intermediate.int_return_line_outcomes", parameters(version, now))
    for name in ("make_prices", "make_return_lines", "make_goods"):
        conn.execute(_SQL[name])
    conn.execute("analyze")
    conn.commit()


def _counts(conn: psycopg.Connection[Any], window: Window) -> dict[str, int]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return dict(cursor.execute(_SQL["read"], window.bounds).fetchone() or {})


def _order_values(conn: psycopg.Connection[Any]) -> tuple[OrderValue, ...]:
    with conn.cursor(row_factory=class_row(OrderValue)) as cursor:
        return tuple(cursor.execute(_SQL["order_values"]).fetchall())
