"""Several requests under way at once, their answers one after another: bounded threads, bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(call: Callable[[T], R], inputs: Iterable[T], *, workers: int) -> Iterator[R]:
    """Yield `call(each)` in the order of the inputs; at most twice as many answers wait as there are workers.

    The first error is raised in its place; calls that have not begun by then are not made.
    """
    inputs = iter(inputs)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="landing")
    try:
        waiting: deque[Future[R]] = deque(pool.submit(call, each) for each in islice(inputs, 2 * workers))
        while waiting:
            answer = waiting.popleft().result()
            waiting.extend(pool.submit(call, each) for each in islice(inputs, 1))
            yield answer
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
