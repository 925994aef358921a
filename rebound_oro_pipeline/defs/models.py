"""The SQL models as one asset each, decided together in one transaction.

The asset key is the relation, so the table names in the SQL are the lineage. One step runs them all, because a decision
must not be half done: units, notes, quarantine and what has to be sent change together or not at all.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.defs.failures import named_failure
from rebound_oro_pipeline.defs.figures import add_by_day, figures_by_day, of_run
from rebound_oro_pipeline.defs.keys import group_of, key_of
from rebound_oro_pipeline.defs.partitions import RETURNS_LANDED, window_of
from rebound_oro_pipeline.defs.previews import previews
from rebound_oro_pipeline.defs.resources import Warehouse
from rebound_oro_pipeline.defs.tables import comments, table_metadata
from rebound_oro_pipeline.defs.versions import versions_without_days
from rebound_oro_pipeline.services.decide import Decision, DecisionRefused, checks_of_decisions, decide
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.sqlmodels.checks import Check, CheckResult, run_checks
from rebound_oro_pipeline.sqlmodels.model import Model, Models, Origins
from rebound_oro_pipeline.sqlmodels.relations import create_views

OWNER = "team:data"

DECIDE_ONLY = "rebound_oro/decide_only"
"""Tag of a run or a backfill, `true`: what would be sent waits in the outbox until somebody releases it."""
STEP = "rebound_oro/step"
"""Tag that names what makes an asset: the decision of returns, or the offering of returnable items."""


def spec_of(model: Model, partitions: dg.DailyPartitionsDefinition | None, origins: Origins) -> dg.AssetSpec:
    """Return the asset of a model: its description, columns, dependencies and owner come from the SQL file.

    `origins` are those of its columns.
    """
    return dg.AssetSpec(
        key_of(model.relation),
        deps=[key_of(relation) for relation in model.depends_on],
        description=model.description,
        group_name=group_of(model.relation),
        owners=[f"team:{model.owner}"] if model.owner else None,
        kinds={"postgres", "sql", "view" if model.materialized == "view" else "table"},
        code_version=model.code_version,
        tags={STEP: model.step},
        # Staging is a view of everything, and the working sets hold the last decision only.
        partitions_def=partitions if _has_days(model) else None,
        metadata={
            **table_metadata(model.relation, model.columns, origins),
            "materialized": model.materialized,
        },
    )


def _has_days(model: Model) -> bool:
    return model.window is not None or model.materialized == "append"


def _days_from(model: Model, models: Models) -> list[dg.AssetKey]:
    """Return what gives a relation its days where nothing that it reads has any.

    A backfill from the asset graph follows days from asset to asset, and does not see through a working set.
    """
    if not _has_days(model) or any(_has_days(models[read]) for read in model.depends_on if read in models):
        return []
    return [RETURNS_LANDED]


def source_specs(models: Models, made: Collection[dg.AssetKey]) -> list[dg.AssetSpec]:
    """Return, as external assets, the seeds, and what models read and no step makes."""
    read = {relation for model in models.values() for relation in model.reads}
    others = sorted(
        relation for relation in read - set(models) - set(models.seeds) if key_of(relation) not in made
    )
    return [
        dg.AssetSpec(
            key_of(seed.relation),
            group_name=group_of(seed.relation),
            kinds={"csv"},
            owners=[OWNER],
            description=seed.description,
            metadata={
                "dagster/table_name": seed.relation,
                "dagster/column_schema": dg.TableSchema(
                    columns=[
                        dg.TableColumn(name, type=column.type, description=column.description)
                        for name, column in seed.columns.items()
                    ]
                ),
            },
        )
        for seed in models.seeds.values()
    ] + [
        dg.AssetSpec(
            key_of(relation),
            group_name=group_of(relation),
            kinds={"postgres"},
            owners=[OWNER],
            description=comments().get(relation),
            metadata=table_metadata(relation),
        )
        for relation in others
    ]


def build_decision(
    models: Models, partitions: dg.DailyPartitionsDefinition, origins: Mapping[str, Origins]
) -> dg.AssetsDefinition:
    """Return the step that decides a window and materialises every model; `origins` by relation."""
    checks = checks_of_decisions(models)

    @dg.multi_asset(
        name="returns_decided",
        specs=[
            spec_of(model, partitions, origins[model.relation])
            .replace_attributes(skippable=True)
            .merge_attributes(deps=_days_from(model, models))
            for model in models.of_step("returns")
        ],
        check_specs=[check_spec(check) for check in checks],
        backfill_policy=dg.BackfillPolicy.single_run(),
        # A backfill from the asset graph asks for relations with days and for those without in runs of their own. All
        # is decided whatever is asked for, and what was asked for is reported.
        can_subset=True,
    )
    def decide_window(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        settings: dg.ResourceParam[Settings],
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        """Match, gate, clip and price the returns of the window, and enqueue what has to be sent."""
        if not (context.has_partition_key or context.has_partition_key_range):
            yield from _without_days(context, warehouse, settings, models)
            return
        window = window_of(context)
        decide_only = is_decided_only(context.run.tags)
        with named_failure(context), warehouse.connect("decide") as conn:
            policy_version = wiring.save_policy(settings, conn)
            conn.commit()
            try:
                decision = decide(
                    conn,
                    models,
                    window,
                    policy_version=policy_version,
                    decided_at=datetime.now(UTC),
                    run_id=context.run.run_id,
                    decide_only=decide_only,
                )
            except DecisionRefused as refused:
                yield from check_results(refused.checks, context.selected_asset_check_keys)
                raise dg.Failure(str(refused)) from refused
            dated = [model.relation for model in models.of_step("returns") if model.window]
            figures = figures_by_day(conn, models, dated, decision.window, datetime.now(UTC))
            for relation, days in figures.items():
                if key_of(relation) in context.selected_asset_keys:
                    add_by_day(context, relation, days)
        with warehouse.connect("preview") as conn:
            shown = previews(conn, [".".join(key.path) for key in context.selected_asset_keys], window)
        versions = versions_without_days(models, policy_version)
        for model in models.of_step("returns"):
            relation = model.relation
            if key_of(relation) not in context.selected_asset_keys:
                continue
            yield dg.MaterializeResult(
                asset_key=key_of(relation),
                metadata={**_of_run(context, models, decision, relation), **shown.get(relation, {})},
                data_version=None if _has_days(model) else versions[relation],
            )
        yield from check_results(decision.checks, context.selected_asset_check_keys)

    return decide_window


def is_decided_only(tags: Mapping[str, str]) -> bool:
    """Whether a run is to send nothing; people write the tag, and what is misread is sent for good."""
    said = tags.get(DECIDE_ONLY, "false").strip().lower()
    if said not in {"true", "false"}:
        raise dg.Failure(
            f"the tag {DECIDE_ONLY} is true or false, not {said!r}; nothing was decided", allow_retries=False
        )
    return said == "true"


def _without_days(
    context: dg.AssetExecutionContext, warehouse: Warehouse, settings: Settings, models: Models
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Without days nothing is decided: views are made anew, working sets stay as the last decision left them.

    Checks, which Dagster's UI runs alone where somebody asks it to, look at the rows of all days.
    """
    selected = context.selected_asset_check_keys
    asked = [check for check in checks_of_decisions(models) if check_spec(check).key in selected]
    with named_failure(context), warehouse.connect("decide") as conn:
        create_views(conn, models)
        versions = versions_without_days(models, wiring.save_policy(settings, conn))
        conn.commit()
        results = run_checks(conn, asked)
    for model in models.of_step("returns"):
        if key_of(model.relation) in context.selected_asset_keys:
            yield dg.MaterializeResult(
                asset_key=key_of(model.relation), data_version=versions[model.relation]
            )
    yield from check_results(results, selected)


def _of_run(
    context: dg.AssetExecutionContext, models: Models, decision: Decision, relation: str
) -> dict[str, Any]:
    built = decision.built.get(relation)
    if built is None:
        return {}
    done = {"rows written": built.rows_written, "seconds": round(built.seconds, 4)}
    # A working set holds the rows of this decision, whatever its days.
    return (
        {"dagster/row_count": built.rows_in_window, **done}
        if models[relation].materialized == "table"
        else of_run(context, done)
    )


def check_spec(check: Check) -> dg.AssetCheckSpec:
    """Return the asset check of a promise of a header or of a test."""
    return dg.AssetCheckSpec(
        check.name, asset=key_of(check.relation), description=check.description, blocking=check.blocking
    )


def check_results(
    results: Iterable[CheckResult], selected: Collection[dg.AssetCheckKey]
) -> Iterator[dg.AssetCheckResult]:
    """Yield what Dagster shows of those checks that were selected for a run."""
    for result in results:
        if dg.AssetCheckKey(key_of(result.relation), result.name) in selected:
            yield check_result(result)


def check_result(result: CheckResult) -> dg.AssetCheckResult:
    """Return what Dagster shows of a check: how many rows are wrong, and a sample of them where there are any."""
    sample = {"sample": dg.MetadataValue.json(result.sample)} if result.sample else {}
    return dg.AssetCheckResult(
        asset_key=key_of(result.relation),
        check_name=result.name,
        passed=result.passed,
        severity=severity_of(result),
        metadata={"failing rows": result.failing_rows, **sample},
    )


def severity_of(result: CheckResult) -> dg.AssetCheckSeverity:
    """Return how Dagster calls the severity of a check."""
    return dg.AssetCheckSeverity.ERROR if result.severity == "error" else dg.AssetCheckSeverity.WARN
