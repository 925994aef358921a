"""Dagster's storage in PostgreSQL, with the events that announce a run written together.

Before a run over a range of days starts, Dagster announces every asset of every day. dagster-postgres 0.29 writes such
events one at a time, each in several statements and transactions (some 3 ms), which for many days takes longer than the
run itself; materialisations it writes in batches. Here the announcements are written as it writes those; what is
stored is the same, row for row (a test compares).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from dagster import DagsterEventType, EventLogEntry, Field, StringSource
from dagster._config import UserConfigSchema
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData, serialize_value
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from sqlalchemy import Connection

from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.wiring import dagster_storage_url

if TYPE_CHECKING:
    from dagster import AssetKey

_ASSET = DagsterEventType.ASSET_MATERIALIZATION_PLANNED
_CHECK = DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED


class EventLog(PostgresEventLogStorage):
    """The event log of dagster-postgres, but for batches of announcements, and for what it asks again and again."""

    def has_table(self, table_name: str) -> bool:
        """Whether the schema has the table; one that was there once stays."""
        return self._once(("table", table_name), lambda: super(EventLog, self).has_table(table_name))

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        return self._once(
            ("column", column_name),
            lambda: super(EventLog, self)._has_asset_key_col_on_connection(conn, column_name),
        )

    def _once(self, what: tuple[str, str], ask: Callable[[], bool]) -> bool:
        # Asked for each event; each time the column lists of whole tables are read anew.
        known: set[tuple[str, str]] = self.__dict__.setdefault("_known_to_exist", set())
        if what not in known and ask():
            known.add(what)
        return what in known

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
        checks: list[dict[str, Any]] = []
        for event, event_id in zip(events, event_ids, strict=True):
            asset_key = event.get_dagster_event().asset_key
            if event.dagster_event_type == _CHECK:
                checks += self._planned(event, event_id)
            elif asset_key is not None:
                latest[asset_key] = (event, event_id)
        with self.index_transaction() as conn:
            if checks:
                conn.execute(AssetCheckExecutionsTable.insert(), checks)
            for event, event_id in latest.values():
                self._store_asset_event(conn, event, event_id)

    def _planned(self, event: EventLogEntry, event_id: int) -> list[dict[str, Any]]:
        planned = event.get_dagster_event().asset_check_planned_data
        days = planned.partitions_subset.get_partition_keys() if planned.partitions_subset else (None,)
        return [
            {
                "asset_key": planned.asset_key.to_string(),
                "check_name": planned.check_name,
                "partition": day,
                "run_id": event.run_id,
                "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
                "evaluation_event": serialize_value(event),
                "evaluation_event_timestamp": datetime.fromtimestamp(event.timestamp, UTC).replace(
                    tzinfo=None
                ),
                "evaluation_event_storage_id": event_id,
            }
            for day in days
        ]


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
