"""Several requests under way at once, their answers one after another: bounded threads, bounded memory."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(
    call: Callable[[T], R], inputs: Iterable[T], *, workers: int, pool: Executor | None = None
) -> Generator[R, None, None]:
    """Yield `call(each)` in the order of the inputs; at most twice as many answers wait as there are workers.

    The first error is raised in its place; calls that have not begun by then are not made. Threads make the calls,
    or the workers of a pool that the caller keeps.
    """
    inputs = iter(inputs)
    used = pool or ThreadPoolExecutor(workers, thread_name_prefix="landing")
    waiting: deque[Future[R]] = deque()
    try:
        waiting.extend(used.submit(call, each) for each in islice(inputs, 2 * workers))
        while waiting:
            answer = waiting.popleft().result()
            waiting.extend(used.submit(call, each) for each in islice(inputs, 1))
            yield answer
    finally:
        for call_to_come in waiting:
            call_to_come.cancel()
        if pool is None:
            used.shutdown(wait=True, cancel_futures=True)


def one_by_one(answers: Generator[Iterable[R], None, None]) -> Generator[R, None, None]:
    """Yield what the answers hold; whoever stops early leaves no call under way."""
    with closing(answers):
        for answer in answers:
            yield from answer
