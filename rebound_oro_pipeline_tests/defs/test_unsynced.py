"""Which days Dagster's UI shows as unsynced: those made by other code or under another policy, and no others."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rebound_oro_pipeline.definitions import defs
from rebound_oro_pipeline.defs.all import build_definitions
from rebound_oro_pipeline.defs.keys import key_of
from rebound_oro_pipeline.defs.versions import versions_without_days
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, prepare
from rebound_oro_pipeline_tests.prepared import models

DAY, ANOTHER = "2026-03-04", "2026-03-05"
DAYS = {"dagster/asset_partition_range_start": ANOTHER, "dagster/asset_partition_range_end": "2026-03-08"}
LANDED_ONLY = ["staging.stg_rebound__returns", "intermediate.int_order_references"]


@pytest.fixture
def decided(loop: Loop) -> Iterator[Loop]:
    prepare(loop.database_url)
    decide(loop, partition_key=DAY)
    assert unsynced(loop, DAY) == {}
    return loop


def decide(loop: Loop, partition_key: str | None = None, tags: dict[str, str] | None = None) -> None:
    keys = [key_of(model.relation) for model in models().of_step("returns")]
    if not (partition_key or tags):
        keys = [key_of(relation) for relation in LANDED_ONLY]
    job = loop.defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=loop.instance, asset_selection=keys, partition_key=partition_key, tags=tags
    )
    assert result.success


def unsynced(loop: Loop, day: str) -> dict[str, list[str]]:
    """Return what is unsynced of what is decided; nothing was landed."""
    return {key: why for key, why in loop.unsynced(day).items() if not key.startswith("landing/")}


def with_other_code(relation: str) -> Models:
    others = {**models(), relation: replace(models()[relation], code_version="another")}
    return Models(others, seeds=models().seeds, tests=models().tests)


def test_runs_of_other_days_and_of_views_leave_a_day_as_it_is(decided: Loop) -> None:
    decide(decided, partition_key=ANOTHER)
    decide(decided, tags=DAYS)
    decide(decided)
    for day in (DAY, ANOTHER, "2026-03-06", "2026-03-08"):
        assert unsynced(decided, day) == {}, day


def test_a_day_that_another_policy_would_decide_is_unsynced_until_it_is_run_again(
    decided: Loop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("credit: {shipping: never}\n")
    monkeypatch.setenv("REBOUND_ORO_POLICY_FILE", str(policy))
    renewed = replace(decided, defs=build_definitions(Settings()))
    decide(renewed, partition_key=ANOTHER)
    assert unsynced(renewed, ANOTHER) == {}
    assert unsynced(renewed, DAY)["ledger/credit_notes"] == ["has a new dependency data version"]
    decide(renewed, partition_key=DAY)
    assert unsynced(renewed, DAY) == {}


def test_other_code_is_news_to_all_that_read_it_directly_or_not() -> None:
    now = versions_without_days(models(), 1)
    then = versions_without_days(with_other_code("staging.stg_oro__orders"), 1)
    changed = {relation for relation in now if now[relation] != then[relation]}
    assert {"staging.stg_oro__orders", "intermediate.int_orders_explained"} <= changed
    assert "intermediate.int_credit_notes" in changed
    assert "staging.stg_rebound__returns" not in changed


def test_a_policy_is_news_to_what_it_decides_and_a_seed_to_what_it_is_for(tmp_path: Path) -> None:
    now, then = versions_without_days(models(), 1), versions_without_days(models(), 2)
    assert now["intermediate.int_policy"] != then["intermediate.int_policy"]
    assert now["intermediate.int_credit_notes"] != then["intermediate.int_credit_notes"]
    assert now["staging.stg_oro__orders"] == then["staging.stg_oro__orders"]

    relation = "seeds.dispositions"
    seed = models().seeds[relation]
    (tmp_path / "dispositions.csv").write_bytes(seed.path.read_bytes() + b"\n")
    seeds = {**models().seeds, relation: replace(seed, path=tmp_path / "dispositions.csv")}
    seeded = versions_without_days(Models(dict(models()), seeds=seeds), 1)
    assert now["intermediate.int_return_lines"] != seeded["intermediate.int_return_lines"]
    assert now["intermediate.int_policy"] == seeded["intermediate.int_policy"]


def test_every_view_and_working_set_that_a_day_is_made_from_has_such_a_version() -> None:
    graph = defs.resolve_asset_graph()
    versions = versions_without_days(models(), 1)
    read = {
        parent
        for key in graph.executable_asset_keys
        if graph.get(key).is_partitioned
        for parent in graph.get(key).parent_keys
        if not graph.get(parent).is_partitioned and graph.get(parent).is_executable
    }
    assert read
    assert {".".join(key.path) for key in read} <= versions.keys()
    assert all(graph.get(key).group_name in ("staging", "intermediate") for key in read)
