"""What Dagster shows of a check."""

import pytest

from rebound_oro_pipeline.defs.models import check_result
from rebound_oro_pipeline.sqlmodels.checks import CheckResult


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
