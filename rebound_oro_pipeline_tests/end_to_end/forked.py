"""`python -m rebound_oro_pipeline_tests.end_to_end.forked`: runs of the pipeline, each in a process that may be killed.

Takes one JSON object a line, {"place": …, "kill_at": 123 or null}. A fork of this process runs all stages and counts
every round trip to the database and every HTTP request, once before and once after; at `kill_at` it sends itself
SIGKILL. Answers one JSON line: {"killed": …, "succeeded": …, "marks": {stage: count at its end}}.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg

from rebound_oro_pipeline_tests.end_to_end import stages
from rebound_oro_pipeline_tests.end_to_end.stages import Place
from rebound_oro_pipeline_tests.prepared import models


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    killed: bool
    succeeded: bool
    marks: dict[str, int]


class Runner:
    """The forking process, told what to run."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, place: Place, kill_at: int | None = None) -> Ended:
        """Run all stages in a fork, killed at a count."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"place": place.told(), "kill_at": kill_at}) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))


@contextmanager
def runner() -> Iterator[Runner]:
    """Start the forking process and end it."""
    command = [sys.executable, "-m", "rebound_oro_pipeline_tests.end_to_end.forked"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Runner(process)
        assert process.stdin is not None
        process.stdin.close()


class Counter:
    """Counts events of all threads, and kills this process at one of them."""

    def __init__(self, kill_at: int | None) -> None:
        self.count = 0
        self._kill_at = kill_at
        self._lock = threading.Lock()

    def tick(self) -> None:
        """Count an event."""
        with self._lock:
            self.count += 1
            if self.count == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, owner: type, name: str) -> None:
        """Count every call of a method, before and after."""
        method: Callable[..., Any] = getattr(owner, name)

        def counted(*arguments: Any, **named: Any) -> Any:
            self.tick()
            answer = method(*arguments, **named)
            self.tick()
            return answer

        setattr(owner, name, counted)


def _in_fork(told: dict[str, Any], answer: int) -> None:
    """Run all stages and exit."""
    status = 1
    try:
        counter = Counter(told["kill_at"])
        counter.watch(psycopg.Connection, "wait")
        counter.watch(httpx.HTTPTransport, "handle_request")
        place = Place(**told["place"])
        stages.run(place, lambda name: os.write(answer, json.dumps([name, counter.count]).encode() + b"\n"))
        status = 0
    except BaseException:  # noqa: BLE001 - whatever it is, the fork must not go on as its parent
        traceback.print_exc()
    finally:
        os._exit(status)


def _fork(told: dict[str, Any]) -> dict[str, Any]:
    marks, answer = os.pipe()
    child = os.fork()
    if not child:
        os.close(marks)
        _in_fork(told, answer)
    os.close(answer)
    with os.fdopen(marks) as told_marks:
        seen = dict(json.loads(line) for line in told_marks)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return {"killed": killed, "succeeded": status == 0, "marks": seen}


if __name__ == "__main__":
    models()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_fork(json.loads(line))) + "\n")
        sys.stdout.flush()
