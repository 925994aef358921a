"""Whoever interrupts a run in this process ends it, at whatever moment: Dagster takes signals for itself meanwhile."""

import os
import signal
from typing import Any

import dagster as dg
import pytest

from rebound_oro_pipeline.defs.local import execute
from rebound_oro_pipeline.processes import orderly_end


@dg.op
def work() -> None:
    """Do nothing."""


@dg.job
def idle() -> None:
    """Do it."""
    work()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["PIPELINE_START", "STEP_START", "STEP_SUCCESS", "PIPELINE_SUCCESS"])
def test_an_interrupt_is_lost_at_no_moment_of_a_run(
    moment: str, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        handle = instance.handle_new_event

        def handle_and_interrupt(event: dg.EventLogEntry, **options: Any) -> None:
            handle(event, **options)
            if event.dagster_event is not None and event.dagster_event.event_type_value == moment:
                os.kill(os.getpid(), number)

        monkeypatch.setattr(instance, "handle_new_event", handle_and_interrupt)

        def run() -> None:
            with orderly_end():
                execute(dg.Definitions(jobs=[idle]), instance, "idle")

        with pytest.raises(KeyboardInterrupt):
            run()
