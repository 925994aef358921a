"""Schedules and sensors: what they ask for, and when they ask for nothing."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from rebound_oro_pipeline.defs.jobs import (
    CATALOGUE,
    CATCH_UP,
    FOLLOW_UP,
    OFFER,
    OPEN_RETURNS,
    PUSH,
    PUSH_OFFERS,
    PUSH_STOCK,
    RECONCILE,
    RETURNS,
)
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, environment, prepare, tick

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
FOLLOWING = ("webhooks_to_follow", "holds_to_ask_again", "people_to_follow")
SENSORS = (*KINDS, *FOLLOWING)


@pytest.fixture
def stored(database_url: str, tmp_path: Path) -> Iterator[Loop]:
    """Yield the definitions with an instance in the database: a schedule opens it by itself."""
    prepare(database_url)
    variables = {"REBOUND_ORO_DATABASE_URL": database_url, "REBOUND_ORO_HOME": str(tmp_path)}
    with environment(variables), Loop.on(database_url) as loop:
        yield loop


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
    assert tick(loop, sensor).reason == "nothing is due"
    for key in ("N-1", "N-2"):
        add_message(loop, KINDS[sensor], key)
    add_message(loop, KINDS[sensor], "N-3", due_in_minutes=30)
    asked = tick(loop, sensor)
    assert asked.request is not None
    assert asked.request.tags["rebound_oro/waiting"] == "2"
    job = loop.defs.resolve_job_def(JOBS[sensor])
    run = loop.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert tick(loop, sensor, asked.cursor).reason == f"run {run.run_id} is still at it"
    loop.instance.report_run_canceled(run)
    assert "a run was asked for" in str(tick(loop, sensor, asked.cursor).reason)
    add_message(loop, KINDS[sensor], "N-4")
    again = tick(loop, sensor, asked.cursor)
    assert again.request is not None
    assert again.request.run_key != asked.request.run_key
    with connect(loop.database_url) as conn:
        conn.execute("update outbox.messages set next_attempt_at = now() + interval '1 hour'")
    assert tick(loop, sensor, again.cursor).reason == "nothing is due"


def test_a_sensor_looks_at_its_own_kind_only(loop: Loop) -> None:
    add_message(loop, "oro_credit_note", "N-1")
    assert tick(loop, "stock_to_send").reason == "nothing is due"


@pytest.mark.parametrize("sensor", SENSORS)
def test_a_sensor_that_cannot_read_the_database_says_so_and_forgets_nothing(loop: Loop, sensor: str) -> None:
    """A failed read is no empty answer."""
    os.environ["REBOUND_ORO_DATABASE_URL"] = "postgresql://nobody:secret@127.0.0.1:1/none"
    told = tick(loop, sensor, "{}")
    assert told.request is None
    assert str(told.reason).startswith("the database cannot be read: ")
    assert "secret" not in str(told.reason)
    assert told.cursor in (None, "{}")


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 3, 16, 4, 15, tzinfo=UTC), "2026-03-15"),
        (datetime(2026, 1, 1, 4, 15, tzinfo=UTC), "2025-12-31"),
        (datetime(2026, 3, 29, 4, 15, tzinfo=UTC), "2026-03-28"),
    ],
)
def test_the_daily_schedule_asks_for_yesterday_once(stored: Loop, moment: datetime, day: str) -> None:
    schedule = stored.defs.resolve_schedule_def("daily_returns")
    with schedule_context(stored, moment) as context:
        [asked] = schedule.evaluate_tick(context).run_requests or ()
    assert asked.partition_key == day
    assert asked.run_key == day
    assert schedule.job_name == RETURNS
    job = stored.defs.resolve_job_def(RETURNS)
    assert job.partitions_def is not None
    assert job.partitions_def.has_partition_key(day)


def test_the_daily_schedule_waits_for_the_first_day(loop: Loop) -> None:
    """A new installation whose first day is today has none until tomorrow; that is no failure."""
    schedule = loop.defs.resolve_schedule_def("daily_returns")
    told = schedule.evaluate_tick(schedule_context(loop, datetime(2025, 1, 1, 4, 15, tzinfo=UTC)))
    assert not told.run_requests
    assert told.skip_message == "2024-12-31 is before the first day, 2025-01-01 (REBOUND_ORO_FIRST_DAY)"


def test_the_daily_schedule_asks_again_for_days_of_the_last_week_that_were_left_out(stored: Loop) -> None:
    """The daemon was off on some mornings, or a run failed. Nothing is asked for from before the first day decided."""
    schedule = stored.defs.resolve_schedule_def("daily_returns")

    def asked() -> list[str | None]:
        with schedule_context(stored, datetime(2026, 3, 16, 4, 15, tzinfo=UTC)) as context:
            requests = schedule.evaluate_tick(context).run_requests or ()
        assert [each.run_key for each in requests] == [each.partition_key for each in requests]
        return [each.partition_key for each in requests]

    def decided(*days: str) -> None:
        for day in days:
            stored.instance.report_runless_asset_event(
                dg.AssetMaterialization(["ledger", "credit_notes"], partition=day)
            )

    decided("2026-03-12")
    assert asked() == ["2026-03-13", "2026-03-14", "2026-03-15"]
    decided("2026-03-14", "2026-03-15")
    assert asked() == ["2026-03-13", "2026-03-15"], "yesterday is asked for whatever is there"
    decided("2026-01-05")
    assert asked() == [*(f"2026-03-{day:02}" for day in (9, 10, 11, 13)), "2026-03-15"]


@pytest.mark.parametrize(
    ("schedule", "job"),
    [
        ("stock_batches", PUSH_STOCK),
        ("nightly_reconciliation", RECONCILE),
        ("returnable_items", OFFER),
        ("open_returns", OPEN_RETURNS),
        ("catalogue", CATALOGUE),
        ("nightly_catch_up", CATCH_UP),
    ],
)
def test_the_other_schedules_ask_for_their_job_at_every_tick(loop: Loop, schedule: str, job: str) -> None:
    definition = loop.defs.resolve_schedule_def(schedule)
    context = schedule_context(loop, datetime(2026, 3, 16, 5, tzinfo=UTC))
    assert len(definition.evaluate_tick(context).run_requests or ()) == 1
    assert definition.job_name == job


WAITING = {
    "webhooks_to_follow": """
        insert into inbox.deliveries (source, received_at, headers, body, content_hash)
        values ('rebound', now(), '{}', 'x', 'x')
    """,
    "holds_to_ask_again": """
        insert into ledger.holds (
            subject, reason, return_id, return_line_key, quantity, registered_at, held_since, attempts,
            next_check_at, changed_at
        ) values ('R1 / 1', 'not_dispatched', 'R1', '1', 1, now(), now(), 1, now(), now())
    """,
    "people_to_follow": """
        insert into reference.sku_aliases (alias, sku, added_by) values ('OLD', 'NEW', 'maria')
    """,
}


@pytest.mark.parametrize("sensor", FOLLOWING)
def test_what_waits_to_be_looked_at_is_asked_for_once(loop: Loop, sensor: str) -> None:
    assert tick(loop, sensor).reason == "nothing is due"
    with connect(loop.database_url) as conn:
        conn.execute(WAITING[sensor])
    asked = tick(loop, sensor)
    assert asked.request is not None
    assert tick(loop, sensor, asked.cursor).request is None
    assert [other for other in FOLLOWING if tick(loop, other).request] == [sensor]
    run = loop.instance.create_run_for_job(
        loop.defs.resolve_job_def(FOLLOW_UP), status=dg.DagsterRunStatus.STARTED
    )
    assert tick(loop, sensor).reason == f"run {run.run_id} is still at it"
