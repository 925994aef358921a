"""Dagster's history: old runs go, and no asset and no day of one looks otherwise for it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from click.testing import CliRunner
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG

from rebound_oro_pipeline.cli import main
from rebound_oro_pipeline.defs.history import OldRuns, delete_old_runs
from rebound_oro_pipeline.defs.local import execute, local_instance
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.sqlmodels.relations import ensure_schema
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.migrate import migrate
from rebound_oro_pipeline.wiring import DAGSTER_SCHEMA
from rebound_oro_pipeline_tests.docs.tables import ROOT
from rebound_oro_pipeline_tests.pipeline_at_work import environment

KEY = dg.AssetKey("by_day")
DAYS = ("2026-03-02", "2026-03-03", "2026-03-04")
SOON = timedelta(minutes=1)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Iterator[Settings]:
    with connect(database_url) as conn:
        ensure_schema(conn, DAGSTER_SCHEMA)
    with environment({"REBOUND_ORO_HOME": str(tmp_path / "home"), "REBOUND_ORO_DATABASE_URL": database_url}):
        yield Settings()


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with local_instance(settings) as opened:
        yield opened


def definitions(*, fails: bool = False) -> dg.Definitions:
    days = dg.DailyPartitionsDefinition("2026-03-01", timezone="UTC")

    @dg.multi_asset(
        specs=[dg.AssetSpec("by_day", partitions_def=days)],
        check_specs=[dg.AssetCheckSpec("is_fine", asset="by_day")],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def by_day() -> Iterator[dg.MaterializeResult[Any]]:
        if fails:
            raise RuntimeError("no")
        yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

    return dg.Definitions(
        assets=[by_day], jobs=[dg.define_asset_job("work")], executor=dg.in_process_executor
    )


def worked(instance: dg.DagsterInstance, first: str, last: str, *, fails: bool = False) -> str:
    return execute(definitions(fails=fails), instance, "work", days=(first, last)).run_id


def runs(instance: dg.DagsterInstance) -> set[str]:
    return {record.dagster_run.run_id for record in instance.get_run_records()}


def test_a_run_of_a_command_is_among_the_runs_of_its_job(instance: dg.DagsterInstance) -> None:
    """Dagster's pages of jobs ask for the runs of a job of a repository of a code location."""
    [location] = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))["load_from"]
    label = f"{definitions().get_repository_def().name}@{location['python_module']['location_name']}"
    wanted = dg.RunsFilter(job_name="work", tags={REPOSITORY_LABEL_TAG: label})
    run_id = worked(instance, DAYS[0], DAYS[0])
    assert [run.run_id for run in instance.get_runs(wanted)] == [run_id]


def state(instance: dg.DagsterInstance) -> tuple[object, ...]:
    """Return what asset pages show: the days made, those that failed, and the latest of all."""
    failed = instance.event_log_storage.get_latest_asset_partition_materialization_attempts_without_materializations(
        KEY
    )
    latest = instance.get_latest_materialization_event(KEY)
    return instance.get_materialized_partitions(KEY), failed, latest and latest.run_id


def deleted(instance: dg.DagsterInstance, **options: Any) -> tuple[int, int]:
    before = state(instance)
    found = delete_old_runs(instance, datetime.now(UTC) + SOON, **options)
    assert state(instance) == before
    return found.deleted, found.kept


def test_a_run_goes_when_every_day_of_it_was_done_again_later(instance: dg.DagsterInstance) -> None:
    first = worked(instance, DAYS[0], DAYS[2])
    second = worked(instance, DAYS[0], DAYS[1])
    assert deleted(instance) == (0, 2)
    third = worked(instance, DAYS[2], DAYS[2])
    assert deleted(instance, dry_run=True) == (1, 2)
    assert runs(instance) == {first, second, third}
    assert deleted(instance) == (1, 2)
    assert runs(instance) == {second, third}
    assert instance.all_logs(first) == []
    assert deleted(instance) == (0, 2)


def test_a_day_that_failed_last_goes_on_being_shown_as_failed(instance: dg.DagsterInstance) -> None:
    failed = worked(instance, DAYS[0], DAYS[0], fails=True)
    assert deleted(instance) == (0, 1)
    again = worked(instance, DAYS[0], DAYS[0], fails=True)
    assert deleted(instance) == (1, 1)
    assert runs(instance) == {again} != {failed}
    mended = worked(instance, DAYS[0], DAYS[0])
    assert deleted(instance) == (1, 1)
    assert runs(instance) == {mended}


def test_what_is_not_old_or_has_not_ended_stays(instance: dg.DagsterInstance) -> None:
    worked(instance, DAYS[0], DAYS[0])
    worked(instance, DAYS[0], DAYS[0])
    waiting = instance.create_run_for_job(definitions().resolve_job_def("work"))
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    assert delete_old_runs(instance, hour_ago) == OldRuns(hour_ago, 0, 0)
    assert deleted(instance) == (1, 1)
    assert waiting.run_id in runs(instance)


def test_results_of_checks_that_later_ones_replaced_and_output_of_steps_go_with_the_run(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    first = worked(instance, DAYS[0], DAYS[0])
    second = worked(instance, DAYS[0], DAYS[0])
    output = settings.home / "dagster" / "storage" / first
    output.mkdir(parents=True, exist_ok=True)
    (output / "step.out").write_text("said by a step")
    with connect(settings.required("database_url"), autocommit=True) as conn:

        def results() -> dict[str, int]:
            return dict(
                conn.execute(
                    f"select run_id, count(*) from {DAGSTER_SCHEMA}.asset_check_executions group by run_id"
                ).fetchall()
            )

        before = results()
        assert deleted(instance) == (1, 1)
        assert results() == {second: before[second]} != before
    assert not output.exists()


def test_the_command_deletes_them_and_says_so(instance: dg.DagsterInstance, settings: Settings) -> None:
    migrate(settings.required("database_url"))
    worked(instance, DAYS[0], DAYS[0])
    worked(instance, DAYS[0], DAYS[0])
    with connect(settings.required("database_url"), autocommit=True) as conn:
        conn.execute(
            f"update {DAGSTER_SCHEMA}.runs set update_timestamp = update_timestamp - interval '31 days'"
        )
        asked = (
            "retention",
            "--dagster-runs-older-than",
            "30",
            "--who",
            "maria",
            "--why",
            "monthly",
            "--json",
        )
        told = CliRunner().invoke(main, [*asked, "--dry-run"])
        assert told.exit_code == 0, told.output
        assert len(runs(instance)) == 2
        told = CliRunner().invoke(main, asked)
        assert told.exit_code == 0, told.output
        said = json.loads(told.stdout)
        assert (said["dagster_runs"], said["dagster_runs_kept"], said["dry_run"]) == (1, 1, False)
        assert len(runs(instance)) == 1
        logged = conn.execute("select actor, reason, detail ->> 'deleted' from outbox.audit_log").fetchall()
        assert logged == [("maria", "monthly", "1")]
    told = CliRunner().invoke(main, ["retention", "--why", "nothing"])
    assert (told.exit_code, "say what is to go" in told.output) == (2, True)
