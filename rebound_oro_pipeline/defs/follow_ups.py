"""Jobs that look again at single returns, of whatever day: one run for all that waits.

They are ops and not assets, because what they touch is no partition: a handful of returns of many days. They report to
the assets of those days what these hold now.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime

import dagster as dg

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.defs.executors import IN_PROCESS
from rebound_oro_pipeline.defs.failures import named_failure
from rebound_oro_pipeline.defs.figures import HELD_RETURNS, ROWS, figures_by_day
from rebound_oro_pipeline.defs.jobs import CATALOGUE, CATCH_UP, FOLLOW_UP, OPEN_RETURNS
from rebound_oro_pipeline.defs.keys import key_of
from rebound_oro_pipeline.defs.landing import READING, TRIES
from rebound_oro_pipeline.defs.models import severity_of
from rebound_oro_pipeline.defs.previews import previews
from rebound_oro_pipeline.defs.resources import OroCommerce, ReBound, Warehouse
from rebound_oro_pipeline.defs.versions import tags_as_before
from rebound_oro_pipeline.services import follow_up as service
from rebound_oro_pipeline.services.decide import Decision
from rebound_oro_pipeline.services.follow_up import FollowedUp, Follower
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.sqlmodels.checks import CheckResult, checks_of, run_checks
from rebound_oro_pipeline.sqlmodels.model import Models

REPORTED = (
    "marts.credit_notes",
    "marts.validated_return_lines",
    HELD_RETURNS,
    "marts.quarantined_exceptions",
    "marts.inventory_deltas",
)
"""Assets that are told what they hold, for each day that was looked at."""

Step = Callable[[dg.OpExecutionContext, Follower], None]
"""What a job does, and reports of it."""


def build_follow_ups(models: Models, partitions: dg.DailyPartitionsDefinition) -> list[dg.JobDefinition]:
    """Return the jobs that look again, each a single step."""

    def decided(look: Callable[[Follower], FollowedUp]) -> Step:
        def step(context: dg.OpExecutionContext, follower: Follower) -> None:
            _report(context, follower, look(follower), partitions)

        return step

    steps: tuple[tuple[str, Step, str], ...] = (
        (
            FOLLOW_UP,
            decided(service.follow_up),
            "Look at what webhooks brought, at holds that are due, and at what people said: their returns only.",
        ),
        (
            OPEN_RETURNS,
            decided(service.follow_open_returns),
            "Read the open returns of the last 30 days again, and decide those that changed.",
        ),
        (
            CATCH_UP,
            decided(service.catch_up),
            "Look for what webhooks and schedules missed: returns nobody told us of, and orders that changed.",
        ),
        (
            CATALOGUE,
            _refresh_catalogue,
            "Read the products that ever came back again, with their stock levels.",
        ),
    )
    return [_single_step_job(name, step, description, models) for name, step, description in steps]


def _single_step_job(name: str, step: Step, description: str, models: Models) -> dg.JobDefinition:
    @dg.op(name=f"{name}_step", description=description, pool=READING, out=dg.Out(dg.Nothing))
    def op(
        context: dg.OpExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        oro: dg.ResourceParam[OroCommerce],
        rebound: dg.ResourceParam[ReBound],
        settings: dg.ResourceParam[Settings],
    ) -> None:
        with (
            named_failure(context, tries=TRIES),
            oro.client() as shop,
            rebound.client() as returns,
            warehouse.connect("follow up") as conn,
        ):
            step(
                context,
                wiring.follower(
                    settings, shop, returns, conn, models, now=datetime.now(UTC), run_id=context.run_id
                ),
            )

    # Whatever executes the steps of others: a single step elsewhere would only have the run's process wait for it.
    @dg.job(name=name, description=description, executor_def=IN_PROCESS)
    def job() -> None:
        op()

    return job


def _refresh_catalogue(context: dg.OpExecutionContext, follower: Follower) -> None:
    landed = service.refresh_catalogue(follower)
    for relation, name in (
        ("landing.oro_products", "products"),
        ("landing.oro_inventory_levels", "levels"),
    ):
        counts = landed[name]
        context.log_event(
            dg.AssetObservation(
                key_of(relation),
                metadata={"read": counts.received, "new or changed": counts.new + counts.changed},
            )
        )
    context.add_output_metadata({name: counts.received for name, counts in landed.items()})


def _report(
    context: dg.OpExecutionContext,
    follower: Follower,
    found: FollowedUp,
    partitions: dg.DailyPartitionsDefinition,
) -> None:
    if found.days:
        window = Window.days(found.days[0], found.days[-1])
        figures = figures_by_day(follower.conn, follower.models, REPORTED, window, follower.now)
        for day in found.days:
            _report_day(context, follower, day, figures, partitions)
        _report_checks(context, follower, found.decisions)
    context.add_output_metadata(
        {
            **{f"{name} to look at": count for name, count in found.occasions.items()},
            "windows decided": len(found.decisions),
            "days": len(found.days),
            "credit notes added": found.notes,
            **{f"{name} landed": landed.new + landed.changed for name, landed in found.landed.items()},
        }
    )


def _report_day(
    context: dg.OpExecutionContext,
    follower: Follower,
    day: date,
    figures: Mapping[str, Mapping[date, Mapping[str, int | float]]],
    partitions: dg.DailyPartitionsDefinition,
) -> None:
    key = day.isoformat()
    if not partitions.has_partition_key(key):  # today's partition begins to exist tomorrow
        return
    shown = previews(follower.conn, REPORTED, Window.day(day))
    for relation in REPORTED:
        of_day = {ROWS: 0, **figures[relation].get(day, {}), **shown.get(relation, {})}
        tags = tags_as_before(context.instance, key_of(relation), key)
        context.log_event(
            dg.AssetMaterialization(key_of(relation), partition=key, metadata=of_day, tags=tags)
        )


def _report_checks(context: dg.OpExecutionContext, follower: Follower, decisions: Iterable[Decision]) -> None:
    """Say what was checked of the windows; to Dagster an asset that was made since its checks ran has passed none."""
    promises = [check for check in checks_of(follower.models, relations=REPORTED) if check.is_promise]
    by_check: dict[tuple[str, str], list[CheckResult]] = {}
    for decision in decisions:
        for found in (*decision.checks, *run_checks(follower.conn, promises, decision.window.bounds)):
            if found.relation in REPORTED:
                by_check.setdefault((found.relation, found.name), []).append(found)
    for (relation, name), results in by_check.items():
        evaluation = dg.AssetCheckEvaluation(
            asset_key=key_of(relation),
            check_name=name,
            passed=all(result.passed for result in results),
            severity=severity_of(results[0]),
            metadata={
                "failing rows": sum(result.failing_rows for result in results),
                "windows looked at": len(results),
            },
        )
        context.log_event(evaluation)  # type: ignore[arg-type]  # it takes them; its annotation does not say so
