"""The graph as one text: a change of it is a diff that someone reads.

If it fails and the change is meant: `pytest rebound_oro_pipeline_tests/defs --snapshot-update`.
"""

from typing import Any

import dagster as dg
import pytest
from dagster import AutomationCondition
from syrupy.assertion import SnapshotAssertion

from rebound_oro_pipeline.definitions import defs
from rebound_oro_pipeline.defs.all import build_definitions
from rebound_oro_pipeline.settings import Settings, WrongSetting
from rebound_oro_pipeline_tests.docs.tables import ROOT

GROUPS = {"landing", "staging", "intermediate", "ledger", "marts", "push", "reconciliation"}
PRINCIPAL = {
    "landing/rebound_returns",
    "landing/oro_orders",
    "landing/oro_products",
    "landing/oro_inventory_levels",
    "marts/validated_return_lines",
    "marts/quarantined_exceptions",
    "marts/held_returns",
    "marts/credit_notes",
    "marts/credit_note_lines",
    "marts/inventory_deltas",
    "push/oro_credit_notes",
    "push/oro_inventory_levels",
    "reconciliation/credit_notes",
    "reconciliation/inventory",
    "reconciliation/sync_health",
    "push/rebound_orders",
}


@pytest.fixture(scope="module")
def nodes() -> dict[str, Any]:
    graph = defs.resolve_asset_graph()
    return {key.to_user_string(): graph.get(key) for key in sorted(graph.get_all_asset_keys())}


def test_assets_are_those_of_the_snapshot(nodes: dict[str, Any], snapshot: SnapshotAssertion) -> None:
    assert {key: _asset(node) for key, node in nodes.items()} == snapshot


def test_checks_jobs_schedules_and_sensors_are_those_of_the_snapshot(snapshot: SnapshotAssertion) -> None:
    graph = defs.resolve_asset_graph()
    repository = defs.get_repository_def()
    shown = {
        "checks": {
            f"{key.asset_key.to_user_string()}: {key.name}": (
                "blocking" if graph.get(key).blocking else "beside"
            )
            for key in sorted(graph.asset_check_keys)
        },
        "jobs": {
            job.name: {
                "steps": sorted(node.name for node in job.nodes),
                "partitions": _partitions(job.partitions_def),
                "tags": dict(job.tags),
                "executor": job.executor_def.name,
            }
            for job in sorted(repository.get_all_jobs(), key=lambda job: job.name)
            if not job.name.startswith("__")
        },
        "schedules": {
            schedule.name: f"{schedule.cron_schedule} {schedule.execution_timezone}: "
            f"{schedule.job_name}, {schedule.default_status.value}"
            for schedule in repository.schedule_defs
        },
        "sensors": {
            sensor.name: f"every {sensor.minimum_interval_seconds} s: "
            f"{', '.join(target.job_name for target in sensor.targets) or 'no job'}, {sensor.default_status.value}"
            for sensor in repository.sensor_defs
        },
    }
    assert shown == snapshot


def test_the_principal_assets_are_there_in_the_groups_that_are_agreed(nodes: dict[str, Any]) -> None:
    assert set(nodes) >= PRINCIPAL
    assert {node.group_name for node in nodes.values()} == GROUPS


def test_every_asset_says_what_it_is_and_who_looks_after_it(nodes: dict[str, Any]) -> None:
    for key, node in nodes.items():
        assert node.description, key
        assert node.owners, key
        assert node.kinds, key
        columns = node.metadata.get("dagster/column_schema")
        assert columns is not None, key
        assert node.metadata["dagster/table_name"] == key.replace("/", ".")
        for column in columns.columns:
            assert column.type, f"{key}.{column.name}"
            assert column.description or node.group_name != "landing", f"{key}.{column.name}"


def test_whatever_is_landed_has_a_freshness_that_dagster_watches(nodes: dict[str, Any]) -> None:
    landed = {
        key: node for key, node in nodes.items() if node.group_name == "landing" and node.is_materializable
    }
    assert {key for key, node in landed.items() if node.freshness_policy is None} == set()
    assert "landing/watermarks" in landed


def test_columns_come_from_columns_of_the_assets_before(nodes: dict[str, Any]) -> None:
    followed = 0
    for key, node in nodes.items():
        schema = {each.name: each for each in node.metadata["dagster/column_schema"].columns}
        lineage = node.metadata.get("dagster/column_lineage")
        assert (lineage is not None) == (node.metadata.get("sql") is not None), key
        for column, sources in lineage.deps_by_column.items() if lineage else ():
            assert column in schema, f"{key}.{column}"
            for source in sources:
                before = nodes[source.asset_key.to_user_string()].metadata["dagster/column_schema"]
                assert source.asset_key in node.parent_keys, f"{key}.{column}"
                assert source.column_name in {each.name for each in before.columns}, f"{key}.{column}"
                link = f"[{'.'.join(source.asset_key.path)}](/assets/{'/'.join(source.asset_key.path)})"
                assert link in (schema[column].description or ""), f"{key}.{column}"
                followed += 1
    assert followed > 1000


def test_every_asset_names_its_part_of_the_documentation_and_its_sql(nodes: dict[str, Any]) -> None:
    for key, node in nodes.items():
        assert node.metadata["docs"].path.startswith("docs/"), key
        sql = node.metadata.get("sql")
        assert sql is None or (ROOT / sql.path).is_file(), key


def test_names_of_files_are_links_where_the_settings_say_where_they_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REBOUND_ORO_SOURCE_URL", "https://git.example.com/returns/blob/main/")
    asset = build_definitions(Settings()).resolve_asset_graph().get(dg.AssetKey(["ledger", "claims"]))
    base = "https://git.example.com/returns/blob/main"
    assert asset.metadata["docs"].url == f"{base}/docs/rules.md#clip"
    assert asset.metadata["sql"].url == f"{base}/dbt_like_sql/ledger/claims.sql"


def test_dependencies_are_the_tables_that_the_sql_names(nodes: dict[str, Any]) -> None:
    for key, node in nodes.items():
        assert {parent.to_user_string() for parent in node.parent_keys} <= set(nodes), key


def test_a_backfill_of_the_job_is_a_single_run() -> None:
    """What docs/operations.md tells; Dagster takes it from the policies of the job's assets."""
    assert defs.resolve_job_def("returns").backfill_policy == dg.BackfillPolicy.single_run()


def test_everything_that_a_person_chooses_is_off_until_it_is_switched_on() -> None:
    """A fresh installation writes to no one's shop."""
    repository = defs.get_repository_def()
    for automation in (*repository.schedule_defs, *repository.sensor_defs):
        assert automation.default_status.value == "STOPPED"


@pytest.mark.parametrize(
    ("variables", "running"),
    [
        ({"DAILY_ENABLED": "true"}, {"daily_returns"}),
        ({"RECONCILE_ENABLED": "true"}, {"nightly_reconciliation"}),
        ({"OPEN_RETURNS_ENABLED": "true"}, {"open_returns"}),
        ({"CATALOGUE_ENABLED": "true"}, {"catalogue"}),
        ({"CATCH_UP_ENABLED": "true"}, {"nightly_catch_up"}),
        ({"FOLLOW_UP_ENABLED": "true"}, {"webhooks_to_follow", "holds_to_ask_again", "people_to_follow"}),
        ({"ALERT_URLS": "json://127.0.0.1:1"}, {"alert_on_failed_runs", "alert_on_failed_checks"}),
        ({"PUSH_ENABLED": "true"}, {"credit_notes_to_send", "stock_batches"}),
        (
            {"PUSH_ENABLED": "true", "STOCK_MODE": "near_real_time"},
            {"credit_notes_to_send", "stock_to_send"},
        ),
        ({"OFFERS_ENABLED": "true"}, {"returnable_items", "offers_to_send"}),
    ],
)
def test_a_switch_in_the_settings_starts_what_it_names(
    variables: dict[str, str], running: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"REBOUND_ORO_{name}", value)
    repository = build_definitions(Settings()).get_repository_def()
    automations = (*repository.schedule_defs, *repository.sensor_defs)
    assert {each.name for each in automations if each.default_status.value == "RUNNING"} == running


def test_crons_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DAILY", "STOCK", "RECONCILE", "OFFERS", "OPEN_RETURNS", "CATALOGUE", "CATCH_UP"):
        monkeypatch.setenv(f"REBOUND_ORO_{name}_CRON", "7 7 * * *")
    repository = build_definitions(Settings()).get_repository_def()
    assert {schedule.cron_schedule for schedule in repository.schedule_defs} == {"7 7 * * *"}


def test_a_cron_that_dagster_does_not_take_is_told_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBOUND_ORO_STOCK_CRON", "99 99 * * *")
    with pytest.raises(WrongSetting, match="REBOUND_ORO_STOCK_CRON"):
        build_definitions(Settings())


def _asset(node: Any) -> dict[str, Any]:
    condition: AutomationCondition[Any] | None = node.automation_condition
    return {
        "after": sorted(key.to_user_string() for key in node.parent_keys),
        "group": node.group_name,
        "kinds": ", ".join(sorted(node.kinds)),
        "owners": ", ".join(sorted(node.owners)),
        "partitions": _partitions(node.partitions_def),
        "made by": "a step" if node.is_materializable else "others",
        "condition": str(condition) if condition else None,
        "columns": len(node.metadata["dagster/column_schema"].columns),
    }


def _partitions(partitions: Any) -> str | None:
    if partitions is None:
        return None
    return f"{type(partitions).__name__} from {partitions.start:%Y-%m-%d} {partitions.timezone}"
