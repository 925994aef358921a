"""The messages of one claim, sent one after another: each has its outcome before the claim ends.

Outcomes are written together at the end. Who is killed before leaves all of its messages in doubt, and they are read,
or sent again, by the next one.
"""

import time
from collections.abc import Collection, Sequence

from rebound_oro_pipeline.services.sending import Worker
from rebound_oro_pipeline.warehouse.outbox import Message, Outcome


class MessageClaim:
    """What one worker holds, and what became of it so far."""

    def __init__(self, worker: Worker, messages: Sequence[Message]) -> None:
        self._worker = worker
        self._open = {message.message_id: message for message in messages}
        self._outcomes: list[Outcome] = []
        self._renewed_at = time.monotonic()

    @property
    def open(self) -> list[Message]:
        """Messages that have no outcome yet."""
        return list(self._open.values())

    def end(self, outcome: Outcome) -> None:
        """Keep the outcome of a message."""
        del self._open[outcome.message_id]
        self._outcomes.append(outcome)

    def keep(self) -> None:
        """Renew the claim in time; to be called before every request."""
        if time.monotonic() - self._renewed_at > self._worker.rules.lease / 4:
            self._worker.claims.renew(self._worker.conn, self._open.values())
            self._renewed_at = time.monotonic()

    def settle(self, perhaps_written: Collection[int], words: str) -> None:
        """Write all outcomes; what is open is in doubt where it may have been written, and else given back."""
        for message in self.open:
            if message.message_id in perhaps_written:
                self.end(Outcome.unknown(message, words, 0.0))
            else:
                self.end(Outcome.released(message))
        self._worker.settle(self._outcomes)
