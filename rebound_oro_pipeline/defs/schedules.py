"""Schedules: what is done by the clock. Each has its switch and its cron in the settings; all times are UTC."""

from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from rebound_oro_pipeline.defs.jobs import (
    CATALOGUE,
    CATCH_UP,
    OFFER,
    OPEN_RETURNS,
    PUSH_STOCK,
    RECONCILE,
)
from rebound_oro_pipeline.defs.partitions import RETURNS_DECIDED, days_left_out
from rebound_oro_pipeline.services.follow_up import MISSED_DAYS
from rebound_oro_pipeline.settings import PREFIX, Settings, WrongSetting

if TYPE_CHECKING:
    from rebound_oro_pipeline.defs.jobs import Job


def _check_cron(name: str, cron: str) -> None:
    try:
        dg.ScheduleDefinition(name=name, job_name=name, cron_schedule=cron)
    except dg.DagsterInvalidDefinitionError:
        message = f"{PREFIX}{name.upper()}: {cron!r} is no cron schedule that Dagster takes"
        raise WrongSetting(message) from None


def build_schedules(
    settings: Settings, returns: "Job", partitions: dg.DailyPartitionsDefinition
) -> list[dg.ScheduleDefinition]:
    """Return the schedules; all times are UTC, like the partitions.

    Raises WrongSetting for a cron that Dagster does not take.
    """
    for name in type(settings).model_fields:
        if name.endswith("_cron"):
            _check_cron(name, getattr(settings, name))

    def status(*, enabled: bool) -> dg.DefaultScheduleStatus:
        return dg.DefaultScheduleStatus.RUNNING if enabled else dg.DefaultScheduleStatus.STOPPED

    @dg.schedule(
        name="daily_returns",
        job=returns,
        cron_schedule=settings.daily_cron,
        execution_timezone="UTC",
        default_status=status(enabled=settings.daily_enabled),
        description="Yesterday's returns, every morning, and those of the days before that were left out.",
    )
    def daily_returns(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        yesterday = (context.scheduled_execution_time.astimezone(UTC) - timedelta(days=1)).date()
        if yesterday < settings.first_day:
            return dg.SkipReason(
                f"{yesterday} is before the first day, {settings.first_day} ({PREFIX}FIRST_DAY)"
            )
        # Of the ticks that a daemon missed Dagster makes up for the last one only, and nothing else repeats a day that
        # failed. Each in a run of its own, so that one that cannot be read keeps no other from being decided.
        missing = days_left_out(context.instance, RETURNS_DECIDED, partitions, yesterday)
        days = sorted({yesterday, *(day for day in missing if yesterday - day < timedelta(days=MISSED_DAYS))})
        return [dg.RunRequest(run_key=str(day), partition_key=str(day)) for day in days]

    def by_the_clock(
        name: str, job: str, cron: str, description: str, *, enabled: bool
    ) -> dg.ScheduleDefinition:
        return dg.ScheduleDefinition(
            name=name,
            job_name=job,
            cron_schedule=cron,
            execution_timezone="UTC",
            default_status=status(enabled=enabled),
            description=description,
        )

    return [
        daily_returns,
        by_the_clock(
            "open_returns",
            OPEN_RETURNS,
            settings.open_returns_cron,
            "Open returns of the last 30 days, read again, because ReBound announces no update.",
            enabled=settings.open_returns_enabled,
        ),
        by_the_clock(
            "catalogue",
            CATALOGUE,
            settings.catalogue_cron,
            "Products and stock levels, read again.",
            enabled=settings.catalogue_enabled,
        ),
        by_the_clock(
            "stock_batches",
            PUSH_STOCK,
            settings.stock_cron,
            "Stock movements in batches, for a stable point of reconciliation.",
            enabled=settings.push_enabled and settings.stock_mode == "batched",
        ),
        by_the_clock(
            "nightly_catch_up",
            CATCH_UP,
            settings.catch_up_cron,
            "What webhooks missed: returns nobody told us of, and orders that changed.",
            enabled=settings.catch_up_enabled,
        ),
        by_the_clock(
            "returnable_items",
            OFFER,
            settings.offers_cron,
            "Orders that changed, and what of them may come back.",
            enabled=settings.offers_enabled,
        ),
        by_the_clock(
            "nightly_reconciliation",
            RECONCILE,
            settings.reconcile_cron,
            "What OroCommerce holds against the ledger, every night.",
            enabled=settings.reconcile_enabled,
        ),
    ]
