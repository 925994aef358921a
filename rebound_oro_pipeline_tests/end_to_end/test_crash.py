"""`kill -9` anywhere in the pipeline, then a plain second run: each note once, each level exact to the unit."""

from collections.abc import Iterator

import pytest

from rebound_oro_pipeline_tests.conftest import CloneDatabase
from rebound_oro_pipeline_tests.end_to_end.crash import Crashes, crashes


@pytest.fixture(scope="module")
def ready(
    tmp_path_factory: pytest.TempPathFactory, clone_database: CloneDatabase, template_database: str
) -> Iterator[Crashes]:
    home = tmp_path_factory.mktemp("crash")
    with crashes(home, clone_database, template_database, returns=20) as opened:
        yield opened


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 6, 7])
def test_a_killed_run_leaves_nothing_twice_and_nothing_behind(ready: Crashes, seed: int) -> None:
    """Each stage once, and the pushes twice; `make storm` has more points."""
    trial = ready.trial(seed)
    assert trial.was_killed
    assert not trial.faults, trial
