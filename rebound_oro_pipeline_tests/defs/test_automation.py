"""Schedules and sensors: what they ask for, and when they ask for nothing."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from rebound_oro_pipeline.defs.jobs import OFFER, PUSH, PUSH_OFFERS, PUSH_STOCK, RECONCILE, RETURNS
from rebound_oro_pipeline.defs.resources import Warehouse
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, environment

MESSAGE = """
insert into outbox.messages (kind, business_key, ordering_key, registered_at, payload, next_attempt_at)
values (%s, %s, '1', now(), '{}', now() + %s * interval '1 minute')
"""
KINDS: dict[str, str] = {
    "credit_notes_to_send": "oro_credit_note",
    "stock_to_send": "oro_inventory_delta",
    "offers_to_send": "rebound_order",
}
JOBS = {"credit_notes_to_send": PUSH, "stock_to_send": PUSH_STOCK, "offers_to_send": PUSH_OFFERS}


@pytest.fixture
def loop(database_url: str, tmp_path: Path) -> Iterator[Loop]:
    variables = {"REBOUND_ORO_DATABASE_URL": database_url, "REBOUND_ORO_HOME": str(tmp_path)}
    with environment(variables), Loop.in_memory(database_url) as loop:
        yield loop


def tick(loop: Loop, sensor: str) -> dg.RunRequest | str | None:
    """Evaluate a sensor as the daemon does: its one run request, or why there is none."""
    context = dg.build_sensor_context(
        instance=loop.instance,
        repository_def=loop.defs.get_repository_def(),
        resources={"warehouse": Warehouse()},
    )
    told = loop.defs.resolve_sensor_def(sensor).evaluate_tick(context)
    assert len(told.run_requests or ()) <= 1
    return told.run_requests[0] if told.run_requests else told.skip_message


def schedule_context(loop: Loop, moment: datetime) -> dg.ScheduleEvaluationContext:
    return dg.build_schedule_context(
        instance=loop.instance,
        scheduled_execution_time=moment,
        repository_def=loop.defs.get_repository_def(),
    )


def add_message(loop: Loop, kind: str, key: str, *, due_in_minutes: int = 0) -> None:
    with connect(loop.database_url) as conn:
        conn.execute(MESSAGE, (kind, key, due_in_minutes))


@pytest.mark.parametrize("sensor", KINDS)
def test_a_sensor_asks_for_one_run_that_sends_all_that_is_due_and_not_while_it_runs(
    loop: Loop, sensor: str
) -> None:
    assert tick(loop, sensor) == "nothing is due"
    for key in ("N-1", "N-2"):
        add_message(loop, KINDS[sensor], key)
    add_message(loop, KINDS[sensor], "N-3", due_in_minutes=30)
    asked = tick(loop, sensor)
    assert isinstance(asked, dg.RunRequest)
    assert asked.tags["outbox/due"] == "2"
    assert asked.run_key is None  # it would dedupe for ever
    job = loop.defs.resolve_job_def(JOBS[sensor])
    run = loop.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert tick(loop, sensor) == f"run {run.run_id} is still sending"
    loop.instance.report_run_canceled(run)
    assert isinstance(tick(loop, sensor), dg.RunRequest)
    with connect(loop.database_url) as conn:
        conn.execute("update outbox.messages set next_attempt_at = now() + interval '1 hour'")
    assert tick(loop, sensor) == "nothing is due"


def test_a_sensor_looks_at_its_own_kind_only(loop: Loop) -> None:
    add_message(loop, "oro_credit_note", "N-1")
    assert tick(loop, "stock_to_send") == "nothing is due"


def test_a_sensor_that_cannot_read_the_outbox_fails_and_asks_for_nothing(loop: Loop) -> None:
    os.environ["REBOUND_ORO_DATABASE_URL"] = "postgresql://nobody:secret@127.0.0.1:1/none"
    with pytest.raises(psycopg.OperationalError) as failure:
        tick(loop, "credit_notes_to_send")
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 3, 16, 4, 15, tzinfo=UTC), "2026-03-15"),
        (datetime(2026, 1, 1, 4, 15, tzinfo=UTC), "2025-12-31"),
        (datetime(2026, 3, 29, 4, 15, tzinfo=UTC), "2026-03-28"),
    ],
)
def test_the_daily_schedule_asks_for_yesterday_once(loop: Loop, moment: datetime, day: str) -> None:
    context = schedule_context(loop, moment)
    schedule = loop.defs.resolve_schedule_def("daily_returns")
    [asked] = schedule.evaluate_tick(context).run_requests or ()
    assert asked.partition_key == day
    assert asked.run_key == day
    assert schedule.job_name == RETURNS
    job = loop.defs.resolve_job_def(RETURNS)
    assert job.partitions_def is not None
    assert job.partitions_def.has_partition_key(day)


@pytest.mark.parametrize(
    ("schedule", "job"),
    [("stock_batches", PUSH_STOCK), ("nightly_reconciliation", RECONCILE), ("returnable_items", OFFER)],
)
def test_the_other_schedules_ask_for_their_job_at_every_tick(loop: Loop, schedule: str, job: str) -> None:
    definition = loop.defs.resolve_schedule_def(schedule)
    context = schedule_context(loop, datetime(2026, 3, 16, 5, tzinfo=UTC))
    assert len(definition.evaluate_tick(context).run_requests or ()) == 1
    assert definition.job_name == job
