"""When a sensor asks: once for what waits, again after a pause, never with a key that was used."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebound_oro_pipeline.defs.asking import LONGEST_PAUSE, PAUSE, ask

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_nothing_waits_and_nothing_is_asked_for() -> None:
    asked = ask("s", None, waiting=0, mark=None, now=NOW)
    assert (asked.run_key, asked.reason, asked.cursor) == (None, "nothing is due", None)


def test_a_daemon_that_died_before_it_remembered_asks_with_the_same_key() -> None:
    remembered = ask("s", None, waiting=1, mark="6", now=NOW).cursor
    first = ask("s", remembered, waiting=2, mark="7", now=NOW)
    again = ask("s", remembered, waiting=2, mark="7", now=NOW + timedelta(seconds=40))
    assert first.run_key == again.run_key


def test_a_cursor_that_was_reset_asks_with_a_new_key() -> None:
    """Whoever resets it while OroCommerce is down wants a run now; Dagster would drop one with a key of before."""
    keys, cursor, now = set(), None, NOW
    for _ in range(50):
        asked = ask("s", cursor, waiting=1, mark="7", now=now)
        cursor, now = asked.cursor, now + LONGEST_PAUSE
        keys.add(asked.run_key)
    assert ask("s", None, waiting=1, mark="7", now=now).run_key not in keys


def test_what_still_waits_is_asked_for_again_after_a_pause_that_doubles() -> None:
    asked = ask("s", None, waiting=1, mark="7", now=NOW)
    keys, moments, now = [asked.run_key], [NOW], NOW
    while len(keys) < 8:
        now += timedelta(seconds=10)
        asked = ask("s", asked.cursor, waiting=1, mark="7", now=now)
        if asked.run_key:
            keys.append(asked.run_key)
            moments.append(now)
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    assert pauses == [PAUSE, PAUSE * 2, PAUSE * 4, PAUSE * 8, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    assert len(set(keys)) == len(keys)


def test_more_that_comes_is_asked_for_at_once() -> None:
    first = ask("s", None, waiting=1, mark="7", now=NOW)
    assert ask("s", first.cursor, waiting=1, mark="7", now=NOW).run_key is None
    assert ask("s", first.cursor, waiting=2, mark="8", now=NOW).run_key is not None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 4000)), max_size=60))
def test_no_key_is_ever_used_twice_and_nothing_is_forgotten(ticks: list[tuple[int, int, int]]) -> None:
    """Marks may come back, as those of an outbox do; Dagster drops a key that it has seen for ever."""
    cursor, now, keys = None, NOW, []
    for waiting, mark, seconds in ticks:
        now += timedelta(seconds=seconds)
        asked = ask("s", cursor, waiting=waiting, mark=str(mark), now=now)
        cursor = asked.cursor
        if asked.run_key:
            keys.append(asked.run_key)
        if waiting:
            later = ask("s", cursor, waiting=waiting, mark=str(mark), now=now + LONGEST_PAUSE)
            assert later.run_key
            assert later.run_key not in keys
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("waiting", [1, 5])
def test_a_reason_says_until_when_it_waits(waiting: int) -> None:
    first = ask("s", None, waiting=waiting, mark="7", now=NOW)
    assert ask("s", first.cursor, waiting=waiting, mark="7", now=NOW).reason == (
        "a run was asked for; if it does not help, again at 00:02:00"
    )
