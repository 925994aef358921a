"""What Dagster shows of a check, and what it answers when it is run alone, as by *Execute* in Dagster's UI."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from rebound_oro_pipeline.defs.keys import key_of
from rebound_oro_pipeline.defs.models import check_result
from rebound_oro_pipeline.services.decide import checks_of_decisions
from rebound_oro_pipeline.sqlmodels.checks import CheckResult
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, prepare
from rebound_oro_pipeline_tests.prepared import models


@pytest.mark.parametrize("rows", [[], [{"order_id": "1"}]])
def test_a_sample_is_shown_where_rows_fail_and_never_an_empty_one(rows: list[dict[str, str]]) -> None:
    result = CheckResult(
        name="grain_is_unique",
        relation="ledger.orders",
        passed=not rows,
        failing_rows=len(rows),
        sample=rows,
        severity="error",
        blocking=True,
        description="Fails if two rows share order_id.",
    )
    shown = {name: value.value for name, value in check_result(result).metadata.items()}
    assert shown == {"failing rows": len(rows)} | ({"sample": rows} if rows else {})


def execute(loop: Loop, *keys: dg.AssetCheckKey) -> dict[dg.AssetCheckKey, dg.AssetCheckEvaluation]:
    alone = dg.Definitions(jobs=[dg.define_asset_job("alone", selection=dg.AssetSelection.checks(*keys))])
    job = dg.Definitions.merge(loop.defs, alone).resolve_job_def("alone")
    result = job.execute_in_process(instance=loop.instance, raise_on_error=False)
    return {each.asset_check_key: each for each in result.get_asset_check_evaluations()}


def test_checks_of_decisions_that_are_run_alone_look_at_all_rows(loop: Loop) -> None:
    prepare(loop.database_url)
    with connect(loop.database_url) as conn:
        conn.execute("""
            insert into landing.rebound_returns (
                return_id, status, registered_at, document, document_hash, source, landed_at, landed_by
            ) values ('R1', 'processed', '2026-03-04', '{}', '', 'api', now(), 'run');
            insert into landing.rebound_return_lines (return_id, position, return_line_key, sku, quantity)
            values ('R1', 1, 'R1:A:1', 'A', '1')
        """)
    keys = {dg.AssetCheckKey(key_of(check.relation), check.name) for check in checks_of_decisions(models())}
    found = execute(loop, *keys)
    assert found.keys() == keys
    assert [key.name for key, each in found.items() if not each.passed] == [
        "assert_every_unit_is_in_one_place"
    ]


def test_a_day_that_was_left_out_is_told_by_the_runs_of_others(loop: Loop) -> None:
    returns = key_of("landing.rebound_returns")
    check = dg.AssetCheckKey(returns, "every_day_was_landed")
    yesterday = datetime.now(UTC).date() - timedelta(days=1)

    def land(days_ago: int) -> None:
        day = yesterday - timedelta(days=days_ago)
        loop.instance.report_runless_asset_event(dg.AssetMaterialization(returns, partition=day.isoformat()))

    for days_ago, missing in ((3, 3), (0, 2), (2, 1), (1, 0)):
        land(days_ago)
        found = execute(loop, check)[check]
        assert found.metadata["days missing"].value == missing
        assert found.passed is (missing == 0)
    assert found.severity is dg.AssetCheckSeverity.WARN
