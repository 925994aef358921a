"""What `rebound-oro dev` passes on of what runs say, and where it serves the code."""

import io
import socket
from pathlib import Path

import pytest

from rebound_oro_pipeline.dev import code_server, code_server_port, pass_on

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


def test_the_code_server_is_one_that_can_tell_which_runs_are_still_there() -> None:
    """Else a run that was under way when all was stopped keeps its places for hours, and sensors wait for its job."""
    assert code_server(4000)[1:3] == ("api", "grpc")


def test_the_code_is_served_where_it_was_before(tmp_path: Path) -> None:
    """Else Dagster's list of schedules and sensors shows no tick of those that were switched on by hand before."""
    workspace = tmp_path / "workspace.yaml"
    free = code_server_port(workspace)
    workspace.write_text(f"load_from: [{{grpc_server: {{host: 127.0.0.1, port: {free}}}}}]\n")
    assert code_server_port(workspace) == free
    with socket.socket() as other:
        other.bind(("127.0.0.1", free))
        other.listen()
        assert code_server_port(workspace) != free


@pytest.mark.parametrize("content", ["", "load_from: []", "load_from: [python_module: x]", "{", "[1]"])
def test_a_workspace_that_names_no_port_is_none(tmp_path: Path, content: str) -> None:
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text(content)
    assert code_server_port(workspace) > 0
