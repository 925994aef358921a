"""Schedules: the daily returns, and stock in batches. Each has its switch and its cron in the settings."""

import dagster as dg

from rebound_oro_pipeline.defs.jobs import PUSH_STOCK, RECONCILE, RETURNS
from rebound_oro_pipeline.settings import Settings


def build_schedules(
    settings: Settings, jobs: dict[str, dg.UnresolvedAssetJobDefinition]
) -> list[dg.ScheduleDefinition | dg.UnresolvedPartitionedAssetScheduleDefinition]:
    """Return the schedules; all times are UTC, like the partitions."""

    def status(*, enabled: bool) -> dg.DefaultScheduleStatus:
        return dg.DefaultScheduleStatus.RUNNING if enabled else dg.DefaultScheduleStatus.STOPPED

    return [
        dg.build_schedule_from_partitioned_job(
            jobs[RETURNS],
            name="daily_returns",
            cron_schedule=settings.daily_cron,
            default_status=status(enabled=settings.daily_enabled),
            description="Yesterday's returns, every morning.",
        ),
        dg.ScheduleDefinition(
            name="stock_batches",
            job=jobs[PUSH_STOCK],
            cron_schedule=settings.stock_cron,
            execution_timezone="UTC",
            default_status=status(enabled=settings.push_enabled and settings.stock_mode == "batched"),
            description="Stock movements in batches, for a stable point of reconciliation.",
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
