"""The ASGI application: `POST /webhooks/rebound`, `POST /webhooks/oro`, `GET /health`, `/ready`, `/metrics`."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import get_args

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from rebound_oro_pipeline.contracts.values import storable
from rebound_oro_pipeline.contracts.webhooks import read_event
from rebound_oro_pipeline.warehouse.inbox import Delivery, Source
from rebound_oro_pipeline.webhook.configuration import KEPT_CHARACTERS, KEPT_HEADERS, Configuration
from rebound_oro_pipeline.webhook.limits import Claim, Memory, RateLimit, check_depth
from rebound_oro_pipeline.webhook.refusals import Journal, Refusal
from rebound_oro_pipeline.webhook.writer import InboxWriter

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

_LONGEST_LENGTH = 20


def create_app(
    configuration: Configuration,
    writer: InboxWriter,
    clock: Clock | None = None,
    metrics: Callable[[Request], Awaitable[Response]] | None = None,
) -> Starlette:
    """Build the application; `clock` gives aware times. The writer lives as long as the application."""
    receiver = Receiver(configuration, writer, clock or _now)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        for source, scheme in configuration.schemes.items():
            if scheme is None:
                logger.warning("%s: no secret is configured, so every delivery is refused", source)
        await writer.open()
        try:
            yield
        finally:
            await writer.close()

    async def health(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def ready(_: Request) -> Response:
        is_ready = configuration.takes_anything and await writer.is_reachable()
        return PlainTextResponse("ready\n" if is_ready else "not ready\n", 200 if is_ready else 503)

    return Starlette(
        routes=[
            *(
                Route(f"/webhooks/{source}", receiver.endpoint(source), methods=["POST"])
                for source in get_args(Source)
            ),
            Route("/health", health, methods=["GET"]),
            Route("/ready", ready, methods=["GET"]),
            *([Route("/metrics", metrics, methods=["GET"])] if metrics else []),
        ],
        lifespan=lifespan,
    )


class Receiver:
    """Judges deliveries and stores those it takes."""

    def __init__(self, configuration: Configuration, writer: InboxWriter, clock: Clock) -> None:
        self._configuration = configuration
        self._writer = writer
        self._clock = clock
        self._rates = RateLimit(configuration.requests_per_second)
        self._memory = Memory(configuration.memory_bytes)
        self._journal = Journal()

    def endpoint(self, source: Source) -> Callable[[Request], Awaitable[Response]]:
        """Return what answers the deliveries of a source: 202 once stored, else a status and no word."""

        async def receive(request: Request) -> Response:
            address = request.client.host if request.client else "unknown"
            try:
                await self._receive(source, address, request)
            except Refusal as refusal:
                self._journal.refused(source, address, refusal)
                return Response(status_code=refusal.status, headers=refusal.headers)
            return Response(status_code=202)

        return receive

    async def _receive(self, source: Source, address: str, request: Request) -> None:
        scheme = self._configuration.schemes[source]
        if scheme is None:
            raise Refusal(503, "no secret is configured", retry_after=300)
        self._rates.admit(f"{source} {address}")
        _check_content(request)
        with self._memory.claim() as claim:
            raw = await self._body(request, claim)
            now = self._clock()
            scheme.check(request.headers, raw, now)
            check_depth(raw, self._configuration.depth)
            event = read_event(source, raw)
            scheme.check_event(event, now)
            await self._writer.store(
                Delivery(
                    source,
                    event.event_id,
                    event.event_type,
                    now,
                    {
                        name: storable(request.headers[name][:KEPT_CHARACTERS])
                        for name in KEPT_HEADERS
                        if name in request.headers
                    },
                    raw,
                    hashlib.sha256(raw).digest(),
                )
            )

    async def _body(self, request: Request, claim: Claim) -> bytes:
        limit = self._configuration.body_bytes
        announced = request.headers.get("content-length", "0")
        # By its digits first: Python reads no number of thousands of them.
        if not announced.isdecimal() or len(announced) > _LONGEST_LENGTH or int(announced) > limit:
            raise Refusal(413, "the body is too large")
        body = bytearray()
        try:
            async with asyncio.timeout(self._configuration.read_seconds):
                async for chunk in request.stream():
                    if len(body) + len(chunk) > limit:
                        raise Refusal(413, "the body is too large")
                    claim.add(len(chunk))
                    body += chunk
        except TimeoutError:
            raise Refusal(408, "the body did not come in time") from None
        except ClientDisconnect:
            raise Refusal(400, "the sender hung up") from None
        return bytes(body)


def _check_content(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise Refusal(415, "the body is not announced as JSON")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refusal(415, "the body is compressed")


def _now() -> datetime:
    return datetime.now(UTC)
