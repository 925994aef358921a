"""What one worker does with the stock deltas that it has claimed.

Deltas of one level are added up. The level is read, what it was and shall be is recorded and committed, it is
written, and the answer is read: with the target in it, the write is confirmed. A refusal means that nothing
was written; no answer means that the level is read later (`level_recovery`). Between our reading and our
writing OroCommerce may sell: the level does not show that its new quantity was overwritten, so that time is
kept short. What is written in one request is read right before it, and who has to wait in between reads again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial

from rebound_oro_pipeline.clients.errors import ApiError, Forbidden, NotAllowed, Refused
from rebound_oro_pipeline.clients.jsonapi import is_listable
from rebound_oro_pipeline.clients.oro import SYNC_RECORDS, Batch, OroClient
from rebound_oro_pipeline.services.level_claim import LevelClaim
from rebound_oro_pipeline.services.oro_levels import (
    LEVELS,
    Delta,
    LevelReading,
    StockLevel,
    levels_document,
    levels_of_products,
    product_ids,
    quantity,
)
from rebound_oro_pipeline.services.sending import Worker, read_payload, still_to_run, words_of
from rebound_oro_pipeline.warehouse import level_writes
from rebound_oro_pipeline.warehouse.level_writes import LevelWrite, PlannedWrite, SentAs, level_key
from rebound_oro_pipeline.warehouse.outbox import Message, Outcome

_Entry = tuple[Message, Delta]
_Level = tuple[str, str]  # product and unit
_PERMISSION = "is the permission to view products or inventory levels missing?"


class LevelSender:
    """The deltas of one claim, until each is settled."""

    def __init__(self, oro: OroClient, worker: Worker, messages: Sequence[Message]) -> None:
        self._oro = oro
        self._worker = worker
        self._claim = LevelClaim(oro, worker, messages)
        self._recorded: list[LevelWrite] = []

    def send(self) -> None:
        """Add the deltas to their levels."""
        try:
            by_level = self._group()
            with level_writes.locked(self._worker.conn, (level_key(*level) for level in by_level)) as held:
                self._write({level: by_level[level] for level in by_level if level_key(*level) in held})
        except ApiError as error:
            if not error.retryable:
                raise
            # Reading failed: of what is still open nothing was sent.
            self._worker.circuit.failed(error)
        finally:
            self._close()

    def _close(self) -> None:
        """Give back what was not sent: another worker has the level, or its last write is still in doubt."""
        for write in self._recorded:
            if self._claim.of(write):
                self._claim.leave(write, "The run ended before the level was read back.")
        waiting = list(self._claim.open.values())
        self._claim.settle(Outcome.released(message, self._worker.rules.first_delay) for message in waiting)

    def _group(self) -> dict[_Level, list[_Entry]]:
        """Return the deltas by product and unit; reject those whose product cannot be told."""
        entries = list(self._readable())
        by_sku = product_ids(self._oro, (delta.sku for _, delta in entries if delta.product_id is None))
        groups: dict[_Level, list[_Entry]] = {}
        for message, delta in entries:
            products = [delta.product_id] if delta.product_id else by_sku.get(delta.sku.lower(), [])
            if len(products) == 1:
                groups.setdefault((products[0], delta.unit_code), []).append((message, delta))
                continue
            if products:
                words = f"{len(products)} products have the SKU {delta.sku} (ids {', '.join(products)})"
            elif not is_listable(delta.sku):
                words = f"A product cannot be looked up by the SKU {delta.sku!r}, because it holds a comma"
            else:
                words = f"OroCommerce shows no product with the SKU {delta.sku}: {_PERMISSION}"
            self._claim.settle([Outcome.rejected(message, words)])
        return groups

    def _readable(self) -> Iterator[_Entry]:
        for message in list(self._claim.open.values()):
            delta = read_payload(message, Delta)
            if isinstance(delta, Outcome):
                self._claim.settle([delta])
            else:
                yield message, delta

    def _write(self, by_level: dict[_Level, list[_Entry]]) -> None:
        waiting = list(by_level)
        while waiting:
            size = SYNC_RECORDS if self._in_batches else 1
            together, waiting = waiting[:size], waiting[size:]
            reading = self._read(together)
            if reading is None:
                return
            self._write_together({level: by_level[level] for level in together}, reading)

    @property
    def _in_batches(self) -> bool:
        return self._worker.batches and not any(map(self._worker.rules.goes_alone, self._claim.open.values()))

    def _read(self, levels: Sequence[_Level]) -> LevelReading | None:
        """Read levels at a time when they may be written at once; None: the circuit is open."""
        circuit = self._worker.circuit
        while circuit.wait():
            reading = levels_of_products(self._oro, (product_id for product_id, _ in levels))
            if circuit.is_welcome:
                return reading
        return None

    def _write_together(self, by_level: dict[_Level, list[_Entry]], reading: LevelReading) -> None:
        """Record and write levels in one request."""
        plans = [
            self._plan(level, entries, reading.levels.get(level, [])) for level, entries in by_level.items()
        ]
        planned = [plan for plan in plans if plan is not None]
        if not planned:
            return
        sent_as: SentAs = "single" if len(planned) == 1 else "batch"
        worker = self._worker
        self._recorded = recorded = level_writes.record(
            worker.conn, worker.claims.worker, planned, sent_as, worker.rules.lease
        )
        if not recorded:
            return
        if sent_as == "batch":
            self._batch(recorded, reading.good_until)
        else:
            self._claim.update(recorded[0], reading.good_until)

    def _plan(self, level: _Level, entries: list[_Entry], found: list[StockLevel]) -> PlannedWrite | None:
        product_id, unit_code = level
        if len(found) != 1:
            words = f"{len(found)} levels of product {product_id} in the unit {unit_code}"
            words = f"OroCommerce shows {words}: " + (
                "to which of them the units belong cannot be told" if found else _PERMISSION
            )
            self._claim.settle(Outcome.rejected(message, words) for message, _ in entries)
            return None
        stock = found[0]
        good: list[_Entry] = []
        for message, delta in entries:
            fault = stock.fault(delta.quantity)
            if fault is None:
                good.append((message, delta))
            else:
                self._claim.settle([Outcome.rejected(message, f"Nothing was sent: {fault}")])
        if not good:
            return None
        return PlannedWrite(
            level_id=stock.level_id,
            product_id=product_id,
            sku=stock.sku,
            unit_code=unit_code,
            quantity_before=stock.quantity,
            quantity_target=stock.quantity + sum((delta.quantity for _, delta in good), Decimal(0)),
            message_ids=[message.message_id for message, _ in good],
        )

    def _batch(self, writes: list[LevelWrite], good_until: float) -> None:
        request_id = self._claim.new_request()
        document = levels_document(writes)
        try:
            batch = self._oro.batch(LEVELS, document, request_id=request_id, not_after=good_until)
        except Refused as error:
            self._worker.circuit.succeeded()
            self._after_refusal(writes, error)
        except ApiError as error:
            self._claim.unanswered(writes, error)
        else:
            self._worker.circuit.succeeded()
            self._after_answer(writes, batch, request_id)

    def _after_refusal(self, writes: list[LevelWrite], error: Refused) -> None:
        """Nothing was written: the level that is named is refused, the others are planned anew."""
        index = error.record_index
        if index is not None and index < len(writes) and not error.forbids_the_type:
            self._claim.refuse(writes.pop(index), words_of(error), error.request_id)
            self._claim.take_back(writes, Outcome.released, error.request_id)
            return
        if isinstance(error, Forbidden | NotAllowed):
            # Batches need a permission and an action of their own; single levels tell whether that was all.
            self._worker.batches_off.set()
            self._claim.take_back(writes, Outcome.released, error.request_id)
            return
        self._claim.take_back(
            writes, partial(self._worker.put_off, error=error, failure="shared"), error.request_id
        )

    def _after_answer(self, writes: list[LevelWrite], batch: Batch, request_id: str) -> None:
        operation = batch.operation
        if operation is not None and not operation.is_finished:
            # No message consumer runs, or it is late: the next batch would take 25 s, too.
            self._worker.batches_off.set()
            with self._worker.conn.transaction():
                level_writes.mark_queued(self._worker.conn, writes, operation.id)
                for write in writes:
                    queued = replace(write, operation_id=operation.id)
                    self._claim.leave(queued, still_to_run(operation.id), request_id)
            return
        shown = {str(record["id"]): quantity(record) for record in batch.records}
        written = [write for write in writes if shown.get(write.level_id) == write.quantity_target]
        self._claim.confirm(written, request_id)
        untold = [write for write in writes if write not in written]
        if untold:
            state = operation.status if operation else "answered with other quantities"
            words = f"the batch was {state}"

            def again(message: Message) -> Outcome:
                delay = self._worker.rules.delay(message.attempts)
                return Outcome.retry(message, words, delay, request_id, "shared")

            self._claim.take_back(self._claim.judge(untold, words), again, request_id)
