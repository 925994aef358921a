"""What `rebound-oro dev` passes on of what runs say."""

import io

import pytest

from rebound_oro_pipeline.dev import pass_on

EVENT = "2026-11-28 14:14:48 +0000 - dagster - {} - returns - ded78a2c - 147 - {}\n"


def test_of_runs_the_terminal_shows_what_begins_and_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """Else a sensor that ticks carries the address of the UI away."""
    kept = [
        EVENT.format("DEBUG", "RUN_START - Started execution of run"),
        EVENT.format("ERROR", "decide - STEP_FAILURE - Execution of step failed."),
        "Traceback (most recent call last):\n",
        "  File\n",
        EVENT.format("WARNING", "decide - something is odd"),
        "said by no run\n",
        "  and more of it\n",
    ]
    left_out = [
        EVENT.format("DEBUG", "decide - STEP_START - Started"),
        "  more of this event\n",
        EVENT.format("INFO", "decide - 3 notes"),
    ]
    pass_on(io.StringIO("".join([kept[0], *left_out, *kept[1:4], *left_out, *kept[4:]])))
    assert capsys.readouterr().err == "".join(kept)
