"""Alerts: a run that failed, a check that failed beside it. Nothing here ever fails a tick because of an alert.

Both are read from the event log, the oldest first, and the cursor stays before what could not be told: Dagster's own
sensor of failed runs moves on whatever becomes of its message. A failing blocking check fails its run and is told with
it; so only the others are told here.
"""

import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.clients.alerts import AlertUrlError
from rebound_oro_pipeline.defs.failures import ATTENDED
from rebound_oro_pipeline.defs.resources import Warehouse
from rebound_oro_pipeline.services.alerts import Alert, Outcome, raise_alert
from rebound_oro_pipeline.settings import MissingSetting, Settings

RETRY_NUMBER = "dagster/retry_number"
_EVENTS_AT_ONCE = 200
_SHOWN = 5


def build_alerts(settings: Settings) -> Sequence[dg.SensorDefinition]:
    """Return the sensors that alert; they run by themselves where somebody is to be told."""
    status = (
        dg.DefaultSensorStatus.RUNNING
        if settings.secret_is_set("alert_urls")
        else dg.DefaultSensorStatus.STOPPED
    )
    return [
        _sensor(
            "alert_on_failed_runs",
            dg.DagsterEventType.RUN_FAILURE,
            _failed_run,
            "Tells people of failed runs, once for each outage; a run that Dagster tries again is told once.",
            status=status,
            seconds=30,
        ),
        _sensor(
            "alert_on_failed_checks",
            dg.DagsterEventType.ASSET_CHECK_EVALUATION,
            _failed_check,
            "Tells people of checks that failed in runs that went on, the oldest first.",
            status=status,
            seconds=60,
        ),
    ]


def _sensor(
    name: str,
    kind: dg.DagsterEventType,
    alert_of: Callable[[dg.SensorEvaluationContext, dg.EventLogEntry], Alert | None],
    description: str,
    *,
    status: dg.DefaultSensorStatus,
    seconds: int,
) -> dg.SensorDefinition:
    @dg.sensor(name=name, minimum_interval_seconds=seconds, default_status=status, description=description)
    def sensor(
        context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.SkipReason | dg.SensorResult:
        if not (context.cursor or "").isdecimal():
            latest = _events(context.instance, kind, after=None, limit=1, ascending=False)
            return dg.SensorResult(
                cursor=str(latest[0].storage_id if latest else 0),
                skip_reason="begins with what fails from now on",
            )
        records = _events(context.instance, kind, after=int(context.cursor or 0))
        if not records:
            return dg.SkipReason("nothing happened since")
        alerts = [
            (record.storage_id, alert)
            for record in records
            if (alert := alert_of(context, record.event_log_entry)) is not None
        ]
        settled, kept_from = _tell(context.log, warehouse, [alert for _, alert in alerts])
        if settled < len(alerts):
            return dg.SensorResult(
                cursor=str(alerts[settled][0] - 1),
                skip_reason=f"{len(alerts) - settled} alerts are still to be told, and tried again: {kept_from}",
            )
        return dg.SensorResult(
            cursor=str(records[-1].storage_id), skip_reason=f"{len(records)} looked at, {len(alerts)} to tell"
        )

    return sensor


def _events(
    instance: dg.DagsterInstance,
    kind: dg.DagsterEventType,
    *,
    after: int | None,
    limit: int = _EVENTS_AT_ONCE,
    ascending: bool = True,
) -> Sequence[dg.EventLogRecord]:
    wanted = dg.EventRecordsFilter(event_type=kind, after_cursor=after)
    return instance.event_log_storage.get_event_records(wanted, limit=limit, ascending=ascending)


def _failed_run(context: dg.SensorEvaluationContext, event: dg.EventLogEntry) -> Alert | None:
    run = context.instance.get_run_by_id(event.run_id)
    if run is None or RETRY_NUMBER in run.tags or ATTENDED in run.tags or not _is_ours(context, run):
        return None
    return Alert(run.job_name, f"Run of {run.job_name} failed", _why(context.instance, run, event))


def _is_ours(context: dg.SensorEvaluationContext, run: dg.DagsterRun) -> bool:
    """Whether a run is of this code location: an instance may have others, with alerts of their own."""
    ours, its = context.code_location_origin, run.remote_job_origin
    return its is None or ours is None or its.location_name == ours.location_name


def _why(instance: dg.DagsterInstance, run: dg.DagsterRun, ended: dg.EventLogEntry) -> str:
    """Return what the failed steps said, or what Dagster says of the run where none did."""
    said = []
    for record in instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records:
        event = record.event_log_entry.get_dagster_event()
        failed = event.step_failure_data
        described = failed.user_failure_data.description if failed.user_failure_data else None
        said.append(described or (failed.error.message if failed.error else event.message) or "")
    days = run.tags.get("dagster/partition")
    place = f"run {run.run_id}" + (f", {days}" if days else "")
    return "\n".join(
        [*(dict.fromkeys(said) or [ended.get_dagster_event().message or "no reason was given"]), place]
    )


def _failed_check(context: dg.SensorEvaluationContext, event: dg.EventLogEntry) -> Alert | None:
    evaluation = event.get_dagster_event().asset_check_evaluation_data
    if evaluation.passed or evaluation.blocking or evaluation.severity is not dg.AssetCheckSeverity.ERROR:
        return None
    run = context.instance.get_run_by_id(event.run_id)
    if run is None or run.is_failure_or_canceled or not _is_ours(context, run):
        return None
    name = f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}"
    figures = {key: value.value for key, value in list(evaluation.metadata.items())[:_SHOWN]}
    return Alert(
        f"check {name}",
        f"Check {name} failed",
        f"{evaluation.description or evaluation.check_name}\n"
        f"{json.dumps(figures, default=str)[:1000]}\nrun {run.run_id}",
    )


def _tell(log: logging.Logger, warehouse: Warehouse, alerts: Sequence[Alert]) -> tuple[int, str]:
    """Send alerts in turn; how many are settled, sent or grouped with one that was, and what kept the next."""
    settled = 0
    if not alerts:
        return settled, ""
    settings = Settings()
    quiet = timedelta(minutes=settings.alert_quiet_minutes)
    try:
        channel = wiring.alert_channel(settings)
        if channel is None:
            log.warning("alerts have no target; set REBOUND_ORO_ALERT_URLS")
            return len(alerts), ""
        with warehouse.connect("alerts") as conn:
            for alert in alerts:
                outcome = raise_alert(conn, channel, alert, now=datetime.now(UTC), quiet=quiet)
                log.info("%s: %s", alert.title, outcome.value)
                if outcome is Outcome.NOT_TAKEN:
                    return settled, outcome.value
                settled += 1
    except (AlertUrlError, MissingSetting, OSError, psycopg.Error) as error:
        log.error("alerts could not be sent: %s", error)  # noqa: TRY400 - its words are enough
        return settled, " ".join(str(error).split())
    return settled, ""
