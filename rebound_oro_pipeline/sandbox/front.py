"""What stands before each imitated system: counts requests, brings faults and latency, and lets the app be replaced."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rebound_oro_pipeline.sandbox.faults import Faults, System, suffer
from rebound_oro_pipeline.sandbox.latency import MODELS, Latency

_ID = re.compile(r"/(\d+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=/|$)")


class Front:
    """An ASGI app around another one, which `app` replaces."""

    def __init__(self, system: System, app: ASGIApp, faults: Faults, latency_scale: float) -> None:
        self.app = app
        self._system = system
        self._faults = faults
        self._latency = Latency(latency_scale, MODELS[system])
        self._requests: Counter[tuple[str, str, int | None]] = Counter()

    @property
    def requests(self) -> Mapping[str, Mapping[str, int]]:
        """Return how often what was asked: `GET /admin/api/orders/{id}` → status (`none`: no answer) → count."""
        counts: dict[str, dict[str, int]] = {}
        for (method, path, status), count in sorted(self._requests.items(), key=str):
            counts.setdefault(f"{method} {path}", {})[str(status or "none")] = count
        return counts

    def forget(self) -> None:
        """Count from 0 again."""
        self._requests.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        status: int | None = None

        async def note(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._serve(scope, receive, note)
        finally:
            self._requests[scope["method"], _ID.sub("/{id}", scope["path"]), status] += 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._faults.meet(self._system, scope["method"], scope["path"])
        if fault is None:
            await self._latency.serve(self.app, scope, receive, send)
        else:
            await suffer(fault, self.app, scope, receive, send)
