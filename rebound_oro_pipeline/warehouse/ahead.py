"""One step ahead: a thread makes the next batch while the caller works on the last one."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import takewhile
from threading import Event
from typing import TypeVar

T = TypeVar("T")
Batch = TypeVar("Batch")


@contextmanager
def ahead(
    items: Iterable[T], batches: Callable[[Iterable[T]], Iterator[Batch]], *, most: int = 1
) -> Iterator[Iterator[Batch]]:
    """Give the batches that are made of the items; at most so many are made, or being made, while one is in use.

    What goes wrong in making a batch is raised when its turn comes. Who leaves early waits for no more than the item
    that is on its way.
    """
    left = Event()
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
            try:
                yield _in_turn(batches(takewhile(lambda _: not left.is_set(), items)), pool, most)
            finally:
                left.set()
    finally:
        # Now, and not when somebody collects it: what makes the items may have calls under way.
        if isinstance(items, Generator):
            items.close()


def _in_turn(batches: Iterator[Batch], pool: Executor, most: int) -> Iterator[Batch]:
    coming = deque(pool.submit(next, batches, None) for _ in range(most))
    while (batch := coming.popleft().result()) is not None:
        coming.append(pool.submit(next, batches, None))
        yield batch
