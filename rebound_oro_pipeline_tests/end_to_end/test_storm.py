"""A small storm: everything fails now and then, two processes push at once, and everything arrives once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina

from rebound_oro_pipeline_tests.end_to_end import stages
from rebound_oro_pipeline_tests.end_to_end.stages import Place
from rebound_oro_pipeline_tests.end_to_end.storm import FAULTS, weather
from rebound_oro_pipeline_tests.end_to_end.verdict import differences, expected
from rebound_oro_pipeline_tests.sandbox_process import sandbox

DAYS = 20


@pytest.fixture(autouse=True)
def _reads_are_repeated_at_once() -> Iterator[None]:
    """Landing takes place in this process; the two that push wait as they do in production."""
    with stamina.set_testing(True, attempts=8):
        yield


def test_everything_arrives_once_through_a_storm(tmp_path: Path, database_url: str) -> None:
    with sandbox(tmp_path, seed=5, orders=250, returns=150, days=DAYS) as box:
        place = Place.of(box, database_url, DAYS, claim_limit=8)
        stages.prepare(place)
        wanted = expected(box)
        weathered = weather(box, place, stormy=True, processes=2)
        assert differences(box, wanted) == []
    assert sum(each.rejected for each in weathered.pushed) == 0
    assert all(weathered.faults[fault["kind"]] for fault in FAULTS), weathered.faults
    assert all(each.confirmed for each in weathered.pushed), "both processes had something to send"
