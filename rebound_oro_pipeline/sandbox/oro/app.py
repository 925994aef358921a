"""The imitated shop as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rebound_oro_pipeline.sandbox.oro.api import Api
from rebound_oro_pipeline.sandbox.oro.calls import Call
from rebound_oro_pipeline.sandbox.oro.database import dump
from rebound_oro_pipeline.sandbox.oro.store import OroStore

_METHODS = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"]


def _now() -> datetime:
    return datetime.now(UTC)


def create_app(
    store: OroStore,
    *,
    profile: str = "6.1",
    clock: Callable[[], datetime] = _now,
    queue_wait_seconds: float = 25.0,
    token_expires_in: int = 3600,
    prefix: str = "/admin/api",
) -> Starlette:
    """Return the shop's API on a store; KeyError for a profile that is not known.

    `clock` gives aware datetimes, for stamps and the life of tokens; `queue_wait_seconds` is how long a
    synchronous batch waits for a consumer, `token_expires_in` the seconds that an access token is good for.
    The consumer of the queue is a thread that ends with the application's lifespan or the store.
    """
    api = Api(
        store,
        profile=profile,
        clock=clock,
        queue_wait_seconds=queue_wait_seconds,
        token_expires_in=token_expires_in,
        prefix=prefix,
    )

    async def answer(request: Request) -> Response:
        call = Call(
            method=request.method,
            path=request.scope["path"],
            query=request.scope["query_string"].decode("latin-1"),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.body(),
            origin=f"{request.url.scheme}://{request.url.netloc}",
        )
        return await run_in_threadpool(_respond, api, call)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(api.stop)

    return Starlette(routes=[Route("/{path:path}", answer, methods=_METHODS)], lifespan=lifespan)


def _respond(api: Api, call: Call) -> Response:
    answer = api.handle(call)
    body = b"" if answer.body is None or call.method == "HEAD" else dump(answer.body).encode()
    return Response(body, answer.status, dict(answer.headers))
