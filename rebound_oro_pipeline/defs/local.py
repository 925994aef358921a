"""Dagster on this machine: its instance beside the data, and jobs run in this process."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import dagster as dg
import yaml
from dagster._core.events import RunFailureReason
from dagster._core.instance.ref import InstanceRef

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.defs.executors import keep_connections
from rebound_oro_pipeline.defs.failures import ATTENDED
from rebound_oro_pipeline.settings import Settings

RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
LOCATION = "rebound_oro_pipeline"
"""How Dagster calls our code, as in workspace.yaml."""
REPOSITORY_TAG = ".dagster/repository"
"""By this Dagster's pages of jobs find their runs; what the UI or the daemon starts has it by itself."""


def prepare_home(settings: Settings) -> Path:
    """Make Dagster's home folder with its dagster.yaml, and set the variables that Dagster reads; return the folder."""
    home = (settings.home / "dagster").resolve()
    home.mkdir(parents=True, exist_ok=True)
    text = (files("rebound_oro_pipeline") / "dagster.yaml").read_text(encoding="utf-8")
    configuration = home / "dagster.yaml"
    if not configuration.exists() or configuration.read_text(encoding="utf-8") != text:
        configuration.write_text(text, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "500")
    return home


@contextmanager
def local_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Open the instance whose storage lies in the same PostgreSQL as the data, for jobs run in this process."""
    home = prepare_home(settings)
    storage = yaml.safe_load((home / "dagster.yaml").read_text(encoding="utf-8"))["storage"]
    # A run of this process does not outlive a crash of the server, so its events need not wait for the disk.
    storage["custom"]["config"] = {"postgres_url": wiring.dagster_storage_url(settings, durable=False)}
    reference = InstanceRef.from_dir(str(home), overrides={"storage": storage})
    with dg.DagsterInstance.from_ref(reference) as instance:
        keep_connections(instance)
        yield instance


def execute(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    job_name: str,
    *,
    days: tuple[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    """Run a job in this process; `days` are the first and last partition of a range, run as one.

    A run that fails is a result without success, one that is interrupted a KeyboardInterrupt.
    """
    job = defs.resolve_job_def(job_name)
    range_of_days = {RANGE_START_TAG: days[0], RANGE_END_TAG: days[1]} if days else {}
    all_tags = {
        ATTENDED: "true",
        REPOSITORY_TAG: f"__repository__@{LOCATION}",
        **range_of_days,
        **(tags or {}),
    }
    # The event log keeps everything; whoever runs a job here says what went wrong.
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with _interrupts() as came:
        result = job.execute_in_process(
            instance=instance, tags=all_tags, run_config=quiet, raise_on_error=False
        )
        is_interrupted = came()
    ended = [event.job_failure_data.failure_reason for event in result.all_events if event.is_run_failure]
    if is_interrupted or RunFailureReason.UNEXPECTED_TERMINATION in ended:
        signal.raise_signal(signal.SIGINT)
        raise KeyboardInterrupt  # where the signal is ignored, because it has come before
    return result


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Give what tells whether the process was interrupted in the block, whoever took the signal.

    Dagster takes it for itself while a run lasts, and forgets one that comes after its last step.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    reading, writing = socket.socketpair()
    with reading, writing:
        reading.settimeout(0)
        writing.settimeout(0)

        def came() -> bool:
            try:
                return not {signal.SIGINT, signal.SIGTERM}.isdisjoint(reading.recv(4096))
            except BlockingIOError:
                return False

        before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        try:
            yield came
        finally:
            signal.set_wakeup_fd(before)


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """Return what went wrong in each failed step, in a sentence that names the step; [] if nothing did."""
    said = []
    for event in result.get_step_failure_events():
        failure = event.step_failure_data
        error = failure.error
        while error is not None and error.cause is not None:
            error = error.cause
        told = failure.user_failure_data and failure.user_failure_data.description
        said.append(f"{event.step_key}: {told or (error.message.strip() if error else 'failed')}")
    return said
