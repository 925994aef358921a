"""Commands as processes of their own, and what they leave running."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SMALL = ("--days", "10", "--orders", "120", "--returns", "45")
SECONDS = 120


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Return this process's environment with a home and further settings of the pipeline, and no others."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("REBOUND_ORO_", "DAGSTER_"))
    }
    given = {f"REBOUND_ORO_{name}": value for name, value in {"HOME": str(home), **settings}.items()}
    return {**kept, **given}


def run(home: Path, *words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "rebound_oro_pipeline", *words],
        env=environment(home, **settings),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@contextmanager
def started(home: Path, *words: str, **settings: str) -> Iterator["subprocess.Popen[str]"]:
    """Start a command; at the end of the block it has ended, or is killed."""
    with subprocess.Popen(
        [sys.executable, "-m", "rebound_oro_pipeline", *words],
        env=environment(home, **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_with(process: "subprocess.Popen[str]", words: str) -> str:
    """Read what a command prints up to the line with these words."""
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return line
    assert process.stderr is not None
    raise AssertionError(f"ended without saying {words!r}: {process.stderr.read()}")


def running_in(home: Path) -> list[str]:
    """Return the command lines of all processes that work in a home: server, sandbox, Dagster."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(home) in words:
            found.append(words[:200])
    return found


def left_in(home: Path, seconds: float = 10) -> list[str]:
    """Return what still works in a home after some patience."""
    give_up = time.monotonic() + seconds
    while (left := running_in(home)) and time.monotonic() < give_up:
        time.sleep(0.1)
    return left
