"""Asks what has to be looked at again, though no new day has begun, and keeps which looks have ended. Never commits."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.warehouse.statements import load

_SQL = load("follow_up")


@dataclass(frozen=True, slots=True)
class Occasions:
    """How much waits to be looked at: deliveries of webhooks, due holds, what people said since a moment.

    Each mark is a text that is another one when more has come; None where nothing ever has.
    """

    deliveries: int
    deliveries_mark: str | None
    holds: int
    holds_mark: str | None
    interventions: int
    interventions_mark: str | None


def occasions(conn: psycopg.Connection[Any], *, now: datetime, since: datetime) -> Occasions:
    """Say what waits `now`; `since`: up to when people's interventions were followed."""
    with conn.cursor(row_factory=class_row(Occasions)) as cursor:
        [found] = cursor.execute(_SQL["occasions"], {"now": now, "since": since}).fetchall()
        return found


def due_holds(conn: psycopg.Connection[Any], now: datetime) -> list[datetime]:
    """List when the returns were registered that are held and due to be asked again."""
    return _moments(conn, "due_holds", now=now)


def interventions(conn: psycopg.Connection[Any], since: datetime) -> list[datetime]:
    """List when the returns were registered about which people said something since then."""
    return _moments(conn, "interventions", since=since)


def begin_look(conn: psycopg.Connection[Any], run_id: str, now: datetime) -> datetime:
    """Remember that a run begins to land what it is going to decide; return since when such landings may wait."""
    [(since, _)] = conn.execute(_SQL["begin_look"], {"run_id": run_id, "now": now}).fetchall()
    began: datetime = since
    return began


def end_look(conn: psycopg.Connection[Any], run_id: str) -> None:
    """Forget a look that has decided what was landed, and those that had failed before."""
    conn.execute(_SQL["end_look"], {"run_id": run_id})


def let_go_of_look(conn: psycopg.Connection[Any], run_id: str) -> None:
    """Say that a look is not at work any more, ended or not."""
    conn.execute(_SQL["let_go"], {"run_id": run_id})


def leave_to_next_look(conn: psycopg.Connection[Any], window: Window, run_id: str, now: datetime) -> None:
    """Have the next look decide what a run has landed that was registered outside of its window, if there is any."""
    conn.execute(_SQL["leave_to_next_look"], {**window.bounds, "run_id": run_id, "now": now})


def landed_since(conn: psycopg.Connection[Any], since: datetime) -> list[datetime]:
    """List when the returns were registered that have landed since then, new or changed, readable or not."""
    return _moments(conn, "landed_since", since=since)


def held_for_changed_orders(conn: psycopg.Connection[Any], since: datetime) -> list[datetime]:
    """List when the held returns were registered whose order has landed anew since then."""
    return _moments(conn, "held_for_changed_orders", since=since)


def known_returns(conn: psycopg.Connection[Any], return_ids: Collection[str]) -> set[str]:
    """Return those of the ids whose document has landed, readable or not."""
    return {row[0] for row in conn.execute(_SQL["known_returns"], {"return_ids": list(return_ids)})}


def known_products(conn: psycopg.Connection[Any]) -> list[str]:
    """List the ids of all products that have landed."""
    return [row[0] for row in conn.execute(_SQL["known_goods"])]


def _moments(conn: psycopg.Connection[Any], name: str, **parameters: object) -> list[datetime]:
    return [row[0] for row in conn.execute(_SQL[name], parameters)]
