"""Faults on request: refusals, slowness, cut connections, and answers lost after the write.

A fault says which requests it befalls (system, method, path), how many of them or what share, and is drawn from its
own seed, so that the same requests meet the same faults.
"""

from __future__ import annotations

import asyncio
import random
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

Kind = Literal["429", "500", "503", "slow", "cut", "lost"]
System = Literal["oro", "rebound"]
_PAGE = b"<html><body><h1>%s</h1></body></html>"
_WORDS = {"429": "Too Many Requests", "500": "Internal Server Error", "503": "Service Unavailable"}
_TRANSPORT = "transport"
"""Where a request's state (the one of ASGI's scope) holds its connection."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """One order for trouble.

    429, 500, 503: the request is refused and not executed. slow: it is executed after `delay` seconds. cut: the
    connection is closed and nothing executed. lost: it is executed, then the connection is closed without answer.
    """

    kind: Kind
    system: System | None = None
    """None: both."""
    method: str | None = None
    path: str = ""
    """Regular expression that is searched in the path."""
    count: int | None = None
    """How many requests it befalls; None: without end."""
    rate: float = 1.0
    """Share of the matching requests that it befalls."""
    seed: int = 0
    retry_after: float | None = None
    """Seconds in `Retry-After`; None: no such header."""
    delay: float = 1.0
    fired: int = 0
    _rng: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check what came over the wire; raises ValueError naming the field."""
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}, not {self.kind}")
        if self.system not in (None, *get_args(System)):
            raise ValueError(f"system must be oro or rebound, not {self.system}")
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate must be from 0 to 1, not {self.rate}")
        try:
            re.compile(self.path)
        except re.error as error:
            raise ValueError(f"path is no regular expression: {error}") from None
        self._rng = random.Random(self.seed)

    def befalls(self, system: System, method: str, path: str) -> bool:
        """Decide whether it befalls a request, and count that."""
        matches = (
            self.system in (None, system)
            and self.method in (None, method)
            and re.search(self.path, path) is not None
            and (self.count is None or self.fired < self.count)
            and self._rng.random() < self.rate
        )
        self.fired += matches
        return matches

    def shown(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {name: getattr(self, name) for name in self.__slots__ if not name.startswith("_")}


class Faults:
    """The faults that are ordered now; the first that befalls a request is the one that it meets."""

    def __init__(self) -> None:
        self._ordered: list[Fault] = []
        self._lock = threading.Lock()

    def order(self, wanted: Mapping[str, Any]) -> Fault:
        """Order a fault from JSON; raises ValueError naming what is wrong."""
        try:
            fault = Fault(**{**wanted, "kind": str(wanted.get("kind"))})
        except TypeError as error:
            raise ValueError(f"not a fault: {error}") from None
        with self._lock:
            self._ordered.append(fault)
        return fault

    def clear(self) -> None:
        """Take all orders back."""
        with self._lock:
            self._ordered.clear()

    def ordered(self) -> Sequence[Fault]:
        """Return the orders, with how often each has fired."""
        return tuple(self._ordered)

    def meet(self, system: System, method: str, path: str) -> Fault | None:
        """Return the fault that a request meets, or None."""
        with self._lock:
            return next((fault for fault in self._ordered if fault.befalls(system, method, path)), None)


class CuttableProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type] # uvicorn picks the base at run time
    """uvicorn's HTTP protocol that tells each request its connection, so that it can be cut."""

    app_state: dict[str, Any]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Put the connection into the state of its requests."""
        self.app_state = {**self.app_state, _TRANSPORT: transport}
        super().connection_made(transport)


async def suffer(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one request as the fault has it."""
    match fault.kind:
        case "slow":
            await asyncio.sleep(fault.delay)
            await app(scope, receive, send)
        case "cut":
            await _cut(scope, receive)
        case "lost":
            await app(scope, receive, _swallow)
            await _cut(scope, receive)
        case _:
            await _refuse(fault, send)


async def _refuse(fault: Fault, send: Send) -> None:
    """Answer as what stands before a shop does: a page, not a document of its API."""
    body = _PAGE % _WORDS[fault.kind].encode()
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    if fault.retry_after is not None:
        headers.append((b"retry-after", f"{fault.retry_after:g}".encode()))
    await send({"type": "http.response.start", "status": int(fault.kind), "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _swallow(message: Message) -> None:
    pass


async def _cut(scope: Scope, receive: Receive) -> None:
    """Close the connection of a request at once and wait until the server has noticed."""
    scope["state"][_TRANSPORT].abort()
    while (await receive())["type"] != "http.disconnect":
        pass
