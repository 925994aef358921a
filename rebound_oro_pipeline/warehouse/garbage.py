"""Python's search for garbage, made seldom where documents pass through by the thousand.

They are many objects, all in use, without a cycle among them: each search goes through them and finds nothing.
It is not for what goes on without end: what clients leave in cycles waits longer, some 20 MB of it where pages follow
each other.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

SELDOM: Final = 50_000
"""Objects made and not freed again after which is searched; Python's own figure is 700."""
NEVER: Final = 0
"""Not at all, for what is soon over."""

_lock = Lock()
_before: list[int] = []


@contextmanager
def seldom_searched(after: int = SELDOM) -> Iterator[None]:
    """Search seldom, or NEVER, while the block lasts, in whatever thread; several blocks may last at once."""
    with _lock:
        _before.append(gc.get_threshold()[0])
        gc.set_threshold(after)
    try:
        yield
    finally:
        with _lock:
            # Whichever block ends last finds what there was before the first.
            gc.set_threshold(_before.pop())
