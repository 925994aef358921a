"""Why a delivery is not taken: an HTTP status for the sender, a sentence for our log, and nothing else for anyone."""

import logging
import time
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

REPORT_SECONDS: Final = 1.0
"""At most one line per source, status and reason in this time: a flood of refusals must not become one of lines."""


class Refusal(Exception):  # noqa: N818 - an answer, named like one
    """The delivery is answered with `status`; `reason` is for the log and quotes nothing that was sent.

    `retry_after` (seconds) says when to come again, where that makes sense.
    """

    def __init__(self, status: int, reason: str, retry_after: int | None = None) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says besides its status; after one that was not read to its end the line is closed."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return headers | ({"Connection": "close"} if self.status in (408, 413) else {})


class Journal:
    """Logs refusals without what was sent, and says how many like them went unmentioned."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[tuple[str, int, str], tuple[float, int]] = {}

    def refused(self, source: str, address: str, refusal: Refusal) -> None:
        """Log a refusal, or count it if one like it was logged within the last second."""
        key = (source, refusal.status, refusal.reason)
        now = self._clock()
        since, unmentioned = self._last.get(key, (-REPORT_SECONDS, 0))
        if now - since < REPORT_SECONDS:
            self._last[key] = (since, unmentioned + 1)
            return
        self._last[key] = (now, 0)
        also = f" ({unmentioned} more like it before)" if unmentioned else ""
        logger.warning(
            "%s: refused with %d: %s; from %s%s", source, refusal.status, refusal.reason, address, also
        )
