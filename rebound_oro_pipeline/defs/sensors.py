"""Sensors: whenever the outbox has something to send, the push that sends it is materialised."""

from typing import TYPE_CHECKING

import dagster as dg

from rebound_oro_pipeline.defs.jobs import PUSH, PUSH_OFFERS, PUSH_STOCK
from rebound_oro_pipeline.defs.resources import Warehouse
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.warehouse import outbox

if TYPE_CHECKING:  # Dagster gives these no public name
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

_BUSY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def build_sensors(
    settings: Settings, jobs: "dict[str, UnresolvedAssetJobDefinition]"
) -> list[dg.SensorDefinition]:
    """Return a sensor for credit notes, one for stock, switched on in near-real-time mode, and one for offers."""
    near_real_time = settings.push_enabled and settings.stock_mode == "near_real_time"
    return [
        _outbox_sensor("credit_notes_to_send", jobs[PUSH], "oro_credit_note", enabled=settings.push_enabled),
        _outbox_sensor("stock_to_send", jobs[PUSH_STOCK], "oro_inventory_delta", enabled=near_real_time),
        _outbox_sensor("offers_to_send", jobs[PUSH_OFFERS], "rebound_order", enabled=settings.offers_enabled),
    ]


def _outbox_sensor(
    name: str, job: "UnresolvedAssetJobDefinition", kind: outbox.Kind, *, enabled: bool
) -> dg.SensorDefinition:
    @dg.sensor(
        name=name,
        job=job,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING if enabled else dg.DefaultSensorStatus.STOPPED,
        description=f"Starts `{job.name}` when messages of kind {kind} are due; one run sends them all.",
    )
    def outbox_sensor(
        context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.RunRequest | dg.SkipReason:
        running = context.instance.get_runs(dg.RunsFilter(job_name=job.name, statuses=_BUSY), limit=1)
        if running:
            return dg.SkipReason(f"run {running[0].run_id} is still sending")
        with warehouse.connect("sensor") as conn:
            waiting = outbox.due(conn, kind)
        if not waiting:
            return dg.SkipReason("nothing is due")
        # No run key: it would dedupe for ever. That nothing runs and something is due is the whole state.
        return dg.RunRequest(tags={"outbox/due": str(waiting)})

    return outbox_sensor
