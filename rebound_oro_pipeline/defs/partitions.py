"""The unit of time: one UTC day of ReBound returns, by the day on which the return was registered."""

import dagster as dg

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.settings import Settings


def daily_returns(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Return the daily partitions, from the first day that the settings name up to yesterday."""
    return dg.DailyPartitionsDefinition(start_date=settings.first_day.isoformat(), timezone="UTC")


def window_of(context: dg.AssetExecutionContext) -> Window:
    """Return the window of a run, whether it has one partition or a range of them."""
    window = context.partition_time_window
    return Window(window.start, window.end)
