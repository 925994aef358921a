"""Dagster's storage in PostgreSQL, with the events that announce a run written together.

Before a run over a range of days starts, Dagster announces every asset of every day. dagster-postgres 0.29 writes such
events one at a time, each in several statements and transactions (some 3 ms), which for many days takes longer than the
run itself; materialisations it writes in batches. Here the announcements are written as it writes those; what is
stored is the same, row for row (a test compares).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from dagster import DagsterEventType, EventLogEntry, Field, StringSource
from dagster._config import UserConfigSchema
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage

from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.wiring import dagster_storage_url

if TYPE_CHECKING:
    from dagster import AssetKey

_ASSET = DagsterEventType.ASSET_MATERIALIZATION_PLANNED
_CHECK = DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED


class EventLog(PostgresEventLogStorage):
    """The event log of dagster-postgres, but for batches of announcements."""

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events that belong together; DAGSTER_EVENT_BATCH_SIZE says how many Dagster hands over at once."""
        if {event.dagster_event_type for event in events} <= {_ASSET, _CHECK}:
            self._store_announcements(events)
        else:
            super().store_event_batch(events)

    def _store_announcements(self, events: Sequence[EventLogEntry]) -> None:
        with self._connect() as conn:
            insert = self.prepare_insert_event_batch(events).returning(SqlEventLogStorageTable.c.id)
            event_ids = [int(row[0]) for row in conn.execute(insert)]
        latest: dict[AssetKey, tuple[EventLogEntry, int]] = {}
        for event, event_id in zip(events, event_ids, strict=True):
            asset_key = event.get_dagster_event().asset_key
            if event.dagster_event_type == _CHECK:
                self.store_asset_check_event(event, event_id)
            elif asset_key is not None:
                latest[asset_key] = (event, event_id)
        with self.index_transaction() as conn:
            for event, event_id in latest.values():
                self._store_asset_event(conn, event, event_id)


class Storage(DagsterPostgresStorage):
    """Storage of runs, events and schedules, as dagster.yaml names it."""

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url, inst_data=inst_data)
        self._event_log_storage.__class__ = EventLog  # the same tables and connections, made once

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Return the schema of the block `config` in dagster.yaml."""
        return {"postgres_url": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Make it from the block `config` in dagster.yaml; without a URL there, the settings say where it lies."""
        return cls(config_value.get("postgres_url") or dagster_storage_url(Settings()), inst_data)
