"""The unit of time: one UTC day of ReBound returns, by the day on which the return was registered."""

from datetime import date, timedelta

import dagster as dg

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.defs.keys import key_of
from rebound_oro_pipeline.settings import PREFIX, Settings

RETURNS_LANDED = key_of("landing.rebound_returns")
RETURNS_DECIDED = key_of("ledger.credit_notes")
"""Assets of which every run of a day makes that day: at its begin, and at its end."""


def daily_returns(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Return the daily partitions, from the first day that the settings name up to yesterday."""
    return dg.DailyPartitionsDefinition(start_date=settings.first_day.isoformat(), timezone="UTC")


class DayError(ValueError):
    """Days that the pipeline has no partitions for; the message names the first and the last one it has."""


def range_of_days(settings: Settings, first: date, last: date) -> tuple[str, str]:
    """Return the keys of the first and the last day of a range; DayError where there is no such range."""
    partitions = daily_returns(settings)
    keys = (first.isoformat(), last.isoformat())
    if first > last:
        raise DayError(f"{keys[0]} is after {keys[1]}")
    if partitions.get_last_partition_key() is None:
        raise DayError(f"there are no days yet: the first one is {settings.first_day} ({PREFIX}FIRST_DAY)")
    for key in keys:
        if not partitions.has_partition_key(key):
            raise DayError(
                f"{key} is not among the days from {partitions.get_first_partition_key()} "
                f"({PREFIX}FIRST_DAY) to yesterday, {partitions.get_last_partition_key()} (UTC)"
            )
    return keys


def days_left_out(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partitions: dg.DailyPartitionsDefinition, last: date
) -> list[date]:
    """Return the days of an asset up to the last one that were never made, since the first one that was.

    If none was, that is the last one alone.
    """
    made = instance.get_materialized_partitions(asset)
    first = max(date.fromisoformat(min(made, default=last.isoformat())), partitions.start.date())
    days = (first + timedelta(days=further) for further in range((last - first).days + 1))
    return [day for day in days if day.isoformat() not in made]


def window_of(context: dg.AssetExecutionContext) -> Window:
    """Return the window of a run, whether it has one partition or a range of them."""
    window = context.partition_time_window
    return Window(window.start, window.end)
