"""Stock writes whose outcome nobody knows: the level itself tells, and nothing is sent before it has.

the level shows the target           ──▶ confirmed
it shows the quantity before         ──▶ the same absolute quantity is written again, which cannot add twice:
                                         right after one more reading, for the others were written meanwhile
it shows neither                     ──▶ ambiguous: rejected, a person decides
its batch is still queued            ──▶ waited for
its batch was never answered for     ──▶ a batch that changes nothing is sent after it: once that one is
answered, the queue has carried out what stood before it
"""

from collections.abc import Iterable

from rebound_oro_pipeline.clients.errors import ApiError, NotFound, Refused
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.services.level_claim import LevelClaim
from rebound_oro_pipeline.services.oro_levels import LEVELS, good_until, probe_document
from rebound_oro_pipeline.services.sending import Worker, still_to_run
from rebound_oro_pipeline.warehouse import level_writes
from rebound_oro_pipeline.warehouse.level_writes import LevelWrite
from rebound_oro_pipeline.warehouse.outbox import Outcome

_DIED = "The worker that wrote it did not finish"


class LevelRecovery:
    """One look at the open writes that are nobody's any more."""

    def __init__(self, oro: OroClient, worker: Worker) -> None:
        self._oro = oro
        self._worker = worker

    def step(self) -> bool:
        """Settle what can be settled; False: nothing was due."""
        messages = self._worker.claims.claim_unknown_levels(self._worker.conn)
        writes = level_writes.open_writes(self._worker.conn, self._worker.claims.worker)
        claim = LevelClaim(self._oro, self._worker, messages)
        try:
            self._settle_without_open_write(claim, writes)
            self._settle_writes(claim, [write for write in writes if write.is_ours])
        finally:
            waiting = list(claim.open.values())
            claim.settle(
                Outcome.unknown(
                    message,
                    "Its level is in other hands.",
                    self._worker.rules.delay(message.checks),
                    (message.operation_id, 0) if message.operation_id else None,
                )
                for message in waiting
            )
        return bool(messages)

    def _settle_without_open_write(self, claim: LevelClaim, writes: Iterable[LevelWrite]) -> None:
        """Settle deltas by their last write; without one they were claimed and never sent."""
        recorded = {message_id for write in writes for message_id in write.message_ids}
        closed = [message for message_id, message in claim.open.items() if message_id not in recorded]
        last = level_writes.last_verdicts(self._worker.conn, [message.message_id for message in closed])
        outcomes = []
        for message in closed:
            level_id, state = last.get(message.message_id, ("", "not_written"))
            if state == "confirmed":
                outcomes.append(Outcome.confirmed(message, level_id))
            elif state == "ambiguous":
                words = f"Level {level_id} showed neither quantity"
                outcomes.append(Outcome.rejected(message, words, "stock_write_ambiguous"))
            else:
                outcomes.append(Outcome.retry(message, f"{_DIED}; nothing was sent.", 0.0))
        claim.settle(outcomes)

    def _settle_writes(self, claim: LevelClaim, writes: list[LevelWrite]) -> None:
        with level_writes.locked(self._worker.conn, (write.key for write in writes)) as held:
            ready = self._after_the_queue(claim, [write for write in writes if write.key in held])
            if not ready:
                return
            for write in claim.judge(ready, _DIED):
                self._again(claim, write)

    def _again(self, claim: LevelClaim, write: LevelWrite) -> None:
        """Set a level again that showed the quantity before, if it still does."""
        messages = claim.of(write)
        rules = self._worker.rules
        if len(messages) < len(write.message_ids):
            # An operator has abandoned some of the deltas: the target is no longer what shall be.
            claim.take_back([write], lambda message: Outcome.retry(message, "planned anew", 0.0))
        elif not self._worker.circuit.wait():
            claim.leave(write, "The circuit is open.")
        elif all(map(self._worker.is_given_up, messages)):
            words = f"OroCommerce has not set the level in {rules.attempts_at_most} attempts, others pass"
            claim.refuse(write, words, None)
        elif claim.judge([write], _DIED):
            until = good_until()
            if self._worker.circuit.is_welcome:
                level_writes.mark_sent_singly(self._worker.conn, [write])
                claim.update(write, until)
            else:
                claim.leave(write, "OroCommerce asks for patience.")

    def _after_the_queue(self, claim: LevelClaim, writes: list[LevelWrite]) -> list[LevelWrite]:
        """Return the writes that no queue of OroCommerce can still carry out."""
        operations = {write.operation_id for write in writes if write.operation_id}
        running = {operation_id for operation_id in operations if not self._has_ended(operation_id)}
        unanswered = any(write.sent_as == "batch" and not write.operation_id for write in writes)
        queue_flows = not unanswered or self._queue_flows()
        ready = []
        for write in writes:
            if write.operation_id in running:
                claim.leave(write, still_to_run(write.operation_id or ""))
            elif write.sent_as == "batch" and not write.operation_id and not queue_flows:
                claim.leave(write, "Its batch may still be queued: does a message consumer run?")
            else:
                ready.append(write)
        return ready

    def _has_ended(self, operation_id: str) -> bool:
        try:
            return self._oro.operation(operation_id).is_finished
        except NotFound:
            # Operations of synchronous requests are deleted as soon as they have ended.
            return True
        except ApiError as error:
            if not error.retryable:
                raise
            self._worker.circuit.failed(error)
            return False

    def _queue_flows(self) -> bool:
        """Whether a message consumer works: a batch that can change nothing is refused at once."""
        try:
            batch = self._oro.batch(LEVELS, probe_document())
        except NotFound:
            return True
        except Refused:
            # Batches are not allowed (any more): nothing can be told of the queue.
            return False
        except ApiError as error:
            if not (error.retryable or error.outcome_unknown):
                raise
            self._worker.circuit.failed(error)
            return False
        if batch.operation is not None and not batch.operation.is_finished:
            self._worker.batches_off.set()
            return False
        return True
