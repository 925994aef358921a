"""Checks beside the decisions: what the headers of the other models promise, over all rows, at leisure."""

from collections.abc import Iterator

import dagster as dg

from rebound_oro_pipeline.defs.models import RETURNS_LANDED, check_results, check_spec
from rebound_oro_pipeline.defs.resources import Warehouse
from rebound_oro_pipeline.services.decide import checks_of_decisions
from rebound_oro_pipeline.services.offer_returnable_items import checks_of_offers
from rebound_oro_pipeline.sqlmodels.checks import checks_of, run_checks
from rebound_oro_pipeline.sqlmodels.model import Models


def build_checks(models: Models, partitions: dg.DailyPartitionsDefinition) -> list[dg.AssetChecksDefinition]:
    """Return the checks that decisions do not run: promises of the models, and whether yesterday is there."""
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

    return [model_promises, _yesterday(partitions)]


def _yesterday(partitions: dg.DailyPartitionsDefinition) -> dg.AssetChecksDefinition:
    """Return the check that the latest day is there: a freshness policy sees any day that is run, however old."""

    @dg.asset_check(
        asset=RETURNS_LANDED,
        name="yesterday_was_landed",
        description="The returns registered yesterday have been asked for, even if there were none.",
    )
    def yesterday_was_landed(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        latest = partitions.get_last_partition_key()
        landed = context.instance.get_materialized_partitions(RETURNS_LANDED)
        return dg.AssetCheckResult(
            passed=latest is None or latest in landed,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"yesterday": latest or "none yet", "days landed": len(landed)},
        )

    return yesterday_was_landed
