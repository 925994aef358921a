"""Connections lent to one request at a time.

The pool of httpcore (1.0.9) may close a connection that another thread has just begun to use: it still looks idle. The
request then fails, or waits for its answer until its read timeout is over (encode/httpcore, issue 1110). A client that
serves one request at a time cannot meet that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from queue import Empty, LifoQueue
from typing import Final

import httpx

MOST_BYTES: Final = 256 * 2**20
"""Of one answer, decompressed: many times the largest page that is asked for. What is more would fill the memory, and
a few hundred kilobytes can be made to decompress to it."""
MOST_SECONDS: Final = 300.0
"""From the beginning of one answer to its end. The timeout for reading begins anew with each byte."""


class AnswerTooLarge(httpx.TransportError):
    """The answer has more bytes than any that is asked for."""


class LendingTransport(httpx.BaseTransport):
    """Has each request sent by a client that serves nobody else until the whole answer is there.

    make: makes a client of one connection. connections: how many there are; who finds none free waits as long as the
    request's timeout `pool` says, then gets httpx.PoolTimeout. An answer of more than `most_bytes` is read no further
    and raises AnswerTooLarge, one that is not whole after `most_seconds` httpx.ReadTimeout.
    """

    def __init__(
        self,
        make: Callable[[], httpx.Client],
        connections: int,
        *,
        most_bytes: int = MOST_BYTES,
        most_seconds: float = MOST_SECONDS,
    ) -> None:
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds
        self._clients = [make() for _ in range(connections)]
        # Last in, first out: few callers keep few connections alive.
        self._idle: LifoQueue[httpx.Client] = LifoQueue()
        for client in self._clients:
            self._idle.put(client)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and return the answer, read to its end."""
        try:
            client = self._idle.get(timeout=request.extensions.get("timeout", {}).get("pool"))
        except Empty:
            raise httpx.PoolTimeout("no connection became free", request=request) from None
        try:
            return self._read(client.send(request, stream=True))
        finally:
            self._idle.put(client)

    def _read(self, response: httpx.Response) -> httpx.Response:
        parts: list[bytes] = []
        left = self._most_bytes
        until = time.monotonic() + self._most_seconds
        with closing(response):
            for part in response.iter_bytes():
                left -= len(part)
                if left < 0:
                    raise AnswerTooLarge(
                        f"it has more than {self._most_bytes} bytes", request=response.request
                    )
                if time.monotonic() > until:
                    raise httpx.ReadTimeout(
                        f"the answer is not whole after {self._most_seconds:g} seconds",
                        request=response.request,
                    )
                parts.append(part)
        headers = response.headers.copy()
        # Who reads what is decompressed must not decompress it again.
        headers.pop("Content-Encoding", None)
        return httpx.Response(
            response.status_code,
            headers=headers,
            content=b"".join(parts),
            request=response.request,
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.close()
