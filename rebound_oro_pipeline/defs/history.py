"""Dagster's history: old runs go, with their events and the output of their steps, unless an asset's state is theirs.

Deleting a run deletes its events, and what Dagster knows of an asset is an event: a day counts as materialised, or as
failed, because of the run that did it last. So a run stays as long as any asset, or day of one, was last materialised,
or last attempted in vain, by it. What ran later over the same lets it go.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

import dagster as dg
from dagster._core.storage.dagster_run import FINISHED_STATUSES

from rebound_oro_pipeline.defs.local import local_instance
from rebound_oro_pipeline.settings import Settings

_MADE: Final = dg.DagsterEventType.ASSET_MATERIALIZATION
_PLANNED: Final = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
_AT_ONCE: Final = 500


@dataclass(frozen=True)
class OldRuns:
    """How many finished runs of before that moment were deleted, and how many are kept for the state of an asset."""

    before: datetime
    deleted: int
    kept: int


@contextmanager
def instance_of(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Open the instance of DAGSTER_HOME, as deploy/ sets it, else the one beside the data."""
    if os.environ.get("DAGSTER_HOME"):
        with dg.DagsterInstance.get() as instance:
            yield instance
    else:
        with local_instance(settings) as instance:
            yield instance


def delete_old_runs(instance: dg.DagsterInstance, before: datetime, *, dry_run: bool = False) -> OldRuns:
    """Delete the runs that ended before that moment (aware), one at a time, and the output of their steps.

    One that is interrupted has deleted some, and may be begun again.
    """
    latest = _Latest(instance)
    deleted = kept = 0
    for run_id in list(_ended(instance, before)):
        if latest.is_of(run_id):
            kept += 1
            continue
        deleted += 1
        if not dry_run:
            instance.delete_run(run_id)
            instance.compute_log_manager.delete_logs(prefix=[run_id])
    return OldRuns(before, deleted, kept)


def _ended(instance: dg.DagsterInstance, before: datetime) -> Iterator[str]:
    """Give their ids, all of them before any is deleted: the place in the list is told by the last run of a page."""
    ended = dg.RunsFilter(statuses=FINISHED_STATUSES, updated_before=before)
    cursor = None
    while page := instance.get_run_ids(ended, cursor=cursor, limit=_AT_ONCE):
        yield from page
        cursor = page[-1]


class _Latest:
    """The newest event of each asset and each day of it, asked for once an asset."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._by_day = cache(self._ask_by_day)
        self._of_asset = cache(self._ask_of_asset)

    def is_of(self, run_id: str) -> bool:
        """Whether an asset would be in another state without this run."""
        cursor, has_more = None, True
        while has_more:
            page = self._instance.get_records_for_run(
                run_id, cursor=cursor, of_type={_MADE, _PLANNED}, limit=_AT_ONCE
            )
            if any(self._is_latest(record) for record in page.records):
                return True
            cursor, has_more = page.cursor, page.has_more
        return False

    def _is_latest(self, record: dg.EventLogRecord) -> bool:
        event = record.event_log_entry.get_dagster_event()
        key = event.asset_key
        if key is None:
            return False
        made = self._by_day(key, _MADE)
        if event.event_type == _MADE:
            return record.storage_id == self._of_asset(key) or (
                event.partition is not None and record.storage_id >= made.get(event.partition, 0)
            )
        planned, several = (
            self._by_day(key, _PLANNED),
            event.asset_materialization_planned_data.partitions_subset,
        )
        days = several.get_partition_keys() if several else [event.partition] if event.partition else []
        return any(
            record.storage_id > made.get(day, 0) and record.storage_id >= planned.get(day, 0) for day in days
        )

    def _ask_by_day(self, key: dg.AssetKey, event_type: dg.DagsterEventType) -> Mapping[str, int]:
        return self._instance.event_log_storage.get_latest_storage_id_by_partition(key, event_type)

    def _ask_of_asset(self, key: dg.AssetKey) -> int | None:
        found = self._instance.fetch_materializations(key, limit=1).records
        return found[0].storage_id if found else None
