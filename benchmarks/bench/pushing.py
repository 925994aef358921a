"""Pushing one-line notes, eight at a time: batches against single writes, under three models of the shop's time.

The sandbox answers, in this process: what it takes itself is added to the models, which lessens what batches gain.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest import mock

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.bench.lab import Figure, Lab, middle, seconds
from rebound_oro_pipeline.sandbox.latency import Exchange, _records, oro_seconds
from rebound_oro_pipeline.sandbox.oro.app import create_app
from rebound_oro_pipeline.services.push_credit_notes import push_credit_notes
from rebound_oro_pipeline.services.sending import SendingMode, SendingRules
from rebound_oro_pipeline_tests.services.push import shop_at_work
from rebound_oro_pipeline_tests.services.push.shop_at_work import open_shop, put_notes

Model = Callable[[Exchange], float]
WORKERS: Final = 8
MODELS: Final[tuple[tuple[str, Model, float], ...]] = (
    ("20 ms a request", lambda _: 0.020, 40),
    ("10 ms + 4 ms a note", lambda exchange: 0.010 + 0.004 * exchange.sent, 3),
    ("the model of a real OroCommerce (60 + 40 ms a write, batch 250 + 7 ms a record)", oro_seconds, 7),
)


class Delayed:
    """An ASGI app that answers no sooner than a model says."""

    def __init__(self, app: ASGIApp, model: Model) -> None:
        self._app = app
        self._model = model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        body = bytearray()
        answer: list[Message] = []

        async def listen() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def hold(message: Message) -> None:
            answer.append(message)

        await self._app(scope, listen, hold)
        exchange = Exchange(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode(),
            sync=dict(scope["headers"]).get(b"x-mode") == b"sync",
            sent=_records(bytes(body)),
            answered=_records(b"".join(message.get("body", b"") for message in answer)),
        )
        await asyncio.sleep(max(0.0, self._model(exchange) - (time.monotonic() - started)))
        for message in answer:
            await send(message)


def measure(lab: Lab, _: Path | None, *, large: bool) -> None:
    """Add the figures of pushing."""
    notes = max(int((5_000 if large else 1_000) * lab.scale), 40)
    for name, model, goal in MODELS:
        ratios = []
        times: dict[SendingMode, float] = {}
        for turn in range(1 if notes > 1_000 else lab.repeats):
            modes: tuple[SendingMode, ...] = ("single", "batch")
            times = {mode: _push(lab, model, mode, notes, f"{turn}-{mode}") for mode in modes}
            ratios.append(times["single"] / times["batch"])
        lab.note(
            Figure(
                f"push of {notes:,} one-line notes, {WORKERS} at once, {name}: single writes ÷ batches",
                middle(ratios),
                goal,
                at_least=True,
                note=f"{times['single']:.1f} s and {times['batch']:.1f} s",
            )
        )


def _push(lab: Lab, model: Model, mode: SendingMode, notes: int, name: str) -> float:
    folder = lab.folder / f"shop-{name}-{time.monotonic_ns()}"
    folder.mkdir()
    with _slow_shop(folder, model) as shop, lab.database() as (database, conn):
        put_notes(conn, shop.order_id, notes)
        conn.commit()
        rules = SendingRules(mode=mode, workers=WORKERS, claim_limit=100)
        push = partial(
            push_credit_notes, shop.client(), lab.server.url(database), run_id=f"bench-{name}", rules=rules
        )
        taken = seconds(push)
        (confirmed,) = conn.execute(
            "select count(*) from outbox.messages where state = 'confirmed'"
        ).fetchone() or (0,)
        if confirmed != notes:
            raise RuntimeError(f"{confirmed} of {notes} notes were confirmed")
    return taken


@contextmanager
def _slow_shop(folder: Path, model: Model) -> Iterator[Any]:
    def slow(*arguments: Any, **options: Any) -> ASGIApp:
        return Delayed(create_app(*arguments, **options), model)

    with mock.patch.object(shop_at_work, "create_app", slow), open_shop(folder) as shop:
        yield shop
