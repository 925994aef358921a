"""Checks beside the decisions: what the headers of the other models promise, over all rows, at leisure."""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from rebound_oro_pipeline.defs.models import check_results, check_spec
from rebound_oro_pipeline.defs.partitions import RETURNS_LANDED, days_left_out
from rebound_oro_pipeline.defs.resources import Warehouse
from rebound_oro_pipeline.services.decide import checks_of_decisions
from rebound_oro_pipeline.services.offer_returnable_items import checks_of_offers
from rebound_oro_pipeline.sqlmodels.checks import checks_of, run_checks
from rebound_oro_pipeline.sqlmodels.model import Models


def build_checks(models: Models, partitions: dg.DailyPartitionsDefinition) -> list[dg.AssetChecksDefinition]:
    """Return the checks that decisions do not run: promises of the models, and whether all days are there."""
    with_steps = {*checks_of_decisions(models), *checks_of_offers(models)}
    # The views of the reconciliation are read for what they say; to read them again for their keys takes as long.
    made = {model.relation for step in ("returns", "offers") for model in models.of_step(step)}
    beside = [check for check in checks_of(models, relations=made) if check not in with_steps]

    @dg.multi_asset_check(
        name="model_promises",
        specs=[check_spec(check) for check in beside],
        can_subset=True,
    )
    def model_promises(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.AssetCheckResult]:
        """Look at all rows of staging, intermediate and ledger."""
        selected = context.selected_asset_check_keys
        asked = [check for check in beside if check_spec(check).key in selected]
        with warehouse.connect("checks") as conn:
            yield from check_results(run_checks(conn, asked), selected)

    return [model_promises, _every_day(partitions)]


def _every_day(partitions: dg.DailyPartitionsDefinition) -> dg.AssetChecksDefinition:
    """Return the check that no day is missing: a freshness policy sees any day that is run, however old."""

    @dg.asset_check(
        asset=RETURNS_LANDED,
        name="every_day_was_landed",
        description="The returns of each day from the first that was asked for to yesterday have been asked for, "
        "even if there were none.",
    )
    def every_day_was_landed(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        yesterday = partitions.get_last_partition_key()
        missing = (
            days_left_out(context.instance, RETURNS_LANDED, partitions, date.fromisoformat(yesterday))
            if yesterday
            else []
        )
        return dg.AssetCheckResult(
            passed=not missing,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "yesterday": yesterday or "none yet",
                "days missing": len(missing),
                "first day missing": str(missing[0]) if missing else "none",
            },
        )

    return every_day_was_landed
