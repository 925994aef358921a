"""The whole pipeline in bad weather: most things fail now and then, and two processes push at once."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

from rebound_oro_pipeline.clients.errors import ApiError
from rebound_oro_pipeline_tests.end_to_end import stages
from rebound_oro_pipeline_tests.end_to_end.pushing import Pushed
from rebound_oro_pipeline_tests.end_to_end.stages import Place
from rebound_oro_pipeline_tests.sandbox_process import Box

FAULTS: Sequence[Mapping[str, Any]] = (
    {"kind": "500", "rate": 0.05, "seed": 1},
    {"kind": "lost", "rate": 0.05, "seed": 2},
    {"kind": "429", "rate": 0.02, "seed": 3, "retry_after": 1},
    {"kind": "cut", "rate": 0.01, "seed": 4},
    {"kind": "slow", "rate": 0.02, "seed": 5, "delay": 0.3},
)
"""Of all requests to both systems. lost: carried out, but the answer never comes."""
TOKENS_EXPIRE_EVERY = 1.5
"""Seconds."""
_LANDINGS = 20


@dataclass(frozen=True)
class Weathered:
    """Seconds of each part, what the pushing processes did, and how often each fault fired."""

    seconds: Mapping[str, float]
    pushed: Sequence[Pushed]
    faults: Mapping[str, int]

    @property
    def total(self) -> float:
        """Seconds of all parts."""
        return sum(self.seconds.values())


def weather(box: Box, place: Place, *, stormy: bool, processes: int) -> Weathered:
    """Run all stages, in a storm or not, and push by so many processes at once.

    In a storm the weeks are landed in another order and some of them twice, all is decided twice, and tokens
    expire all the time. A stage that gives up is run again, as a schedule would.
    """
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(part: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        seconds[part] = time.monotonic() - begun

    with _storm(box) if stormy else nullcontext():
        with timed("landing"):
            _land(replace(place, shuffle=1 if stormy else 0))
        with timed("deciding"):
            for _ in range(2 if stormy else 1):
                stages.decide_all(place)
        with timed("pushing"):
            pushed = _push(place, processes)
        faults = {fault["kind"]: fault["fired"] for fault in box.faults()}
    return Weathered(seconds, pushed, faults)


@contextmanager
def _storm(box: Box) -> Iterator[None]:
    """Order the faults, and have tokens expire until the end."""
    over = threading.Event()

    def expire() -> None:
        while not over.wait(TOKENS_EXPIRE_EVERY):
            box.control("tokens/expire")

    for fault in FAULTS:
        box.control("faults", fault)
    thread = threading.Thread(target=expire)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        box.clear_faults()


def _land(place: Place) -> None:
    for _ in range(_LANDINGS):
        try:
            stages.land(place)
        except ApiError as error:
            last = error
        else:
            return
    raise last


def _push(place: Place, processes: int) -> list[Pushed]:
    command = [sys.executable, "-m", "rebound_oro_pipeline_tests.end_to_end.pushing"]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    told = json.dumps(asdict(place)) + "\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write(told)
        process.stdin.flush()
    answers = [process.communicate()[0] for process in running]
    assert not any(process.returncode for process in running), "a pushing process failed; see stderr"
    return [Pushed(**json.loads(answer)) for answer in answers]
