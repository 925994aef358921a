"""What one sender may ask of us: requests per second, memory, depth of its JSON."""

import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rebound_oro_pipeline.webhook.refusals import Refusal

SOURCES: Final = 10_000
"""Sources whose rate is remembered; beyond, those heard of longest ago are forgotten."""
BURST_SECONDS: Final = 2.0
"""How much of its allowance a source may use at once."""

# A string, which may hold brackets of its own and may be cut off, or a bracket. The quantifiers do not backtrack,
# so that the time is proportional to the length whatever is sent.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)


class RateLimit:
    """So many requests a second for each source, in one process; the generic cell rate algorithm.

    Per source one number is kept: when it will have used up what it asked for.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_second
        self._burst = BURST_SECONDS
        self._clock = clock
        self._used_up: OrderedDict[str, float] = OrderedDict()

    def admit(self, source: str) -> None:
        """Count a request; raise Refusal with status 429 if it is one too many."""
        now = self._clock()
        used_up = max(self._used_up.pop(source, now), now)
        early = used_up + self._interval - now - self._burst
        self._used_up[source] = used_up if early > 0 else used_up + self._interval
        if len(self._used_up) > SOURCES:
            self._used_up.popitem(last=False)
        if early > 0:
            raise Refusal(429, "too many requests", retry_after=math.ceil(early))


class Memory:
    """Bytes that requests under way may hold together."""

    def __init__(self, size: int) -> None:
        self._free = size

    @contextmanager
    def claim(self) -> Iterator["Claim"]:
        """Give a request its claim, and take back at its end whatever it grew to."""
        claim = Claim(self)
        try:
            yield claim
        finally:
            self._free += claim.size

    def take(self, size: int) -> None:
        """Set bytes aside; raise Refusal with status 503 if there are none left."""
        if size > self._free:
            raise Refusal(503, "too many bytes under way", retry_after=1)
        self._free -= size


class Claim:
    """The bytes of one request."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.size = 0

    def add(self, size: int) -> None:
        """Grow; raise Refusal with status 503 if there is no memory left."""
        self._memory.take(size)
        self.size += size


def check_depth(body: bytes, deepest: int) -> None:
    """Raise Refusal with status 400 if arrays and objects are nested more than `deepest` deep.

    Looks at brackets only: whether it is JSON at all is not asked, nor is anything built.
    """
    if body.count(b"[") + body.count(b"{") <= deepest:
        return
    depth = 0
    for token in _TOKEN.finditer(body):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
            if depth > deepest:
                raise Refusal(400, f"JSON nested more than {deepest} deep")
        elif first in b"]}":
            depth -= 1
