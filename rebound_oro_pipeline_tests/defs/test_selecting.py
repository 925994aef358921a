"""The step that decides, asked for some of its relations, as a backfill from the asset graph asks."""

import dagster as dg

from rebound_oro_pipeline.defs.keys import key_of
from rebound_oro_pipeline.defs.local import failures
from rebound_oro_pipeline.defs.models import DECIDE_ONLY, is_decided_only
from rebound_oro_pipeline.sqlmodels.read import read_models
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, prepare

DAY = "2026-03-04"
DAYS = {"dagster/asset_partition_range_start": DAY, "dagster/asset_partition_range_end": "2026-03-06"}
NOTES = dg.AssetKey(["marts", "credit_notes"])


def test_days_are_decided_as_a_whole_and_what_was_asked_for_is_reported(loop: Loop) -> None:
    prepare(loop.database_url)
    graph = loop.defs.resolve_asset_graph()
    job = loop.defs.resolve_implicit_global_asset_job_def()
    asked = {
        "one relation": ([NOTES], {"partition_key": DAY}),
        "all with days": (
            [
                key
                for model in read_models().of_step("returns")
                if graph.get(key := key_of(model.relation)).is_partitioned
            ],
            {"tags": DAYS},
        ),
        "what has no days": ([dg.AssetKey(["staging", "stg_rebound__returns"])], {}),
    }
    for what, (keys, given) in asked.items():
        result = job.execute_in_process(instance=loop.instance, asset_selection=keys, **given)
        assert result.success, what
        reported = {event.asset_key for event in result.get_asset_materialization_events()}
        assert reported == set(keys), what
        checked = {each.asset_key for each in result.get_asset_check_evaluations()}
        assert checked, what
        assert checked <= set(keys), what


def test_a_tag_that_holds_back_is_never_misread(loop: Loop) -> None:
    """What a person meant to be held back would be sent, for good."""
    said = {"true": True, "True": True, " TRUE ": True, "false": False, "False": False}
    assert {each: is_decided_only({DECIDE_ONLY: each}) for each in said} == said
    assert not is_decided_only({})
    prepare(loop.database_url)
    result = loop.defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=loop.instance,
        asset_selection=[NOTES],
        partition_key=DAY,
        tags={DECIDE_ONLY: "yes"},
        raise_on_error=False,
    )
    assert (
        "returns_decided: the tag rebound_oro/decide_only is true or false, not 'yes'; nothing was decided"
        in (failures(result))
    )


def test_days_lead_from_what_landed_to_all_that_is_decided_and_sent(loop: Loop) -> None:
    """A backfill asks for what it reaches from its first assets, by days; what it does not reach it leaves out."""
    graph = loop.defs.resolve_asset_graph()
    with_days = {key for key in graph.executable_asset_keys if graph.get(key).is_partitioned}
    reached, edge = set[dg.AssetKey](), {dg.AssetKey(["landing", "rebound_returns"])}
    while edge:
        reached |= edge
        edge = {child for key in edge for child in graph.get(key).child_keys if child in with_days} - reached
    assert (
        with_days
        - reached
        - set(graph.get(dg.AssetKey(["landing", "rebound_returns"])).execution_set_asset_keys)
        == set()
    )
