"""Sensors: what waits is followed by one run that takes all of it, whatever wakes them and however often.

What they read is the database; none of them calls ReBound or OroCommerce. A read that fails is a skip that says why.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import psycopg

from rebound_oro_pipeline.defs.asking import ask, busy_run
from rebound_oro_pipeline.defs.jobs import FOLLOW_UP, PUSH, PUSH_OFFERS, PUSH_STOCK
from rebound_oro_pipeline.defs.resources import Warehouse
from rebound_oro_pipeline.services.follow_up import INTERVENTIONS
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.warehouse import follow_up, outbox, watermarks

Waiting = tuple[int, str | None]
"""How much waits, and a mark that is another one when more has come."""

_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)


def build_sensors(settings: Settings) -> Sequence[dg.SensorDefinition]:
    """Return the sensors of the outbox, and those of what has to be looked at again."""
    near_real_time = settings.push_enabled and settings.stock_mode == "near_real_time"
    follow = settings.follow_up_enabled
    return [
        _sensor(
            "credit_notes_to_send",
            PUSH,
            _due("oro_credit_note"),
            "Starts the push when credit notes are due; one run sends them all.",
            enabled=settings.push_enabled,
        ),
        _sensor(
            "stock_to_send",
            PUSH_STOCK,
            _due("oro_inventory_delta"),
            "Starts the push when stock movements are due, where stock is written in near real time.",
            enabled=near_real_time,
        ),
        _sensor(
            "offers_to_send",
            PUSH_OFFERS,
            _due("rebound_order"),
            "Starts the push when ReBound is to be told of returnable items.",
            enabled=settings.offers_enabled,
        ),
        _sensor(
            "webhooks_to_follow",
            FOLLOW_UP,
            _deliveries,
            "Looks at the returns, and the held returns of the orders, that webhooks told us of.",
            enabled=follow,
            seconds=15,
        ),
        _sensor(
            "holds_to_ask_again",
            FOLLOW_UP,
            _holds,
            "Looks at returns that came too early, when they are due; their orders are read anew.",
            enabled=follow,
        ),
        _sensor(
            "people_to_follow",
            FOLLOW_UP,
            _people,
            "Looks at returns about which people decided something, or whose code was given an alias.",
            enabled=follow,
        ),
    ]


def _due(kind: outbox.Kind) -> Callable[[psycopg.Connection[Any]], Waiting]:
    def waiting(conn: psycopg.Connection[Any]) -> Waiting:
        return outbox.due(conn, kind), outbox.due_mark(conn, kind)

    return waiting


def _deliveries(conn: psycopg.Connection[Any]) -> Waiting:
    found = _occasions(conn)
    return found.deliveries, found.deliveries_mark


def _holds(conn: psycopg.Connection[Any]) -> Waiting:
    found = _occasions(conn)
    return found.holds, found.holds_mark


def _people(conn: psycopg.Connection[Any]) -> Waiting:
    found = _occasions(conn)
    return found.interventions, found.interventions_mark


def _occasions(conn: psycopg.Connection[Any]) -> follow_up.Occasions:
    now = datetime.now(UTC)
    since = watermarks.read_until(conn, INTERVENTIONS, now=now) or _EARLIEST
    return follow_up.occasions(conn, now=now, since=since)


def _sensor(
    name: str,
    job: str,
    waiting: Callable[[psycopg.Connection[Any]], Waiting],
    description: str,
    *,
    enabled: bool,
    seconds: int = 30,
) -> dg.SensorDefinition:
    @dg.sensor(
        name=name,
        job_name=job,
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if enabled else dg.DefaultSensorStatus.STOPPED,
        description=description,
    )
    def sensor(
        context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.SensorResult | dg.SkipReason:
        if running := busy_run(context.instance, job):
            return dg.SkipReason(f"run {running} is still at it")
        try:
            with warehouse.connect("sensor") as conn:
                count, mark = waiting(conn)
        except psycopg.Error as error:
            return dg.SkipReason(f"the database cannot be read: {' '.join(str(error).split())}")
        asked = ask(name, context.cursor, waiting=count, mark=mark, now=datetime.now(UTC))
        if asked.run_key is None:
            return dg.SkipReason(asked.reason)
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=asked.run_key, tags={"rebound_oro/waiting": str(count)})],
            cursor=asked.cursor,
        )

    return sensor
