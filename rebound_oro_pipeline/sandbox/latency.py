"""How long a small shop takes to answer, scaled: a model of times measured on a real OroCommerce on two cores.

60 ms any request, 40 ms more a write; batches 250 ms and 7 ms a record; lists of orders 3 ms an order, 15 ms more
with its subtotals. ReBound's times are not known; 80 ms a call is assumed.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REQUEST = 0.060
_WRITE = 0.040
_LEVEL_WRITE = 0.017
_BATCH, _BATCH_RECORD = 0.250, 0.007
_ROW = 0.001
_ORDER, _ORDER_SUBTOTALS = 0.003, 0.015
_REBOUND_CALL = 0.080


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the time of a request depends on."""

    method: str
    path: str
    query: str
    sync: bool
    """Header `X-Mode: sync`."""
    sent: int
    """Records in the request's `data`."""
    answered: int
    """Records in the answer's `data`; 1 where it is one record."""


def oro_seconds(exchange: Exchange) -> float:
    """Return the time that OroCommerce takes."""
    parts = exchange.path.rstrip("/").split("/")
    of_one = parts[-1].isdigit()
    if exchange.method == "PATCH" and not of_one:
        return _BATCH + _BATCH_RECORD * exchange.sent if exchange.sync else _REQUEST + _WRITE
    if exchange.method == "PATCH":
        return _REQUEST + (_LEVEL_WRITE if parts[-2] == "inventorylevels" else _WRITE)
    if exchange.method in ("POST", "DELETE"):
        return _REQUEST + (0 if parts[-1] == "oauth2-token" else _WRITE)
    if of_one:
        return _REQUEST
    if parts[-1] != "orders":
        return _REQUEST + _ROW * exchange.answered
    subtotals = _ORDER_SUBTOTALS if "orderSubtotals" in unquote(exchange.query) else 0
    return _REQUEST + (_ORDER + subtotals) * exchange.answered


Model = Callable[[Exchange], float]
"""How many seconds a request takes."""
MODELS: Final[Mapping[str, Model]] = {"oro": oro_seconds, "rebound": lambda _: _REBOUND_CALL}
"""By system."""


class Latency:
    """Delays answers; a scale of 0 delays nothing, 1 is as the model says."""

    def __init__(self, scale: float, model: Model) -> None:
        self._scale = scale
        self._model = model

    async def serve(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, and answer no sooner than the model says."""
        if not self._scale or scope["type"] != "http":
            await app(scope, receive, send)
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

        await app(scope, listen, hold)
        answered = b"".join(message.get("body", b"") for message in answer)
        exchange = Exchange(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            sync=dict(scope["headers"]).get(b"x-mode") == b"sync",
            sent=_records(bytes(body)),
            answered=_records(answered),
        )
        seconds = self._model(exchange) * self._scale
        await asyncio.sleep(max(0.0, seconds - (time.monotonic() - started)))
        for message in answer:
            await send(message)


def _records(body: bytes) -> int:
    """Count the records in a document's `data`."""
    try:
        data = json.loads(body)["data"]
    except (ValueError, TypeError, KeyError):
        return 0
    return len(data) if isinstance(data, list) else 1
