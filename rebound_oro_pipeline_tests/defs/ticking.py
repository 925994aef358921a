"""A sensor's answer, as the daemon sees it."""

from dataclasses import dataclass

import dagster as dg

from rebound_oro_pipeline.defs.resources import Warehouse
from rebound_oro_pipeline_tests.pipeline_at_work import Loop


@dataclass(frozen=True)
class Tick:
    """What a sensor answered: its one run request, or why there is none, and the cursor that Dagster then keeps."""

    request: dg.RunRequest | None
    reason: str | None
    cursor: str | None


def tick(loop: Loop, sensor: str, cursor: str | None = None) -> Tick:
    """Evaluate a sensor as the daemon does."""
    context = dg.build_sensor_context(
        instance=loop.instance,
        repository_def=loop.defs.get_repository_def(),
        resources={"warehouse": Warehouse()},
        cursor=cursor,
    )
    told = loop.defs.resolve_sensor_def(sensor).evaluate_tick(context)
    assert len(told.run_requests or ()) <= 1
    return Tick(told.run_requests[0] if told.run_requests else None, told.skip_message, told.cursor or cursor)
