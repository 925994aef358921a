"""Trials of `kill -9`: a run killed at a seeded point, then a plain second run, then the sandbox's own state."""

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rebound_oro_pipeline_tests.end_to_end import stages
from rebound_oro_pipeline_tests.end_to_end.forked import Runner, runner
from rebound_oro_pipeline_tests.end_to_end.stages import Place
from rebound_oro_pipeline_tests.end_to_end.verdict import Expected, differences, expected
from rebound_oro_pipeline_tests.sandbox_process import Box, sandbox

DAYS = 6
CloneDatabase = Callable[[str], AbstractContextManager[str]]
"""Copies the database of a name, gives the copy's URL, and drops it in the end."""


@dataclass(frozen=True)
class Trial:
    """One kill: the stage it hit, the count of round trips and requests at which, and what was wrong in the end."""

    stage: str
    kill_at: int
    was_killed: bool
    faults: tuple[str, ...]


@dataclass
class Crashes:
    """A sandbox, a forking process, and how many events a calm run has in each stage."""

    box: Box
    runs: Runner
    clone_database: CloneDatabase
    prepared: str
    wanted: Expected
    marks: dict[str, int]

    def trial(self, seed: int) -> Trial:
        """Kill at a point of this seed: stages take turns, so that each is hit equally often."""
        stage = list(stages.STAGES)[seed % len(stages.STAGES)]
        ends = [0, *self.marks.values()]
        at = list(stages.STAGES).index(stage)
        kill_at = random.Random(seed).randint(ends[at] + 1, ends[at + 1])
        self.box.control("reset")
        with self.clone_database(self.prepared) as url:
            place = self._place(url)
            killed = self.runs.run(place, kill_at)
            again = self.runs.run(place)
            faults = [] if again.succeeded else ["the second run failed; its words stand on stderr"]
            faults += differences(self.box, self.wanted)
        return Trial(stage, kill_at, killed.killed, tuple(faults))

    def _place(self, url: str) -> Place:
        return Place.of(self.box, url, DAYS, claim_limit=10)

    def measure(self) -> None:
        """Run once without a kill, and remember where each stage ends."""
        with self.clone_database(self.prepared) as url:
            calm = self.runs.run(self._place(url))
        assert calm.succeeded
        assert not differences(self.box, self.wanted)
        self.marks = calm.marks


@contextmanager
def crashes(
    home: Path, clone_database: CloneDatabase, migrated: str, *, returns: int, seed: int = 11
) -> Iterator[Crashes]:
    """Open a sandbox of so many returns, measure a calm run, and be ready for trials.

    `migrated` names an empty database with all migrations.
    """
    with (
        sandbox(home, seed=seed, orders=3 * returns, returns=returns, days=DAYS) as box,
        clone_database(migrated) as prepared,
        runner() as runs,
    ):
        stages.prepare(Place.of(box, prepared, DAYS))
        ready = Crashes(box, runs, clone_database, prepared.rpartition("/")[2], expected(box), {})
        ready.measure()
        yield ready
