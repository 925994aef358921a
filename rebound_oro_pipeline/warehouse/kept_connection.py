"""A connection that is kept for its next user, who finds it as new.

What it saves each of them is the making of a session, and what a server reads of its own catalogue for a new one.

    kept = KeptConnection(lambda name: connect(url, application_name=name))
    with kept.lend("one step") as conn: ...
    with kept.lend("the next") as conn: ...
    kept.close()
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Final

import psycopg

from rebound_oro_pipeline.warehouse.connection import rename, renew

KEPT_SECONDS: Final = 30
"""Unused for longer, it is closed instead: nobody may have noticed yet that the other end is gone, and whoever wrote to
it would wait for minutes."""


class KeptConnection:
    """Lends connections; the last one that came back in good order is kept. For threads, too."""

    def __init__(self, connect: Callable[[str], psycopg.Connection]) -> None:
        self._connect = connect
        self._lock = Lock()
        self._kept: tuple[psycopg.Connection, float] | None = None
        self._closed = False

    @contextmanager
    def lend(self, application_name: str) -> Iterator[psycopg.Connection]:
        """Give a connection for the time of the block: committed at its end, rolled back where it fails."""
        conn = self._take(application_name)
        try:
            yield conn
            if not conn.closed:
                conn.commit()
        except BaseException:
            with suppress(psycopg.Error):
                conn.rollback()
            conn.close()
            raise
        self._put(conn)

    def close(self) -> None:
        """Close what is kept, and from now on what comes back."""
        with self._lock:
            self._closed = True
            kept, self._kept = self._kept, None
        if kept is not None:
            kept[0].close()

    def _take(self, application_name: str) -> psycopg.Connection:
        with self._lock:
            kept, self._kept = self._kept, None
        if kept is not None:
            conn, since = kept
            if time.monotonic() - since < KEPT_SECONDS:
                with suppress(psycopg.Error):  # the server was started anew, say
                    rename(conn, application_name)
                    return conn
            conn.close()
        return self._connect(application_name)

    def _put(self, conn: psycopg.Connection) -> None:
        # At once, and not for the next user: what a session has locked would stay locked until then.
        try:
            renew(conn)
        except BaseException as error:
            conn.close()
            if not isinstance(error, psycopg.Error):
                raise
        with self._lock:
            if not (self._closed or self._kept or conn.closed):
                self._kept = (conn, time.monotonic())
                return
        conn.close()
