"""Alerts: a run that failed, a check that failed beside it. Nothing here ever fails a tick because of an alert.

Both are read from the event log, the oldest first, and the cursor stays before what could not be told: Dagster's own
sensor of failed runs moves on whatever becomes of its message. A message that no target takes while others are taken
waits beside, and holds up nothing. A failing blocking check fails its run and is told with it; so only the others are
told here.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import dagster as dg
import psycopg

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.clients.alerts import AlertUrlError
from rebound_oro_pipeline.defs.failures import is_attended
from rebound_oro_pipeline.defs.resources import Warehouse
from rebound_oro_pipeline.services.alerts import Alert, Outcome, raise_alert, took_any_since
from rebound_oro_pipeline.settings import MissingSetting, Settings

RETRY_NUMBER = "dagster/retry_number"
_EVENTS_AT_ONCE = 200
_SHOWN = 5
_STORED_AFTER = timedelta(seconds=2)
"""Age of the latest event that is read: one with a lower number may become readable after one with a higher."""
_TRIES = 2
"""Messages in a row that no target takes, after which the targets are left in peace for a tick."""
_GIVEN_UP_AFTER = timedelta(days=1)
"""Age of what a message is about that is refused, while others were taken since."""


@dataclass(frozen=True)
class _Cursor:
    """The event up to which all were looked at, and those up to it that are still to be told."""

    after: int
    untold: tuple[int, ...] = ()

    @classmethod
    def read(cls, text: str | None) -> "_Cursor | None":
        words = (text or "").split()
        if not words or not all(word.isdecimal() for word in words):
            return None
        return cls(int(words[0]), tuple(map(int, words[1:])))

    def __str__(self) -> str:
        return " ".join(map(str, (self.after, *self.untold)))


@dataclass(frozen=True)
class _Due:
    """An alert, and the event that it is about."""

    storage_id: int
    happened_at: datetime
    alert: Alert


@dataclass
class _Told:
    """What became of alerts: events whose message no target took, those that were not tried, and why."""

    refused: list[int] = field(default_factory=list)
    untried: list[int] = field(default_factory=list)
    why: str = ""

    @property
    def left(self) -> list[int]:
        """Events that are still to be told, those that were tried last."""
        return [*self.untried, *self.refused]


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
        cursor = _Cursor.read(context.cursor)
        if cursor is None:
            latest = _events(context.instance, kind, limit=1, ascending=False)
            return dg.SensorResult(
                cursor=str(_Cursor(latest[0].storage_id if latest else 0)),
                skip_reason="begins with what fails from now on",
            )
        latest_stored = (datetime.now(UTC) - _STORED_AFTER).timestamp()
        records = list(
            takewhile(
                lambda record: record.event_log_entry.timestamp <= latest_stored,
                _events(context.instance, kind, after_cursor=cursor.after),
            )
        )
        again = (
            _events(context.instance, kind, storage_ids=cursor.untold, limit=len(cursor.untold))
            if cursor.untold
            else ()
        )
        if not records and not again:
            return dg.SkipReason("nothing happened since")
        due = [
            _Due(record.storage_id, datetime.fromtimestamp(record.event_log_entry.timestamp, UTC), alert)
            for record in (
                *records,
                *sorted(again, key=lambda record: cursor.untold.index(record.storage_id)),
            )
            if (alert := alert_of(context, record.event_log_entry)) is not None
        ]
        told = _tell(context.log, warehouse, due)
        # New ones that were not even tried are read again, with all that follows; what was refused is kept by itself.
        after = records[-1].storage_id if records else cursor.after
        after = min((each - 1 for each in told.untried if each > cursor.after), default=after)
        untold = [storage_id for storage_id in told.left if storage_id <= after]
        reason = f"{len(records)} looked at, {len(due)} to tell"
        if told.left:
            reason = f"{len(told.left)} alerts are still to be told, and tried again: {told.why}"
        return dg.SensorResult(cursor=str(_Cursor(after, tuple(untold))), skip_reason=reason)

    return sensor


def _events(
    instance: dg.DagsterInstance,
    kind: dg.DagsterEventType,
    *,
    after_cursor: int | None = None,
    storage_ids: Sequence[int] | None = None,
    limit: int = _EVENTS_AT_ONCE,
    ascending: bool = True,
) -> Sequence[dg.EventLogRecord]:
    wanted = dg.EventRecordsFilter(event_type=kind, after_cursor=after_cursor, storage_ids=storage_ids)
    return instance.event_log_storage.get_event_records(wanted, limit=limit, ascending=ascending)


def _failed_run(context: dg.SensorEvaluationContext, event: dg.EventLogEntry) -> Alert | None:
    run = context.instance.get_run_by_id(event.run_id)
    if run is None or RETRY_NUMBER in run.tags or is_attended(run) or not _is_ours(context, run):
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


def _tell(log: logging.Logger, warehouse: Warehouse, due: Sequence[_Due]) -> _Told:
    """Send alerts in turn until the targets seem to take nothing; what is grouped with a sent one is settled."""
    told = _Told(untried=[each.storage_id for each in due])
    in_a_row = 0
    if not due:
        return told
    settings = Settings()
    quiet = timedelta(minutes=settings.alert_quiet_minutes)
    try:
        channel = wiring.alert_channel(settings)
        if channel is None:
            log.warning("alerts have no target; set REBOUND_ORO_ALERT_URLS")
            return _Told()
        with warehouse.connect("alerts") as conn:
            for each in due:
                if in_a_row >= _TRIES:
                    break
                now = datetime.now(UTC)
                outcome = raise_alert(conn, channel, each.alert, now=now, quiet=quiet)
                log.info("%s: %s", each.alert.title, outcome.value)
                told.untried.remove(each.storage_id)
                if outcome is Outcome.SENT:
                    in_a_row = 0
                elif outcome is Outcome.NOT_TAKEN:
                    in_a_row += 1
                    told.why = outcome.value
                    is_old = now - each.happened_at > _GIVEN_UP_AFTER
                    if is_old and took_any_since(conn, each.happened_at):
                        log.error("given up after a day: %s\n%s", each.alert.title, each.alert.detail)
                    else:
                        told.refused.append(each.storage_id)
    except (AlertUrlError, MissingSetting, OSError, psycopg.Error) as error:
        log.error("alerts could not be sent: %s", error)  # noqa: TRY400 - its words are enough
        told.why = " ".join(str(error).split())
    return told
