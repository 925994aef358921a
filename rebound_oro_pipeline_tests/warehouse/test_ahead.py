"""Reading ahead: one batch, no more, and what goes wrong is told in its turn."""

from collections.abc import Iterable, Iterator
from itertools import count, islice
from threading import Event, current_thread, main_thread

import pytest

from rebound_oro_pipeline.warehouse.ahead import ahead

SECONDS = 30


def pairs(items: Iterable[int]) -> Iterator[list[int]]:
    items = iter(items)
    for each in items:
        yield [each, *islice(items, 1)]


def test_all_batches_come_in_turn() -> None:
    with ahead(range(5), pairs) as batches:
        assert list(batches) == [[0, 1], [2, 3], [4]]


def test_nothing_comes_of_nothing() -> None:
    with ahead([], pairs) as batches:
        assert list(batches) == []


def test_the_next_batch_is_made_while_the_last_one_is_in_use() -> None:
    made = Event()

    def items() -> Iterator[int]:
        yield from (0, 1, 2, 3)
        assert current_thread() is not main_thread()
        made.set()

    with ahead(items(), pairs) as batches:
        assert next(batches) == [0, 1]
        assert next(batches) == [2, 3]
        assert made.wait(SECONDS)


def test_only_one_batch_is_made_ahead() -> None:
    """Memory holds two batches, however slow the database is."""
    taken: list[int] = []
    full = Event()

    def items() -> Iterator[int]:
        for each in count():
            taken.append(each)
            if each == 3:
                full.set()
            yield each

    with ahead(items(), pairs) as batches:
        next(batches)
        assert full.wait(SECONDS)
        assert taken == [0, 1, 2, 3]


def test_an_error_is_raised_after_the_batches_before_it() -> None:
    def items() -> Iterator[int]:
        yield from (0, 1, 2)
        raise ConnectionError

    came = []
    with ahead(items(), pairs) as batches:
        came.append(next(batches))
        with pytest.raises(ConnectionError):
            next(batches)
    assert came == [[0, 1]]


def test_who_leaves_early_does_not_wait_for_the_rest_of_a_batch() -> None:
    """Where the database fails, a page that nobody needs any more is not asked for."""

    def one_and_the_rest(items: Iterable[int]) -> Iterator[list[int]]:
        items = iter(items)
        yield [next(items)]
        yield list(items)

    def leave_early() -> None:
        with ahead(count(), one_and_the_rest) as batches:
            next(batches)
            raise KeyError

    with pytest.raises(KeyError):
        leave_early()


def test_who_leaves_early_leaves_nothing_open() -> None:
    closed = []

    def items() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            closed.append(True)

    with ahead(items(), pairs) as batches:
        next(batches)
    assert closed == [True]


def test_as_many_batches_are_made_ahead_as_are_allowed() -> None:
    taken: list[int] = []
    full = Event()

    def items() -> Iterator[int]:
        for each in count():
            taken.append(each)
            if each == 7:
                full.set()
            yield each

    with ahead(items(), pairs, most=3) as batches:
        next(batches)
        assert full.wait(SECONDS)
        assert taken == list(range(8))
