"""Stores deliveries many at a time: whoever waits while a commit is under way shares the next one.

A delivery is answered only after the commit that holds it. If the database fails or its answer is lost, all of that
commit are told so and are sent again by their senders; the inbox keeps each once.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any, Final

import psycopg

from rebound_oro_pipeline.warehouse import inbox
from rebound_oro_pipeline.warehouse.connection import normalise_url
from rebound_oro_pipeline.warehouse.inbox import Delivery
from rebound_oro_pipeline.webhook.refusals import Refusal

logger = logging.getLogger(__name__)

WRITERS: Final = 2
"""Connections, and so commits at the same time, of one process."""
BATCH: Final = 500
"""Most deliveries of a commit."""
BATCH_BYTES: Final = 8 * 2**20
"""Most bytes of a commit, unless a single delivery has more."""
LINGER_SECONDS: Final = 0.002
"""How long the first of a batch waits for others."""
MOST_WAITING: Final = 5000
"""Deliveries that may wait for a commit; what comes beyond is sent away."""
COMMIT_SECONDS: Final = 10.0
"""After this time a commit counts as failed."""
CONNECT_SECONDS: Final = 5
RETRY_AFTER_SECONDS: Final = 5
"""When senders are asked to come again while the database is down."""

_SESSION: Final = "set synchronous_commit to on; set lock_timeout to '5s'; set statement_timeout to '9s'"
"""Whatever the server's default, an answered delivery is on its disk."""

_Waiting = tuple[Delivery, "asyncio.Future[None]"]


class InboxWriter:
    """The way into the inbox for one process; open it within the event loop that uses it."""

    def __init__(self, url: str, *, writers: int = WRITERS, most_waiting: int = MOST_WAITING) -> None:
        self._url = normalise_url(url)
        self._writers = writers
        self._waiting: asyncio.Queue[_Waiting | None] = asyncio.Queue(most_waiting)
        self._tasks: list[asyncio.Task[None]] = []
        self._checked: tuple[float, bool] | None = None
        self._checking = asyncio.Lock()

    async def open(self) -> None:
        """Begin to store; needs no database yet."""
        self._tasks = [asyncio.create_task(self._write()) for _ in range(self._writers)]

    async def close(self) -> None:
        """Store what is waiting, then stop."""
        for _ in self._tasks:
            await self._waiting.put(None)
        await asyncio.gather(*self._tasks)

    async def store(self, delivery: Delivery) -> None:
        """Return once the delivery is committed, now or before; raise Refusal with status 503 if it may not be."""
        stored = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((delivery, stored))
        except asyncio.QueueFull:
            raise Refusal(503, "too many deliveries are waiting to be stored", retry_after=1) from None
        await stored

    async def is_reachable(self) -> bool:
        """Whether the database has an inbox, asked at most once a second."""
        async with self._checking:
            now = asyncio.get_running_loop().time()
            if self._checked is None or now - self._checked[0] > 1:
                self._checked = (now, await self._look())
            return self._checked[1]

    async def _look(self) -> bool:
        try:
            async with asyncio.timeout(COMMIT_SECONDS), await self._connect() as conn:
                await conn.execute("select from inbox.deliveries limit 0")
        except (psycopg.Error, OSError, TimeoutError) as error:
            logger.warning("the inbox cannot be reached: %s", _said(error))
            return False
        return True

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        conn = await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            application_name="rebound-oro webhook",
            client_encoding="UTF8",
            connect_timeout=CONNECT_SECONDS,
        )
        await conn.execute(_SESSION)
        return conn

    async def _write(self) -> None:
        conn: psycopg.AsyncConnection[Any] | None = None
        while (first := await self._waiting.get()) is not None:
            await asyncio.sleep(LINGER_SECONDS)
            batch, is_last = self._gather(first)
            conn = await self._commit(conn, batch)
            if is_last:
                break
        if conn is not None:
            await conn.close()

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """Take what waits, and say whether the end came with it."""
        batch, size = [first], len(first[0].body)
        while len(batch) < BATCH and size < BATCH_BYTES and not self._waiting.empty():
            following = self._waiting.get_nowait()
            if following is None:
                return batch, True
            batch.append(following)
            size += len(following[0].body)
        return batch, False

    async def _commit(
        self, conn: psycopg.AsyncConnection[Any] | None, batch: Sequence[_Waiting]
    ) -> psycopg.AsyncConnection[Any] | None:
        """Store a batch, connecting first where needed; return the connection if it can be used again."""
        refusal: Refusal | None = None
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                if conn is None or conn.closed:
                    conn = await self._connect()
                new = await inbox.store(conn, [delivery for delivery, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, the writer lives on and its senders are told
            logger.error("%d deliveries could not be stored: %s", len(batch), _said(error))  # noqa: TRY400
            refusal = Refusal(503, "the database does not store", retry_after=RETRY_AFTER_SECONDS)
            if conn is not None:
                with contextlib.suppress(psycopg.Error, OSError):
                    await conn.close()
                conn = None
        else:
            if new < len(batch):
                logger.info("%d deliveries were known already", len(batch) - new)
        for _, stored in batch:
            if stored.cancelled():
                continue
            if refusal is None:
                stored.set_result(None)
            else:
                stored.set_exception(Refusal(refusal.status, refusal.reason, refusal.retry_after))
        return conn


def _said(error: BaseException) -> str:
    # PostgreSQL's own detail quotes values of the rows.
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return f"{type(error).__name__}: {error.diag.message_primary}"
    return type(error).__name__
