"""Dagster's storage in PostgreSQL: events arrive, and announcements written together are those written one by one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster_postgres import DagsterPostgresStorage
from sqlalchemy import Engine, create_engine, event

from rebound_oro_pipeline.defs.local import execute, local_instance, prepare_home
from rebound_oro_pipeline.defs.storage import EventLog, Storage
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.sqlmodels.relations import ensure_schema
from rebound_oro_pipeline.warehouse.connection import connect, dagster_url
from rebound_oro_pipeline.wiring import DAGSTER_SCHEMA, dagster_storage_url
from rebound_oro_pipeline_tests.pipeline_at_work import environment

DAYS = ("2026-03-02", "2026-03-04")
TABLES = {
    "event_logs": "dagster_event_type, step_key, asset_key, partition, event from event_logs "
    "where dagster_event_type like '%PLANNED' union all select dagster_event_type, step_key, asset_key, partition, "
    "(row_number() over (order by id))::text from event_logs",
    "asset_keys": "asset_key, last_materialization is null, last_run_id is null, asset_details from asset_keys",
    "asset_event_tags": "asset_key, key from asset_event_tags",
    "asset_check_executions": "asset_key, check_name, partition, execution_status, "
    "evaluation_event = (select event from event_logs where id = evaluation_event_storage_id), "
    "evaluation_event_timestamp = (select timestamp from event_logs where id = evaluation_event_storage_id), "
    "materialization_event_storage_id = (select max(id) from event_logs as made where "
    "made.asset_key = asset_check_executions.asset_key and dagster_event_type = 'ASSET_MATERIALIZATION') "
    "from asset_check_executions",
}
"""Of the event log, what is written differently, and in which order; elsewhere, what it leads to."""
CHECKS = {"is_fine": True, "is_small": False, "was_forgotten": True}
"""Those of a run of many days are announced for each day, and told of all."""
CHANGING = ("run_id", "timestamp", "event_id", "pid", "data_version")


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Iterator[Settings]:
    with connect(database_url) as conn:
        ensure_schema(conn, DAGSTER_SCHEMA)
    with environment({"REBOUND_ORO_HOME": str(tmp_path / "home"), "REBOUND_ORO_DATABASE_URL": database_url}):
        yield Settings()


@contextmanager
def instance_of(settings: Settings, storage: type[DagsterPostgresStorage]) -> Iterator[dg.DagsterInstance]:
    """Open an instance as dagster.yaml describes it, or with the storage of dagster-postgres."""
    home = prepare_home(settings)
    if storage is not Storage:
        text = yaml.safe_load((home / "dagster.yaml").read_text())
        text["storage"] = {"postgres": {"postgres_url": dagster_storage_url(settings)}}
        home = home.parent / "other"
        home.mkdir()
        (home / "dagster.yaml").write_text(yaml.safe_dump(text))
        os.environ["DAGSTER_HOME"] = str(home)
    with dg.DagsterInstance.get() as instance:
        yield instance


def little_definitions(*, with_days: bool = True) -> dg.Definitions:
    partitions = dg.DailyPartitionsDefinition("2026-03-01", timezone="UTC") if with_days else None

    @dg.multi_asset(
        specs=[dg.AssetSpec("by_day", partitions_def=partitions), dg.AssetSpec("also", deps=["by_day"])],
        check_specs=[dg.AssetCheckSpec(name, asset="by_day") for name in CHECKS],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def both() -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        for name in ("by_day", "also"):
            yield dg.MaterializeResult(asset_key=name, metadata={"rows": 1})
        with connect(Settings().required("database_url")) as conn:
            conn.execute(
                f"delete from {DAGSTER_SCHEMA}.asset_check_executions where check_name = 'was_forgotten'"
            )
        for name, passed in CHECKS.items():
            yield dg.AssetCheckResult(
                asset_key="by_day", check_name=name, passed=passed, severity=dg.AssetCheckSeverity.WARN
            )

    return dg.Definitions(
        assets=[both],
        jobs=[dg.define_asset_job("work", executor_def=dg.in_process_executor)],
        executor=dg.in_process_executor,
    )


def stored(settings: Settings) -> dict[str, list[str]]:
    """Return what the tables of the event log hold, without what every run has of its own."""
    found = {}
    with connect(settings.required("database_url")) as conn:
        conn.execute(f"set search_path to {DAGSTER_SCHEMA}")
        for table, columns in TABLES.items():
            rows = conn.execute(f"select {columns}").fetchall()
            found[table] = sorted(repr(_without_what_changes(row)) for row in rows)
        conn.execute(f"truncate {', '.join(TABLES)}")
    return found


def _without_what_changes(row: tuple[Any, ...]) -> list[Any]:
    return [
        value
        if not (isinstance(value, str) and value.startswith("{"))
        else {key: _plain(kept) for key, kept in yaml.safe_load(value).items() if key not in CHANGING}
        for value in row
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(kept) for key, kept in value.items() if key not in CHANGING}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def test_a_run_is_stored_in_the_schema_of_its_own(settings: Settings) -> None:
    """With psycopg 3 and SQLAlchemy 2.1, dagster-postgres fails on the first event (dagster issue 33958)."""
    assert dagster_storage_url(settings).startswith("postgresql+psycopg2://")
    with instance_of(settings, Storage) as instance:
        assert isinstance(instance.event_log_storage, EventLog)
        result = execute(little_definitions(), instance, "work", days=DAYS)
        assert result.success
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        assert run.status is dg.DagsterRunStatus.SUCCESS
        records = instance.fetch_materializations(dg.AssetKey("by_day"), limit=10).records
        assert {record.partition_key for record in records} == {"2026-03-02", "2026-03-03", "2026-03-04"}
    with connect(settings.required("database_url")) as conn:
        rows = conn.execute(
            "select table_schema from information_schema.tables where table_name = 'event_logs'"
        )
        assert rows.fetchall() == [(DAGSTER_SCHEMA,)]


@pytest.mark.parametrize("days", [DAYS, None])
def test_events_written_together_are_those_written_one_by_one(
    settings: Settings, days: tuple[str, str] | None
) -> None:
    found = []
    for storage in (DagsterPostgresStorage, Storage):
        with instance_of(settings, storage) as instance:
            defs = little_definitions(with_days=days is not None)
            assert execute(defs, instance, "work", days=days).success
        found.append(stored(settings))
    one_by_one, together = found
    assert together == one_by_one
    assert any("ASSET_MATERIALIZATION_PLANNED" in row for row in together["event_logs"])


def test_what_a_step_says_at_once_is_written_at_once(settings: Settings) -> None:
    """A round trip each takes longer than a day with nothing new."""
    said: list[str] = []

    def hear(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement.lower())

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        with instance_of(settings, Storage) as instance:
            result = execute(little_definitions(with_days=False), instance, "work")
            assert result.success
            records = instance.get_records_for_run(result.run_id, limit=1000).records
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
    events = [record.event_log_entry.get_dagster_event().event_type_value for record in records]
    told = [each.event_type_value for each in result.all_events]
    assert [each for each in events if not each.endswith("PLANNED")] == told
    written = sum(each.startswith("insert into event_logs") for each in said)
    alone = [each for each in told if each not in {"STEP_OUTPUT", "ASSET_CHECK_EVALUATION"}]
    assert written <= 1 + len(alone), "1 for what was announced"
    settled = [
        each for each in said if each.lstrip().startswith("update") and "asset_check_executions" in each
    ]
    assert len(settled) == 2, "one for all, and one for what nobody had announced"
    assert not [each for each in said if each.startswith("notify")]


def test_what_is_known_of_an_asset_is_not_asked_of_the_log(settings: Settings) -> None:
    with instance_of(settings, Storage) as instance:
        assert execute(little_definitions(), instance, "work", days=DAYS).success
        key = dg.AssetKey("by_day")
        said: list[str] = []

        def hear(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
            said.append(statement)

        event.listen(Engine, "before_cursor_execute", hear)
        try:
            (record,) = instance.get_asset_records([key])
        finally:
            event.remove(Engine, "before_cursor_execute", hear)
        latest = instance.fetch_materializations(key, limit=1).records[0]
        assert record.asset_entry.last_materialization_record == latest
        assert not [each for each in said if "event_logs" in each]

        instance.wipe_assets([key])
        assert not instance.get_asset_records([key])
        assert execute(little_definitions(), instance, "work", days=DAYS).success
        (again,) = instance.get_asset_records([key])
        assert again.asset_entry.last_materialization_record != latest
        assert (
            again.asset_entry.last_materialization_record
            == instance.fetch_materializations(key, limit=1).records[0]
        )


def test_a_step_that_fails_after_its_output_leaves_nothing_untold(settings: Settings) -> None:
    @dg.op(out={"first": dg.Out(dg.Nothing), "second": dg.Out(dg.Nothing)})
    def fails() -> Iterator[dg.Output[None]]:
        yield dg.Output(None, "first")
        raise dg.Failure("on purpose")

    @dg.job(name="work", executor_def=dg.in_process_executor)
    def work() -> None:
        fails()

    with instance_of(settings, Storage) as instance:
        result = execute(dg.Definitions(jobs=[work]), instance, "work")
        assert not result.success
        records = instance.get_records_for_run(result.run_id, limit=1000).records
    told = [each.event_type_value for each in result.all_events]
    assert "STEP_OUTPUT" in told
    stored_events = [record.event_log_entry.dagster_event for record in records]
    assert [each.event_type_value for each in stored_events if each is not None] == told


@pytest.mark.parametrize("part", ["_insert", "_settle"])
def test_a_message_that_cannot_be_stored_takes_nothing_with_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Dagster goes on without a step's message, and would not notice what else is gone."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("is_fine", asset="talks")])
    def talks(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        yield dg.MaterializeResult()
        yield dg.AssetCheckResult(check_name="is_fine", passed=True)
        context.log.info("unheard")

    insert = EventLog._insert

    def insert_all_but_the_message(self: EventLog, conn: Any, events: Any) -> list[int]:
        if any(event.user_message == "unheard" for event in events):
            raise ConnectionError
        return insert(self, conn, events)

    settle = EventLog._settle
    lost: list[int] = []

    def settle_at_the_second_try(self: EventLog, checked: Any) -> None:
        if checked and not lost:
            lost.append(len(checked))
            raise ConnectionError
        settle(self, checked)

    if part == "_insert":
        monkeypatch.setattr(EventLog, "_insert", insert_all_but_the_message)
    else:
        monkeypatch.setattr(EventLog, "_settle", settle_at_the_second_try)
    with instance_of(settings, Storage) as instance:
        jobs = [dg.define_asset_job("work", executor_def=dg.in_process_executor)]
        result = execute(dg.Definitions(assets=[talks], jobs=jobs), instance, "work")
        assert result.success
        records = instance.get_records_for_run(
            result.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
        )
        assert len(records.records) == 1
        (check,) = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey("talks"), "is_fine"), limit=5
        )
        assert check.status is AssetCheckExecutionRecordStatus.SUCCEEDED


def test_dagster_yaml_names_no_secret_and_asks_nobody_for_an_address() -> None:
    text = (files("rebound_oro_pipeline") / "dagster.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    assert content["storage"]["custom"]["config"] == {}
    assert content["telemetry"] == {"enabled": False}
    assert content["nux"] == {"enabled": False}
    assert content["run_monitoring"]["free_slots_after_run_end_seconds"] > 0


def test_the_commands_of_dagster_find_what_runs_of_this_process_store(settings: Settings) -> None:
    """They are given the folder and the settings, and nothing else."""
    with local_instance(settings) as ours, ours.event_log_storage.index_connection() as conn:
        assert conn.exec_driver_sql("show synchronous_commit").scalar() == "off"
        ours.report_runless_asset_event(dg.AssetMaterialization("told"))
    with dg.DagsterInstance.get() as theirs:
        assert theirs.get_latest_materialization_event(dg.AssetKey("told"))


def test_a_crash_of_the_server_is_not_waited_for_by_runs_of_this_process(settings: Settings) -> None:
    for durable, shown in ((True, "on"), (False, "off")):
        engine = create_engine(dagster_storage_url(settings, durable=durable))
        with engine.connect() as conn:
            assert conn.exec_driver_sql("show search_path").scalar() == DAGSTER_SCHEMA
            if not durable:
                assert conn.exec_driver_sql("show synchronous_commit").scalar() == shown
        engine.dispose()


def test_the_url_is_for_the_driver_that_works_with_dagster(database_url: str) -> None:
    assert dagster_url(database_url).startswith("postgresql+psycopg2://")
