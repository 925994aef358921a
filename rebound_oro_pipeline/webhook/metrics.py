"""`GET /metrics`: the figures of sync health for Prometheus, for who knows the token.

Each worker reads them from the database when asked, at most once in KEPT_SECONDS and never twice at a time, so that
no number of requests is a load. Which worker answers makes no difference beyond those seconds.
"""

import asyncio
import hmac
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import psycopg
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from rebound_oro_pipeline.services.sync_health import DESCRIPTIONS, Figure, figures
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.errors import WarehouseError

logger = logging.getLogger(__name__)
PREFIX = "rebound_oro_"
KEPT_SECONDS: Final = 15
"""How long figures that were read are shown, and how long the database is left alone after it did not answer."""
READING_SECONDS: Final = 30
"""A query for figures that takes longer is given up."""


class _Figures(Collector):
    """Figures that were read already, as gauges."""

    def __init__(self, found: list[Figure]) -> None:
        self._found = found

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield a family for each figure that is described, in the order of the descriptions."""
        for name, (label, meaning) in DESCRIPTIONS.items():
            family = GaugeMetricFamily(PREFIX + name, meaning, labels=[label] if label else None)
            for each in self._found:
                if each.figure == name:
                    # Prometheus knows floats only; nothing is ever computed from them.
                    family.add_metric([each.label] if label else [], float(each.value))
            yield family


def exposition(found: list[Figure]) -> bytes:
    """Return figures in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Figures(found))
    return generate_latest(registry)


def metrics_endpoint(
    database_url: str, token: bytes | None, clock: Callable[[], float] = time.monotonic
) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers `GET /metrics`: 200, 401 to who does not know the token, 503 without a database.

    Without a token nobody is shown anything. `clock` gives seconds.
    """
    if token is None:
        logger.warning("/metrics: no token is configured, so every request is refused")
    latest = _Latest(database_url, clock)

    async def answer(request: Request) -> Response:
        if not _may_read(request, token):
            return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        text = await latest.text()
        return Response(status_code=503) if text is None else Response(text, media_type=CONTENT_TYPE_LATEST)

    return answer


class _Latest:
    """The figures as they were read last: whoever asks within KEPT_SECONDS, or while they are read, gets the same.

    That they could not be read is kept as well: figures of before would look as if all were well.
    """

    def __init__(self, database_url: str, clock: Callable[[], float]) -> None:
        self._database_url = database_url
        self._clock = clock
        self._reading = asyncio.Lock()
        self._text: bytes | None = None
        self._good_until = -math.inf

    async def text(self) -> bytes | None:
        """Return the figures in Prometheus' format; None where the database does not answer."""
        async with self._reading:
            if self._clock() >= self._good_until:
                self._text = await run_in_threadpool(_read, self._database_url)
                self._good_until = self._clock() + KEPT_SECONDS
            return self._text


def _read(database_url: str) -> bytes | None:
    try:
        with connect(database_url, application_name="rebound-oro metrics") as conn:
            conn.read_only = True
            conn.execute("select set_config('statement_timeout', %s, true)", (f"{READING_SECONDS}s",))
            return exposition(figures(conn))
    except (psycopg.Error, WarehouseError) as error:
        logger.warning("metrics cannot be read: %s", type(error).__name__)
        return None


def _may_read(request: Request, token: bytes | None) -> bool:
    # An address tells nothing of who asks: behind a proxy on this machine everybody comes from this machine.
    if token is None:
        return False
    given = request.headers.get("authorization", "").encode("latin-1", "replace")
    return hmac.compare_digest(given, b"Bearer " + token)
