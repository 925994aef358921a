"""Reading in other processes: the same documents in the same order, faults and errors in their places."""

import os
from collections.abc import Iterator
from concurrent.futures import Executor

import pytest

from rebound_oro_pipeline.services import reading


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with reading.reading_processes(1) as pool:
        yield pool


def spelled(chunk: str) -> list[tuple[str, int]]:
    if chunk == "?":
        raise ValueError("cannot be read")
    return [(letter, os.getpid()) for letter in chunk]


def test_documents_come_in_order_from_another_process(pool: Executor) -> None:
    read = list(reading.read_chunks(spelled, ["ab", "", "c", "def"] * 5, pool))
    assert "".join(letter for letter, _ in read) == "abcdef" * 5
    assert os.getpid() not in {process for _, process in read}


def test_few_bytes_are_read_where_they_are() -> None:
    with reading.readers(reading.LARGE - 1) as nobody:
        read = list(reading.read_chunks(spelled, ["ab", "c"], nobody))
    assert read == [(letter, os.getpid()) for letter in "abc"]


def test_an_error_comes_in_its_place(pool: Executor) -> None:
    letters = reading.read_chunks(spelled, ["ab", "?", "c"], pool)
    assert [next(letters)[0], next(letters)[0]] == ["a", "b"]
    with pytest.raises(ValueError, match="cannot be read"):
        next(letters)


def test_a_file_of_any_size_is_not_taken_in_at_once(pool: Executor) -> None:
    taken = 0

    def chunks() -> Iterator[str]:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield "a"

    letters = reading.read_chunks(spelled, chunks(), pool)
    next(letters)
    assert taken < 20
    letters.close()  # type: ignore[attr-defined]
