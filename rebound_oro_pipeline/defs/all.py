"""All definitions, put together."""

from functools import partial
from typing import TYPE_CHECKING

import dagster as dg

from rebound_oro_pipeline.defs.alerts import build_alerts
from rebound_oro_pipeline.defs.checks import build_checks
from rebound_oro_pipeline.defs.documents import with_links
from rebound_oro_pipeline.defs.executors import build_executor
from rebound_oro_pipeline.defs.follow_ups import build_follow_ups
from rebound_oro_pipeline.defs.jobs import RETURNS, build_jobs
from rebound_oro_pipeline.defs.landing import build_landing
from rebound_oro_pipeline.defs.models import build_decision, source_specs
from rebound_oro_pipeline.defs.offers import build_offers
from rebound_oro_pipeline.defs.partitions import daily_returns
from rebound_oro_pipeline.defs.pushes import build_pushes
from rebound_oro_pipeline.defs.reconciliation import build_reconciliation
from rebound_oro_pipeline.defs.resources import build_resources
from rebound_oro_pipeline.defs.schedules import build_schedules
from rebound_oro_pipeline.defs.sensors import build_sensors
from rebound_oro_pipeline.defs.tables import column_types
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.sqlmodels.origins import origins_of
from rebound_oro_pipeline.sqlmodels.read import read_models

if TYPE_CHECKING:
    from rebound_oro_pipeline.defs.jobs import Job


def build_definitions(settings: Settings) -> dg.Definitions:
    """Return the definitions for these settings; reads the SQL files, opens nothing."""
    models = read_models()
    origins = origins_of(models, column_types())
    partitions = daily_returns(settings)
    jobs: list[Job] = [*build_jobs(), *build_follow_ups(models, partitions)]
    by_name = {job.name: job for job in jobs}
    made = [
        *build_landing(partitions),
        build_decision(models, partitions, origins),
        *build_offers(models, origins),
        *build_pushes(),
        *build_reconciliation(models, origins),
    ]
    sources = source_specs(models, {key for assets in made for key in assets.keys})
    return dg.Definitions(
        assets=dg.map_asset_specs(partial(with_links, models, settings), [*sources, *made]),
        asset_checks=build_checks(models, partitions),
        jobs=jobs,
        schedules=build_schedules(settings, by_name[RETURNS], partitions),
        sensors=[*build_sensors(settings), *build_alerts(settings)],
        resources=build_resources(),
        executor=build_executor(settings),
    )
