"""The shop's webhooks on their way: what changed is posted to those who subscribed to it, behind the requests' backs.

As in Oro's sender: an event is described when it happens, has one message id for all its subscriptions, and is signed
for each. 2xx ends a delivery, 410 its subscription too; 429 and 5xx are tried again after `Retry-After`, or a second;
everything else, a receiver that cannot be reached included, is dropped and logged. Only loopback is ever called.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from rebound_oro_pipeline.sandbox.oro.catalogue import Catalogue
from rebound_oro_pipeline.sandbox.oro.database import Change, JsonObject, Record
from rebound_oro_pipeline.sandbox.oro.documents import Renderer
from rebound_oro_pipeline.sandbox.oro.query import Query
from rebound_oro_pipeline.sandbox.oro.store import OroStore

MOST_WAITING = 5000
"""Deliveries under way or waiting; what comes beyond is dropped and logged."""
MOST_AT_ONCE = 8
MOST_ATTEMPTS = 10
ANSWER_SECONDS = 15.0
RETRY_SECONDS = 1.0
MOST_RETRY_SECONDS = 600.0
"""However long a receiver asks to be left alone."""
_POLL_SECONDS = 0.05
_STOP_SECONDS = 10

_WORDS: Mapping[str, str] = {"orders": "order"}
"""Types that are accessible by webhooks, as their topics call them."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Notice:
    """One event; `timestamp` is this machine's time, which receivers compare with theirs, and not the scenario's."""

    topic: str
    data: JsonObject
    timestamp: int
    message_id: str

    def request(self, subscription: Record) -> tuple[bytes, dict[str, str]]:
        """Return body and headers for a subscription, in its format and signed with its secret, if it has one."""
        is_thin = subscription.relations.get("format") == "thin"
        data = {name: self.data[name] for name in ("type", "id")} if is_thin else self.data
        payload = {
            "topic": self.topic,
            "eventData": {"data": data},
            "timestamp": self.timestamp,
            "messageId": self.message_id,
        }
        body = _php_json(payload)
        headers = {
            "Content-Type": "application/json",
            "Webhook-Topic": self.topic,
            "Webhook-Id": self.message_id,
            "Accept": "*/*",
            "User-Agent": "Symfony HttpClient (Curl)",
        }
        if secret := subscription.attributes.get("secret"):
            headers["Webhook-Signature"] = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            headers["Webhook-Signature-Algorithm"] = "HMAC-SHA256"
        return body, headers


class Deliveries:
    """Listens to a store's changes; its thread begins with the first delivery and ends with `stop` or the store."""

    def __init__(self, store: OroStore, catalogue: Catalogue, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._catalogue = catalogue
        self._clock = clock
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._at_once = asyncio.Semaphore(MOST_AT_ONCE)
        if "webhooks" in catalogue:
            store.on_change(self.take)
            store.on_close(self.stop)

    def take(self, changes: Sequence[Change]) -> None:
        """Send word of changes to those who subscribed; returns at once."""
        told = [
            (f"{_WORDS[record.type]}.{what}", record) for what, record in changes if record.type in _WORDS
        ]
        if not told:
            return
        now = int(time.time())
        with self._store.read() as transaction:
            subscriptions = transaction.select("webhooks")
            renderer = Renderer(transaction, self._catalogue, Query(), lambda _: True, self._clock())
            for topic, record in told:
                wanted = [each for each in subscriptions if _is_for(each, topic)]
                if wanted:
                    notice = Notice(topic, renderer.resource(record), now, str(uuid4()))
                    self._send(notice, [each.id for each in wanted])

    def stop(self) -> None:
        """Give up what is under way and end the thread; what comes later is not sent."""
        with self._lock:
            self._stopped = True
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(), loop)
        thread.join(_STOP_SECONDS)

    def _send(self, notice: Notice, subscription_ids: Sequence[int]) -> None:
        with self._lock:
            if self._stopped:
                return
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_serve, args=(self._loop,), name="oro-webhooks", daemon=True
                )
                self._thread.start()
            for subscription_id in subscription_ids:
                if self._waiting >= MOST_WAITING:
                    _log.warning("%s %s is dropped: too much waits", notice.topic, notice.message_id)
                    continue
                self._waiting += 1
                self._loop.call_soon_threadsafe(self._begin, notice, subscription_id)

    def _begin(self, notice: Notice, subscription_id: int) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(notice, subscription_id))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        with self._lock:
            self._waiting -= 1

    async def _end(self) -> None:
        # Only tasks of our own: those below them are the HTTP client's to end.
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        asyncio.get_running_loop().stop()

    async def _deliver(self, notice: Notice, subscription_id: int) -> None:
        try:
            for _ in range(MOST_ATTEMPTS):
                async with self._at_once:
                    after = await self._attempt(notice, subscription_id)
                if after is None:
                    return
                await asyncio.sleep(after)
            _log.warning("%s %s is given up", notice.topic, notice.message_id)
        except Exception:  # noqa: BLE001 - whatever it is, it is one delivery's
            _log.exception("%s %s could not be delivered", notice.topic, notice.message_id)

    async def _attempt(self, notice: Notice, subscription_id: int) -> float | None:
        """Post once; return in how many seconds to try again, None for never."""
        while not self._store.consuming:  # noqa: ASYNC110 - a switch of other threads
            await asyncio.sleep(_POLL_SECONDS)
        subscription = self._store.record("webhooks", str(subscription_id))
        if subscription is None or not subscription.attributes.get("enabled", True):
            return None
        url = str(subscription.attributes["notificationUrl"])
        if not is_loopback(url):
            _log.warning("%s is not sent to %s: the sandbox calls this machine only", notice.topic, url)
            return None
        try:
            status, retry_after = await _post(notice, subscription, url)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            _log.warning("%s was not taken by %s: %s", notice.topic, url, type(error).__name__)
            return None
        if status == httpx.codes.GONE:
            with self._store.write() as transaction:
                transaction.delete("webhooks", subscription_id)
            return None
        if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return retry_after
        if not httpx.codes.is_success(status):
            _log.warning("%s was refused by %s with %d", notice.topic, url, status)
        return None


def is_loopback(url: str) -> bool:
    """Tell whether an address leads to this machine, by what is written and without asking a name server."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            return False
        return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False


async def _post(notice: Notice, subscription: Record, url: str) -> tuple[int, float]:
    """Return the status, and the seconds to wait before another attempt."""
    body, headers = notice.request(subscription)
    verify = bool(subscription.attributes.get("verifySsl", True)) and url.startswith("https:")
    async with (
        asyncio.timeout(ANSWER_SECONDS),
        httpx.AsyncClient(verify=verify, trust_env=False, timeout=ANSWER_SECONDS) as client,
        client.stream("POST", url, content=body, headers=headers) as answer,
    ):
        return answer.status_code, _seconds(answer.headers.get("retry-after"))


def _seconds(retry_after: str | None) -> float:
    if retry_after is None or not retry_after.isdecimal():
        return RETRY_SECONDS
    return min(float(retry_after), MOST_RETRY_SECONDS)


def _is_for(subscription: Record, topic: str) -> bool:
    return subscription.relations.get("topic") == topic and subscription.attributes.get("enabled", True)


def _php_json(value: Any) -> bytes:
    """Return JSON as PHP writes it: ASCII, slashes escaped."""
    return json.dumps(value, separators=(",", ":"), default=str).replace("/", "\\/").encode()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()
