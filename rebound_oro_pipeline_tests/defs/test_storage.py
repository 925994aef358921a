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
from dagster_postgres import DagsterPostgresStorage
from sqlalchemy import create_engine

from rebound_oro_pipeline.defs.local import STORAGE_URL, execute, prepare_home
from rebound_oro_pipeline.defs.storage import EventLog, Storage
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.sqlmodels.relations import ensure_schema
from rebound_oro_pipeline.warehouse.connection import connect, dagster_url
from rebound_oro_pipeline.wiring import DAGSTER_SCHEMA, dagster_storage_url
from rebound_oro_pipeline_tests.pipeline_at_work import environment

DAYS = ("2026-03-02", "2026-03-04")
TABLES = {
    "event_logs": "dagster_event_type, step_key, asset_key, partition, event from event_logs "
    "where dagster_event_type like '%PLANNED'",
    "asset_keys": "asset_key, last_materialization is null, last_run_id is null, asset_details from asset_keys",
    "asset_event_tags": "asset_key, key from asset_event_tags",
    "asset_check_executions": "asset_key, check_name, partition, execution_status from asset_check_executions",
}
"""Of the event log, what is written differently; elsewhere, what it leads to."""
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
        url = text["storage"]["custom"]["config"]["postgres_url"]
        text["storage"] = {"postgres": {"postgres_url": url}}
        home = home.parent / "other"
        home.mkdir()
        (home / "dagster.yaml").write_text(yaml.safe_dump(text))
        os.environ["DAGSTER_HOME"] = str(home)
    with dg.DagsterInstance.get() as instance:
        yield instance


def little_definitions() -> dg.Definitions:
    partitions = dg.DailyPartitionsDefinition("2026-03-01", timezone="UTC")

    @dg.multi_asset(
        specs=[dg.AssetSpec("by_day", partitions_def=partitions), dg.AssetSpec("also", deps=["by_day"])],
        check_specs=[dg.AssetCheckSpec("is_fine", asset="by_day")],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def both() -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        for name in ("by_day", "also"):
            yield dg.MaterializeResult(asset_key=name, metadata={"rows": 1})
        yield dg.AssetCheckResult(asset_key="by_day", check_name="is_fine", passed=True)

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


def test_events_written_together_are_those_written_one_by_one(settings: Settings) -> None:
    found = []
    for storage in (DagsterPostgresStorage, Storage):
        with instance_of(settings, storage) as instance:
            assert execute(little_definitions(), instance, "work", days=DAYS).success
        found.append(stored(settings))
    one_by_one, together = found
    assert together == one_by_one
    assert any("ASSET_MATERIALIZATION_PLANNED" in row for row in together["event_logs"])


def test_dagster_yaml_names_no_secret_and_asks_nobody_for_an_address() -> None:
    text = (files("rebound_oro_pipeline") / "dagster.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    assert content["storage"]["custom"]["config"] == {"postgres_url": {"env": STORAGE_URL}}
    assert content["telemetry"] == {"enabled": False}
    assert content["nux"] == {"enabled": False}
    assert content["run_monitoring"]["free_slots_after_run_end_seconds"] > 0


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
