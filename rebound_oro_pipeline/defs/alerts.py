"""Alerts: a run that failed, a check that failed beside it. Nothing here ever fails a tick because of an alert.

A failing blocking check fails its run too and is told with it; so only the checks of runs that went on are told here.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.clients.alerts import AlertUrlError
from rebound_oro_pipeline.defs.resources import Warehouse
from rebound_oro_pipeline.services.alerts import Alert, raise_alert
from rebound_oro_pipeline.settings import MissingSetting, Settings

RETRY_NUMBER = "dagster/retry_number"
_CHECKS_AT_ONCE = 200
_SHOWN = 5


def build_alerts(settings: Settings) -> Sequence[dg.SensorDefinition]:
    """Return the sensors that alert; they run by themselves where somebody is to be told."""
    status = (
        dg.DefaultSensorStatus.RUNNING
        if settings.secret_is_set("alert_urls")
        else dg.DefaultSensorStatus.STOPPED
    )

    @dg.run_failure_sensor(
        name="alert_on_failed_runs",
        minimum_interval_seconds=30,
        default_status=status,
        description="Tells people of a failed run, once for each outage; a run that Dagster tries again is told once.",
    )
    def alert_on_failed_runs(
        context: dg.RunFailureSensorContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> None:
        run = context.dagster_run
        if RETRY_NUMBER in run.tags:
            return
        _tell(
            context.log, warehouse, [Alert(run.job_name, f"Run of {run.job_name} failed", _failure(context))]
        )

    @dg.sensor(
        name="alert_on_failed_checks",
        minimum_interval_seconds=60,
        default_status=status,
        description="Tells people of checks that failed in runs that went on, the oldest first.",
    )
    def alert_on_failed_checks(
        context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.SkipReason | dg.SensorResult:
        records = context.instance.event_log_storage.get_event_records(
            dg.EventRecordsFilter(
                event_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION,
                after_cursor=int(context.cursor) if context.cursor else None,
            ),
            limit=_CHECKS_AT_ONCE,
            ascending=True,
        )
        if not records:
            return dg.SkipReason("no check was evaluated since")
        failed = list(_failed_checks(context.instance, records))
        if not _tell(context.log, warehouse, failed):
            return dg.SkipReason("alerts could not be sent; the same checks are looked at again")
        return dg.SensorResult(
            cursor=str(records[-1].storage_id),
            skip_reason=f"{len(records)} evaluations, {len(failed)} failed",
        )

    return [alert_on_failed_runs, alert_on_failed_checks]


def _failure(context: dg.RunFailureSensorContext) -> str:
    """Return what the failed steps said, or what Dagster says of the run where none did."""
    said = []
    for event in context.get_step_failure_events():
        failed = event.step_failure_data
        described = failed.user_failure_data.description if failed.user_failure_data else None
        said.append(described or (failed.error.message if failed.error else event.message) or "")
    days = context.partition_key
    place = f"run {context.dagster_run.run_id}" + (f", {days}" if days else "")
    return "\n".join([*(said or [context.failure_event.message or "no reason was given"]), place])


def _failed_checks(instance: dg.DagsterInstance, records: Sequence[dg.EventLogRecord]) -> Iterator[Alert]:
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        evaluation = event.asset_check_evaluation_data
        if evaluation.passed or evaluation.severity is not dg.AssetCheckSeverity.ERROR:
            continue
        run = instance.get_run_by_id(record.event_log_entry.run_id)
        if run is None or run.is_failure_or_canceled:
            continue
        name = f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}"
        figures = {key: value.value for key, value in list(evaluation.metadata.items())[:_SHOWN]}
        yield Alert(
            f"check {name}",
            f"Check {name} failed",
            f"{evaluation.description or evaluation.check_name}\n"
            f"{json.dumps(figures, default=str)[:1000]}\nrun {run.run_id}",
        )


def _tell(log: logging.Logger, warehouse: Warehouse, alerts: Sequence[Alert]) -> bool:
    """Send alerts; whether all is settled, be it because there was nothing new to tell."""
    if not alerts:
        return True
    settings = Settings()
    try:
        channel = wiring.alert_channel(settings)
        if channel is None:
            log.warning("alerts have no target; set REBOUND_ORO_ALERT_URLS")
            return True
        with warehouse.connect("alerts") as conn:
            for alert in alerts:
                quiet = timedelta(minutes=settings.alert_quiet_minutes)
                sent = raise_alert(conn, channel, alert, now=datetime.now(UTC), quiet=quiet)
                log.info("%s: %s", alert.title, "sent" if sent else "not sent again, or not taken")
    except (AlertUrlError, MissingSetting, OSError, psycopg.Error) as error:
        log.error("alerts could not be sent: %s", error)  # noqa: TRY400 - its words are enough
        return False
    return True
