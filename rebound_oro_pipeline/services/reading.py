"""Reading in other processes: documents that are at hand sooner than one process can read them.

What comes over HTTP one by one is not: a request costs more than its document. What files and full pages hold is.
"""

import gc
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Final, TypeVar

from rebound_oro_pipeline.services.concurrently import in_order, one_by_one
from rebound_oro_pipeline.warehouse.garbage import NEVER, seldom_searched

Chunk = TypeVar("Chunk")
Document = TypeVar("Document")

LARGE: Final = 8_000_000
"""Bytes to read from which on other processes help: they take most of a second to start."""
CHUNK_BYTES: Final = 1_000_000
"""How much of a file to read at once: enough to make its way to another process cheap, little enough to wait for."""

_MOST_PROCESSES: Final = 4


@contextmanager
def readers(size: int) -> Iterator[Executor | None]:
    """Give processes that read files of so many bytes together; None where it is done sooner without."""
    processes = min(os.cpu_count() or 1, _MOST_PROCESSES)
    if size < LARGE or processes == 1:
        yield None
        return
    with seldom_searched(NEVER), reading_processes(processes) as pool:
        yield pool


@contextmanager
def reading_processes(count: int) -> Iterator[Executor]:
    """Give so many processes that read."""
    with ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_begin) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def read_chunks(
    read: Callable[[Chunk], Iterable[Document]], chunks: Iterable[Chunk], pool: Executor | None
) -> Iterator[Document]:
    """Yield what is read of the chunks, in their order; in the processes of a pool, a few chunks are under way at once.

    Chunks and documents go between processes, so `read` must be a function that has a name.
    """
    if pool is None:
        for chunk in chunks:
            yield from read(chunk)
    else:
        yield from one_by_one(in_order(read, chunks, workers=_MOST_PROCESSES, pool=pool))


def _begin() -> None:
    """Begin a reading process: it lives for data alone, and ends when the one that started it does."""
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
