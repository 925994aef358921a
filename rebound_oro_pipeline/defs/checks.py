"""Checks beside the decisions: what the headers of the other models promise, over all rows, at leisure."""

from collections.abc import Iterator

import dagster as dg

from rebound_oro_pipeline.defs.models import check_result, check_spec
from rebound_oro_pipeline.defs.resources import Warehouse
from rebound_oro_pipeline.services.decide import checked_relations
from rebound_oro_pipeline.sqlmodels.checks import checks_of, run_checks
from rebound_oro_pipeline.sqlmodels.model import Models


def build_checks(models: Models) -> dg.AssetChecksDefinition:
    """Return one step with the checks that decisions do not run themselves."""
    relations = {model.relation for model in models.of_step("returns")} - checked_relations(models)

    @dg.multi_asset_check(
        name="model_promises", specs=[check_spec(check) for check in checks_of(models, relations=relations)]
    )
    def model_promises(warehouse: dg.ResourceParam[Warehouse]) -> Iterator[dg.AssetCheckResult]:
        """Look at all rows of staging, intermediate and ledger."""
        with warehouse.connect("checks") as conn:
            yield from map(check_result, run_checks(conn, models, relations=relations))

    return model_promises
