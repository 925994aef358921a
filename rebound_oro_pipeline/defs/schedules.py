"""Schedules: the daily returns, and stock in batches. Each has its switch and its cron in the settings."""

from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from rebound_oro_pipeline.defs.jobs import OFFER, PUSH_STOCK, RECONCILE, RETURNS
from rebound_oro_pipeline.settings import Settings

if TYPE_CHECKING:  # Dagster gives these no public name
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def build_schedules(
    settings: Settings, jobs: "dict[str, UnresolvedAssetJobDefinition]"
) -> list[dg.ScheduleDefinition]:
    """Return the schedules; all times are UTC, like the partitions."""

    def status(*, enabled: bool) -> dg.DefaultScheduleStatus:
        return dg.DefaultScheduleStatus.RUNNING if enabled else dg.DefaultScheduleStatus.STOPPED

    @dg.schedule(
        name="daily_returns",
        job=jobs[RETURNS],
        cron_schedule=settings.daily_cron,
        execution_timezone="UTC",
        default_status=status(enabled=settings.daily_enabled),
        description="Yesterday's returns, every morning.",
    )
    def daily_returns(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        yesterday = (context.scheduled_execution_time.astimezone(UTC) - timedelta(days=1)).date().isoformat()
        return dg.RunRequest(run_key=yesterday, partition_key=yesterday)

    return [
        daily_returns,
        dg.ScheduleDefinition(
            name="stock_batches",
            job=jobs[PUSH_STOCK],
            cron_schedule=settings.stock_cron,
            execution_timezone="UTC",
            default_status=status(enabled=settings.push_enabled and settings.stock_mode == "batched"),
            description="Stock movements in batches, for a stable point of reconciliation.",
        ),
        dg.ScheduleDefinition(
            name="returnable_items",
            job=jobs[OFFER],
            cron_schedule=settings.offers_cron,
            execution_timezone="UTC",
            default_status=status(enabled=settings.offers_enabled),
            description="Orders that changed, and what of them may come back.",
        ),
        dg.ScheduleDefinition(
            name="nightly_reconciliation",
            job=jobs[RECONCILE],
            cron_schedule=settings.reconcile_cron,
            execution_timezone="UTC",
            default_status=status(enabled=settings.daily_enabled),
            description="What OroCommerce holds against the ledger, every night.",
        ),
    ]
