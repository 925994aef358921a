"""Dagster's storage in PostgreSQL, with fewer statements for the same rows.

Before a run over a range of days starts, Dagster announces every asset of every day. dagster-postgres 0.29 writes such
events one at a time, each in several statements and transactions (some 3 ms), which for many days takes longer than the
run itself; materialisations it writes in batches. Here the announcements are written as it writes those. So are the
results of checks, of which a step hands over many at once, and that a step has an output, which the next event says in
full. What is stored is the same, row for row (a test compares).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Self

from dagster import AssetKey, DagsterEventType, EventLogEntry, EventLogRecord, Field, StringSource
from dagster._config import UserConfigSchema
from dagster._core.events import ASSET_EVENTS
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.migration import ASSET_KEY_INDEX_COLS
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from dagster._serdes import ConfigurableClassData, deserialize_value, serialize_value
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.wiring import dagster_storage_url

_ASSET = DagsterEventType.ASSET_MATERIALIZATION_PLANNED
_CHECK = DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
_CHECKED = DagsterEventType.ASSET_CHECK_EVALUATION
_TOGETHER = (DagsterEventType.STEP_OUTPUT, _CHECKED)
"""Events that are followed at once by another one of their run, at the latest by the end of their step."""
_AT_ONCE = 200
_SETTLE = text("""
update asset_check_executions as kept
set execution_status = told.status, evaluation_event = told.event, evaluation_event_timestamp = told.at,
    evaluation_event_storage_id = told.event_id, materialization_event_storage_id = told.materialization_id
from unnest(
    cast(:asset_keys as text[]), cast(:check_names as text[]), cast(:partitions as text[]),
    cast(:statuses as text[]), cast(:events as text[]), cast(:times as timestamp[]), cast(:event_ids as bigint[]),
    cast(:materialization_ids as bigint[])
) as told (asset_key, check_name, partition, status, event, at, event_id, materialization_id)
where kept.asset_key = told.asset_key and kept.check_name = told.check_name and kept.run_id = :run_id
    and kept.partition is not distinct from told.partition
returning kept.evaluation_event_storage_id
""")
"""Results of checks into the rows that announced them, as Dagster writes a single one."""

_FORGET = text("""
delete from asset_check_executions as old
where old.run_id = :run_id and exists (
    select from asset_check_executions as later
    where later.asset_key = old.asset_key and later.check_name = old.check_name
        and later.partition is not distinct from old.partition and later.id > old.id
)
""")


class EventLog(PostgresEventLogStorage):
    """The event log of dagster-postgres, with fewer statements: see above."""

    _known: set[tuple[str, str]]
    _waiting: dict[str, list[EventLogEntry]]
    _unsettled: dict[str, list[tuple[EventLogEntry, int]]]
    _lock: Lock

    @classmethod
    def take_over(cls, storage: PostgresEventLogStorage) -> None:
        """Make an event log of dagster-postgres one of these: the same tables and connections, made once."""
        storage.__class__ = cls
        storage.__dict__.update(_known=set(), _waiting={}, _unsettled={}, _lock=Lock())

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
        if what not in self._known and ask():
            self._known.add(what)
        return what in self._known

    def _get_latest_materialization_records(
        self, raw_asset_rows: Sequence[Mapping[str, Any]]
    ) -> Mapping[AssetKey, EventLogRecord | None]:
        # Dagster asks the log for those that a row does not tell, also where there are none. A row of an asset that
        # was never wiped tells it.
        latest: dict[AssetKey, EventLogRecord | None] = {}
        for row in raw_asset_rows:
            key = AssetKey.from_db_string(row["asset_key"])
            stored = row["last_materialization"] if not row["asset_details"] else None
            record = deserialize_value(stored) if stored else None
            if key is None or not isinstance(record, EventLogRecord):
                return super()._get_latest_materialization_records(raw_asset_rows)
            latest[key] = record
        return latest

    def delete_events_for_run(self, conn: Connection, run_id: str) -> None:
        """Delete the events of a run, and results of its checks that later ones replaced, which Dagster leaves."""
        super().delete_events_for_run(conn, run_id)
        conn.execute(_FORGET, {"run_id": run_id})

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event; some wait for the next event of their run, and are stored with it."""
        with self._lock:
            events = [*self._waiting.pop(event.run_id, ()), event]
            if event.dagster_event_type in _TOGETHER and event.run_id and len(events) < _AT_ONCE:
                self._waiting[event.run_id] = events
                return
        self._store(events)

    def _store(self, events: Sequence[EventLogEntry]) -> None:
        """Store events of one run; all but the last are of the kinds that wait."""
        try:
            with self._connect() as conn:
                event_ids = self._insert(conn, events)
        except Exception:
            # Dagster bears that a message of a step is lost; what waited for it is not lost with it.
            waited = [event for event in events if event.dagster_event_type in _TOGETHER]
            with self._lock:
                if waited:
                    run_id = waited[0].run_id
                    self._waiting[run_id] = [*waited, *self._waiting.get(run_id, ())]
            raise
        checked = [
            (event, event_id)
            for event, event_id in zip(events, event_ids, strict=True)
            if event.dagster_event_type == _CHECKED
        ]
        self._settle_all(events[-1].run_id, checked)
        event, event_id = events[-1], event_ids[-1]
        # dagster-postgres also notifies those who listen, which nobody does any more.
        if event.dagster_event_type in ASSET_EVENTS and event.get_dagster_event().asset_key:
            with self.index_transaction() as conn:
                self._store_asset_event_tags(conn, [event], [event_id])
                self._store_asset_event(conn, event, event_id)
        if event.dagster_event_type == _CHECK:
            self.store_asset_check_event(event, event_id)

    def _settle_all(self, run_id: str, checked: Sequence[tuple[EventLogEntry, int]]) -> None:
        # As above: who said the next event may bear that it fails, and the results would stay as announced.
        with self._lock:
            due = [*self._unsettled.pop(run_id, ()), *checked]
        try:
            self._settle(due)
        except Exception:
            with self._lock:
                self._unsettled[run_id] = due
            raise

    def _settle(self, checked: Sequence[tuple[EventLogEntry, int]]) -> None:
        latest = {
            (result.asset_key, result.check_name, result.partition): (event, event_id)
            for event, event_id in checked
            for result in (event.get_dagster_event().asset_check_evaluation_data,)
        }
        settled: set[int] = set()
        if latest:
            rows = [self._checked(event, event_id) for event, event_id in latest.values()]
            columns = {name: [row[name] for row in rows] for name in rows[0]}
            with self.index_connection() as conn:
                done = conn.execute(_SETTLE, {"run_id": checked[0][0].run_id, **columns})
                settled = {int(row[0]) for row in done}
        for event, event_id in latest.values():
            if event_id not in settled:  # nobody announced it
                self.store_asset_check_event(event, event_id)

    @staticmethod
    def _checked(event: EventLogEntry, event_id: int) -> dict[str, Any]:
        result = event.get_dagster_event().asset_check_evaluation_data
        status = (
            AssetCheckExecutionRecordStatus.SUCCEEDED
            if result.passed
            else AssetCheckExecutionRecordStatus.FAILED
        )
        target = result.target_materialization_data
        return {
            "asset_keys": result.asset_key.to_string(),
            "check_names": result.check_name,
            "partitions": result.partition,
            "statuses": status.value,
            "events": serialize_value(event),
            "times": _time_of(event),
            "event_ids": event_id,
            "materialization_ids": target.storage_id if target else None,
        }

    def _insert(self, conn: Connection, events: Sequence[EventLogEntry]) -> list[int]:
        # SQLAlchemy keeps what it made of a statement of one row; a statement of many it makes anew each time.
        statement = SqlEventLogStorageTable.insert().returning(
            SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
        )
        return [int(row[0]) for row in conn.execute(statement, [self._event_to_row(each) for each in events])]

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events that belong together; DAGSTER_EVENT_BATCH_SIZE says how many Dagster hands over at once."""
        for run_id in {event.run_id for event in events}:
            with self._lock:
                waited = self._waiting.pop(run_id, [])
            if waited:
                self._store(waited)
        if {event.dagster_event_type for event in events} <= {_ASSET, _CHECK}:
            self._store_announcements(events)
        else:
            super().store_event_batch(events)

    def _store_announcements(self, events: Sequence[EventLogEntry]) -> None:
        with self._connect() as conn:
            event_ids = self._insert(conn, events)
        latest: dict[str, dict[str, Any]] = {}
        checks: list[dict[str, Any]] = []
        for event, event_id in zip(events, event_ids, strict=True):
            asset_key = event.get_dagster_event().asset_key
            if event.dagster_event_type == _CHECK:
                checks += self._planned(event, event_id)
            elif asset_key is not None:
                values = self._get_asset_entry_values(
                    event, event_id, self.has_secondary_index(ASSET_KEY_INDEX_COLS)
                )
                latest[asset_key.to_string()] = {"asset_key": asset_key.to_string(), **values}
        with self.index_transaction() as conn:
            if checks:
                conn.execute(AssetCheckExecutionsTable.insert(), checks)
            if latest:
                self._announce_assets(conn, [latest[key] for key in sorted(latest)])

    @staticmethod
    def _announce_assets(conn: Connection, rows: Sequence[dict[str, Any]]) -> None:
        statement = insert(AssetKeyTable)
        told = {name: statement.excluded[name] for name in rows[0] if name != "asset_key"}
        conn.execute(
            statement.on_conflict_do_update(index_elements=[AssetKeyTable.c.asset_key], set_=told), rows
        )

    @staticmethod
    def _planned(event: EventLogEntry, event_id: int) -> list[dict[str, Any]]:
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
                "evaluation_event_timestamp": _time_of(event),
                "evaluation_event_storage_id": event_id,
            }
            for day in days
        ]


def _time_of(event: EventLogEntry) -> datetime:
    """Return when it happened, in UTC and without saying so, as Dagster's tables keep it."""
    return datetime.fromtimestamp(event.timestamp, UTC).replace(tzinfo=None)


class Storage(DagsterPostgresStorage):
    """Storage of runs, events and schedules, as dagster.yaml names it."""

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url, inst_data=inst_data)
        EventLog.take_over(self._event_log_storage)

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
