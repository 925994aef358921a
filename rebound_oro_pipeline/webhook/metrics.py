"""`GET /metrics`: the figures of sync health for Prometheus, read from the database when asked.

They are the same whichever worker answers. Whoever reads them must be on this machine, with no proxy in between, or
know the token.
"""

import hmac
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Iterator

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

logger = logging.getLogger(__name__)
PREFIX = "rebound_oro_"
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""Headers by which proxies tell that they are there; nginx has to be told to."""


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


def metrics_endpoint(database_url: str, token: bytes | None) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers `GET /metrics`: 200, 401 to strangers, 503 where the database does not answer."""

    async def answer(request: Request) -> Response:
        if not _may_read(request, token):
            return Response(status_code=401)
        try:
            found = await run_in_threadpool(_read, database_url)
        except psycopg.Error as error:
            logger.warning("metrics cannot be read: %s", type(error).__name__)
            return Response(status_code=503)
        return Response(exposition(found), media_type=CONTENT_TYPE_LATEST)

    return answer


def _read(database_url: str) -> list[Figure]:
    with connect(database_url, application_name="rebound-oro metrics") as conn:
        conn.read_only = True
        return figures(conn)


def _may_read(request: Request, token: bytes | None) -> bool:
    if token is not None:
        given = request.headers.get("authorization", "").encode("latin-1", "replace")
        return hmac.compare_digest(given, b"Bearer " + token)
    # Through a proxy on this machine the whole world would be this machine.
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
