"""The SQL models as one asset each, decided together in one transaction.

The asset key is the relation, so the table names in the SQL are the lineage. One step runs them all, because a decision
must not be half done: units, notes, quarantine and what has to be sent change together or not at all.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.defs.partitions import window_of
from rebound_oro_pipeline.defs.resources import Warehouse
from rebound_oro_pipeline.services.decide import DecisionRefused, checks_of_decisions, decide
from rebound_oro_pipeline.services.summarise import credited
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.sqlmodels.checks import Check, CheckResult
from rebound_oro_pipeline.sqlmodels.model import Model, Models

GROUPS = {"outbox": "push"}
"""Asset groups are the layers; the outbox belongs to the pushes."""


def key_of(relation: str) -> dg.AssetKey:
    """Return the asset key of `schema.name`."""
    return dg.AssetKey(relation.split("."))


def spec_of(model: Model, partitions: dg.DailyPartitionsDefinition) -> dg.AssetSpec:
    """Return the asset of a model: its description, columns, dependencies and owner come from the SQL file."""
    return dg.AssetSpec(
        key_of(model.relation),
        deps=[key_of(relation) for relation in model.depends_on],
        description=model.description,
        group_name=GROUPS.get(model.schema, model.schema),
        owners=[f"team:{model.owner}"] if model.owner else None,
        kinds={"postgres", "sql", "view" if model.materialized == "view" else "table"},
        code_version=model.code_version,
        # Staging is a view of everything, and the working sets hold the last decision only.
        partitions_def=partitions if model.window or model.materialized == "append" else None,
        metadata={
            "dagster/table_name": model.relation,
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(name, description=model.columns.get(name)) for name in model.output_columns
                ]
            ),
            "materialized": model.materialized,
        },
    )


def seed_specs(models: Models) -> list[dg.AssetSpec]:
    """Return the seeds, which are loaded with the migrations, as external assets."""
    return [
        dg.AssetSpec(key_of(seed.relation), description=seed.description, group_name="staging", kinds={"csv"})
        for seed in models.seeds.values()
    ]


def build_decision(models: Models, partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """Return the step that decides a window and materialises every model."""
    checks = checks_of_decisions(models)

    @dg.multi_asset(
        name="decide",
        specs=[spec_of(model, partitions) for model in models.values()],
        check_specs=[check_spec(check) for check in checks],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def decide_window(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        """Match, gate, clip and price the returns of the window, and enqueue what has to be sent."""
        window = window_of(context)
        settings = Settings()
        with warehouse.connect("decide") as conn:
            policy_version = wiring.save_policy(settings, conn)
            conn.commit()
            try:
                decision = decide(
                    conn,
                    models,
                    window,
                    policy_version=policy_version,
                    decided_at=datetime.now(UTC),
                    run_id=context.run_id,
                )
            except DecisionRefused as refused:
                yield from map(check_result, refused.checks)
                raise dg.Failure(str(refused)) from refused
            totals = credited(conn, window)
        # Plots need floats; nothing is ever computed from them.
        plotted = {f"total {total.currency}": float(total.total_amount) for total in totals}
        for relation in models:
            yield dg.MaterializeResult(
                asset_key=key_of(relation),
                metadata={
                    **(
                        {"dagster/partition_row_count": rows}
                        if (rows := decision.rows_in_window.get(relation)) is not None
                        else {}
                    ),
                    **_written(decision.built, relation),
                    **(plotted if relation == "marts.credit_notes" else {}),
                },
            )
        yield from map(check_result, decision.checks)

    return decide_window


def _written(built: Mapping[str, Any], relation: str) -> dict[str, Any]:
    return (
        {"rows written": built[relation].rows_written, "seconds": built[relation].seconds}
        if relation in built
        else {}
    )


def check_spec(check: Check) -> dg.AssetCheckSpec:
    """Return the asset check of a promise of a header or of a test."""
    return dg.AssetCheckSpec(
        check.name, asset=key_of(check.relation), description=check.description, blocking=check.blocking
    )


def check_result(result: CheckResult) -> dg.AssetCheckResult:
    """Return what Dagster shows of a check: how many rows are wrong, and a sample of them."""
    return dg.AssetCheckResult(
        asset_key=key_of(result.relation),
        check_name=result.name,
        passed=result.passed,
        severity=dg.AssetCheckSeverity.ERROR if result.severity == "error" else dg.AssetCheckSeverity.WARN,
        metadata={"failing rows": result.failing_rows, "sample": dg.MetadataValue.json(list(result.sample))},
    )
