"""Several requests at once: answers in order, never more under way than agreed."""

import threading
import time
from collections.abc import Iterator

import pytest

from rebound_oro_pipeline.services.concurrently import in_order, one_by_one


def test_answers_come_in_the_order_of_the_inputs() -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.02 if number == 0 else 0)
        return number

    assert list(in_order(slow_first, range(20), workers=4)) == list(range(20))


def test_never_more_calls_are_under_way_than_there_are_workers() -> None:
    under_way, most, guard = 0, 0, threading.Lock()

    def call(number: int) -> int:
        nonlocal under_way, most
        with guard:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.002)
        with guard:
            under_way -= 1
        return number

    assert len(list(in_order(call, range(40), workers=3))) == 40
    assert 1 < most <= 3


def test_inputs_are_taken_as_answers_are_given() -> None:
    """A million ids must not become a million waiting documents."""
    taken = 0

    def inputs() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    answers = in_order(abs, inputs(), workers=2)
    assert next(answers) == 0
    assert taken <= 5
    answers.close()  # type: ignore[attr-defined]


def test_the_first_error_is_raised_in_its_place_and_ends_it() -> None:
    def call(number: int) -> int:
        if number >= 2:
            raise ConnectionError(number)
        return number

    answers = in_order(call, range(100), workers=2)
    assert [next(answers), next(answers)] == [0, 1]
    with pytest.raises(ConnectionError, match="2"):
        next(answers)


def test_no_inputs_are_no_answers() -> None:
    assert list(in_order(abs, [], workers=2)) == []


def test_whoever_stops_early_leaves_no_call_under_way() -> None:
    under_way, guard = 0, threading.Lock()

    def call(number: int) -> list[int]:
        nonlocal under_way
        with guard:
            under_way += 1
        time.sleep(0.02)
        with guard:
            under_way -= 1
        return [number, number]

    items = one_by_one(in_order(call, range(100), workers=4))
    assert [next(items), next(items), next(items)] == [0, 0, 1]
    items.close()
    assert under_way == 0
