"""Batches: every one is an operation on a message queue; "synchronous" only means that the shop waits for it.

What a consumer makes of an operation is in `operations`. Without a consumer a synchronous request is answered
after the wait with an operation in status `new`, which a later consumer carries out as an asynchronous one.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rebound_oro_pipeline.sandbox.oro.calls import JSON_API, Answer
from rebound_oro_pipeline.sandbox.oro.database import JsonObject, Record, Transaction
from rebound_oro_pipeline.sandbox.oro.operations import Message, Operations
from rebound_oro_pipeline.sandbox.oro.store import OroStore
from rebound_oro_pipeline.sandbox.oro.writer import Written

_log = logging.getLogger(__name__)

Render = Callable[[Transaction, Sequence[Written]], JsonObject]
"""Makes the document that answers a synchronous batch, inside its transaction."""
RenderOperation = Callable[[Record], JsonObject]


@dataclass(slots=True)
class _Waiter:
    """A request that waits for its operation."""

    render: Render
    taken: bool = False
    result: JsonObject | Record | None = None
    """The written records, or the operation where Oro answers with that."""
    error: Exception | None = None

    @property
    def done(self) -> bool:
        """Whether the operation has ended."""
        return self.result is not None or self.error is not None


class Batches:
    """The queue, its consumer thread, and the requests that wait."""

    def __init__(self, store: OroStore, operations: Operations, queue_wait_seconds: float) -> None:
        self._store = store
        self._operations = operations
        self._wait = queue_wait_seconds
        self._changed = store.queue_changed
        self._waiters: dict[int, _Waiter] = {}
        self._stopping = False
        with store.read() as transaction:
            waiting = transaction.select("queue")
        self._queue = deque(int(message.relations["operation"]) for message in waiting)
        self._consumer = threading.Thread(target=self._consume, name="oro-consumer", daemon=True)
        self._consumer.start()
        store.on_close(self.stop)

    def submit(
        self,
        message: Message,
        render: Render,
        render_operation: RenderOperation,
        *,
        synchronous: bool,
    ) -> Answer:
        """Queue an operation and answer: 202 at once, or 200 with the records when it is waited for.

        Raises Refused or Wordless where a synchronous batch is refused.
        """
        waiter = _Waiter(render) if synchronous else None
        with self._changed:
            operation = self._operations.accept(message)
            if waiter is not None:
                self._waiters[operation.id] = waiter
            self._queue.append(operation.id)
            self._changed.notify_all()
            if waiter is not None:
                self._changed.wait_for(lambda: waiter.done or self._stopping, self._wait)
                if not waiter.taken:
                    # From here on it is an asynchronous operation.
                    self._waiters.pop(operation.id, None)
                elif not waiter.done:
                    self._changed.wait_for(lambda: waiter.done or self._stopping)
        headers = {"Content-Type": JSON_API}
        if waiter is None or not waiter.done:
            return Answer(202, {"data": render_operation(operation)}, headers)
        if waiter.error is not None:
            raise waiter.error
        if isinstance(waiter.result, Record):
            return Answer(202, {"data": render_operation(waiter.result)}, headers)
        return Answer(200, waiter.result, headers)

    def stop(self) -> None:
        """Stop the consumer after the operation it is at; the queue stays in the store."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._consumer.join()

    def _consume(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or (self._queue and self._store.consuming))
                if self._stopping:
                    return
                operation_id = self._queue.popleft()
                waiter = self._waiters.pop(operation_id, None)
                if waiter is not None:
                    waiter.taken = True
            self._carry_out(operation_id, waiter)
            with self._changed:
                self._changed.notify_all()

    def _carry_out(self, operation_id: int, waiter: _Waiter | None) -> None:
        if waiter is None:
            try:
                self._operations.carry_out(operation_id)
            except Exception:  # noqa: BLE001 - the consumer goes on with the next one
                _log.exception("operation %d was given up", operation_id)
                self._operations.give_up(operation_id)
            return
        try:
            waiter.result = self._operations.carry_out_now(operation_id, waiter.render)
        except Exception as reason:  # noqa: BLE001 - it is raised where the request waits
            waiter.error = reason
