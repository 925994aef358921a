"""What sending and recovering stock levels share: claimed deltas, their write, and how both end together."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial
from uuid import uuid4

from rebound_oro_pipeline.clients.errors import ApiError, Forbidden, NotAllowed, Refused
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.services.oro_levels import LEVELS, level_document, quantities, quantity
from rebound_oro_pipeline.services.sending import Worker, words_of
from rebound_oro_pipeline.warehouse import level_writes
from rebound_oro_pipeline.warehouse.level_writes import LevelWrite, Verdict
from rebound_oro_pipeline.warehouse.outbox import Failure, Message, Outcome


class LevelClaim:
    """Deltas that one worker holds; the write of a level and its deltas are settled in one transaction."""

    def __init__(self, oro: OroClient, worker: Worker, messages: Sequence[Message]) -> None:
        self.oro = oro
        self.worker = worker
        self.open = {message.message_id: message for message in messages}

    def of(self, write: LevelWrite) -> list[Message]:
        """Return the held deltas that a write carries."""
        return [self.open[message_id] for message_id in write.message_ids if message_id in self.open]

    def settle(self, outcomes: Iterable[Outcome], verdicts: Sequence[Verdict] = ()) -> None:
        """Write outcomes of deltas and verdicts on their writes."""
        ended = list(outcomes)
        if not ended and not verdicts:
            return
        with self.worker.conn.transaction():
            level_writes.finish(self.worker.conn, self.worker.claims.worker, verdicts)
            self.worker.settle(ended)
        for outcome in ended:
            del self.open[outcome.message_id]

    def new_request(self) -> str:
        """Return the id of a request that writes."""
        self.worker.write_requests += 1
        return uuid4().hex

    def confirm(self, writes: Sequence[LevelWrite], request_id: str | None = None) -> None:
        """Settle writes whose levels show the target."""
        self.settle(
            (
                Outcome.confirmed(message, write.level_id, request_id)
                for write in writes
                for message in self.of(write)
            ),
            [
                Verdict(write.level_write_id, "confirmed", write.quantity_target, request_id)
                for write in writes
            ],
        )

    def leave(
        self,
        write: LevelWrite,
        words: str,
        request_id: str | None = None,
        failure: Failure | None = None,
    ) -> None:
        """Leave a write open of which nobody knows yet; it is read later."""
        messages = self.of(write)
        delay = self.worker.rules.delay(1 + max((message.checks for message in messages), default=0))
        place = (write.operation_id, 0) if write.operation_id else None
        self.settle(
            Outcome.unknown(message, words, delay, place, request_id=request_id, failure=failure)
            for message in messages
        )

    def judge(self, writes: Sequence[LevelWrite], words: str) -> list[LevelWrite]:
        """Read levels and let them tell; return the writes that had no effect, which are still open.

        A level that shows neither quantity was changed by others meanwhile: nothing is guessed.
        """
        try:
            held = quantities(self.oro, [write.level_id for write in writes])
        except ApiError as error:
            for write in writes:
                self.leave(write, f"{words}; the level could not be read back: {error}")
            if not error.retryable:
                raise
            self.worker.circuit.failed(error)
            return []
        without_effect = []
        for write in writes:
            seen = held.get(write.level_id)
            if seen == write.quantity_target:
                self.confirm([write])
            elif seen == write.quantity_before:
                without_effect.append(write)
            else:
                shows = "is gone" if seen is None else f"shows {seen}"
                self._leave_to_people(
                    write,
                    seen,
                    f"{words}; level {write.level_id} {shows}, where {write.quantity_before} stood before "
                    f"and {write.quantity_target} was to be written: find out whether our units are in it",
                )
        return without_effect

    def update(self, write: LevelWrite, good_until: float) -> None:
        """Set one level, unless its reading is no longer good, and settle what can be settled by the answer."""
        request_id = self.new_request()
        document = level_document(write)
        try:
            answer = self.oro.update(
                LEVELS, write.level_id, document, request_id=request_id, not_after=good_until
            )
            seen = quantity(answer["data"])
        except Refused as error:
            self.worker.circuit.succeeded()
            if isinstance(error, Forbidden | NotAllowed):
                # Of the user, or of all levels, and not of this one.
                self.take_back([write], partial(self.worker.put_off, error=error), request_id)
                raise
            self.refuse(write, words_of(error), request_id)
        except ApiError as error:
            self.unanswered([write], error)
        else:
            self.worker.circuit.succeeded()
            if seen == write.quantity_target:
                self.confirm([write], request_id)
            else:
                words = f"OroCommerce answered {seen} to a write of {write.quantity_target}"
                self.leave(write, words, request_id, self.worker.failure_alone(*self.of(write)))

    def refuse(self, write: LevelWrite, words: str, request_id: str | None) -> None:
        """Settle a write that OroCommerce refuses."""
        self.settle(
            (Outcome.rejected(message, words, request_id=request_id) for message in self.of(write)),
            [Verdict(write.level_write_id, "not_written", None, request_id)],
        )

    def take_back(
        self,
        writes: Sequence[LevelWrite],
        outcome: Callable[[Message], Outcome],
        request_id: str | None = None,
    ) -> None:
        """Close writes that had no effect, and give their deltas back, to be planned anew."""
        self.settle(
            (outcome(message) for write in writes for message in self.of(write)),
            [Verdict(write.level_write_id, "not_written", None, request_id) for write in writes],
        )

    def unanswered(self, writes: Sequence[LevelWrite], error: ApiError) -> None:
        """Leave writes open that may have had an effect; take the others back."""
        if error.outcome_unknown:
            self.worker.circuit.failed(error)
            for write in writes:
                failure = self.worker.failure_alone(*self.of(write)) if len(writes) == 1 else "shared"
                self.leave(write, str(error), error.request_id, failure)
            return
        self.take_back(writes, partial(self.worker.put_off, error=error), error.request_id)
        if not error.retryable:
            raise error
        self.worker.circuit.failed(error)

    def _leave_to_people(self, write: LevelWrite, seen: Decimal | None, words: str) -> None:
        self.settle(
            (Outcome.rejected(message, words, "stock_write_ambiguous") for message in self.of(write)),
            [Verdict(write.level_write_id, "ambiguous", seen)],
        )
