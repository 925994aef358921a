"""Connections lent to one request at a time.

The pool of httpcore (1.0.9) may close a connection that another thread has just begun to use: it still looks idle. The
request then fails, or waits for its answer until its read timeout is over (encode/httpcore, issue 1110). A client that
serves one request at a time cannot meet that.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, LifoQueue

import httpx


class LendingTransport(httpx.BaseTransport):
    """Has each request sent by a client that serves nobody else until the whole answer is there.

    make: makes a client of one connection. connections: how many there are; who finds none free waits as long as the
    request's timeout `pool` says, then gets httpx.PoolTimeout.
    """

    def __init__(self, make: Callable[[], httpx.Client], connections: int) -> None:
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
            return client.send(request)
        finally:
            self._idle.put(client)

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.close()
