"""How the consumer carries out one batch operation, with all that was seen of Oro doing it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from rebound_oro_pipeline.sandbox.oro.access import Rights
from rebound_oro_pipeline.sandbox.oro.catalogue import Catalogue
from rebound_oro_pipeline.sandbox.oro.database import JsonObject, Record, Transaction
from rebound_oro_pipeline.sandbox.oro.envelope import Item, check, many
from rebound_oro_pipeline.sandbox.oro.errors import NO_ACCESS, Fault, Refused, Wordless, WriteFailed
from rebound_oro_pipeline.sandbox.oro.profiles import Profile
from rebound_oro_pipeline.sandbox.oro.schema import Resource
from rebound_oro_pipeline.sandbox.oro.session import Session
from rebound_oro_pipeline.sandbox.oro.store import OroStore, Permissions
from rebound_oro_pipeline.sandbox.oro.wire import to_text
from rebound_oro_pipeline.sandbox.oro.writer import Writer, Written

CHUNK = 100
"""Records that an asynchronous operation writes in one go."""
SYNC_LIMIT = 100
SYNC_INCLUDED_LIMIT = 50
_OVER_LIMIT = Fault(400, "request data constraint", "The limit of a synchronous operation is exceeded.")


@dataclass(frozen=True, slots=True)
class Message:
    """A batch as it was sent."""

    resource: Resource
    document: JsonObject
    permissions: Permissions | None


@dataclass(slots=True)
class _Tally:
    """What an operation has read, written and refused so far."""

    read: int = 0
    written: int = 0
    created: int = 0
    updated: int = 0
    errors: list[tuple[int, Fault]] = field(default_factory=list)
    """Chunk number and fault."""

    def count(self, written: Written) -> None:
        """Count a record that was written; an upsert counts as a creation whether it was one or not."""
        self.written += 1
        if written.item.meta.get("update") is True:
            self.updated += 1
        else:
            self.created += 1


@dataclass(slots=True)
class Operations:
    """Accepts operations into the queue and carries them out."""

    store: OroStore
    catalogue: Catalogue
    profile: Profile
    clock: Callable[[], datetime]

    def accept(self, message: Message) -> Record:
        """Store a new operation and its message; return the operation."""
        stamp = to_text(self.clock())
        attributes: JsonObject = {
            "status": "new",
            "progress": None,
            "createdAt": stamp,
            "updatedAt": stamp,
            "elapsedTime": 0,
            "entityType": message.resource.type,
            "summary": None,
        }
        kept = {"document": message.document, "permissions": message.permissions}
        with self.store.write() as transaction:
            operation_id = transaction.insert("asyncoperations", attributes)
            transaction.insert("queue", kept, {"operation": str(operation_id)})
        return Record("asyncoperations", operation_id, attributes, {})

    def carry_out_now(
        self, operation_id: int, render: Callable[[Transaction, Sequence[Written]], JsonObject]
    ) -> JsonObject | Record:
        """Carry out an operation that a request waits for: all or nothing, in the order of the request.

        Returns the answer's document, or the operation where it failed in a way that names no record; raises
        Refused with the first fault, or Wordless. The operation is gone afterwards.
        """
        started = time.monotonic()
        operation, message = self._taken(operation_id)
        misbehaviour = self.store.take_misbehaviour(synchronous=True)
        if misbehaviour == "success_without_writing":
            return self._end(operation, "success", _Tally(), started, keep=True)
        try:
            items = many(message.document)
            included = len(message.document.get("included", ()))
            if len(items) > SYNC_LIMIT or included > SYNC_INCLUDED_LIMIT:
                self._end(operation, "failed", _Tally(errors=[(0, _OVER_LIMIT)]), started, keep=False)
                operation.attributes["progress"] = None
                return operation
            if misbehaviour == "failed_without_errors":
                return self._end(operation, "failed", _Tally(read=len(items)), started, keep=False)
            return self._write_all(operation_id, message, items, render)
        except WriteFailed:
            return self._end(operation, "failed", _Tally(read=len(items)), started, keep=False)
        except Refused as refused:
            self._forget(operation_id)
            raise Refused(refused.faults[0]) from None
        except BaseException:
            self._forget(operation_id)
            raise

    def carry_out(self, operation_id: int) -> None:
        """Carry out an operation that nobody waits for: faulty records are left out, the others written."""
        started = time.monotonic()
        operation, message = self._taken(operation_id)
        misbehaviour = self.store.take_misbehaviour(synchronous=False)
        tally = _Tally()
        status = "success"
        if misbehaviour == "failed_without_errors":
            status = "failed"
        elif misbehaviour != "success_without_writing":
            try:
                items = many(message.document)
            except Refused as refused:
                tally.errors += [(0, fault) for fault in refused.faults]
            else:
                self._write_chunks(message, items, tally)
        if misbehaviour == "lying_create_count":
            tally.created, tally.updated = tally.read, 0
        self._end(operation, status, tally, started, keep=True)

    def give_up(self, operation_id: int) -> None:
        """End an operation that could not be carried out as failed, without a reason."""
        operation, _ = self._taken(operation_id)
        self._end(operation, "failed", _Tally(), time.monotonic(), keep=True)

    def _write_all(
        self,
        operation_id: int,
        message: Message,
        items: Sequence[Item],
        render: Callable[[Transaction, Sequence[Written]], JsonObject],
    ) -> JsonObject:
        with self.store.write() as transaction:
            session, writer = self._writer(transaction)
            written = []
            for item in items:
                if not self._allows(message.resource, item):
                    raise Wordless(405, {"Allow": message.resource.allowed_methods(collection=True)})
                written.append(self._write(writer, message, item))
            session.flush()
            _remove(transaction, operation_id, with_operation=True)
            return render(transaction, written)

    def _write_chunks(self, message: Message, items: Sequence[Item], tally: _Tally) -> None:
        tally.read = len(items)
        chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
        again: list[tuple[int, Item]] = []
        number_again = len(chunks)
        for number, chunk in enumerate(chunks, 1):
            good = chunk
            try:
                try:
                    written = self._write_chunk(message, chunk)
                except Refused:
                    good = self._sift(message, chunk, number, tally)
                    written = self._write_chunk(message, good)
            except WriteFailed:
                kept = {id(item) for item in good}
                numbered = enumerate(chunk, number_again + 1)
                again += [(position, item) for position, item in numbered if id(item) in kept]
                number_again += len(chunk)
            else:
                for one in written:
                    tally.count(one)
        for number, item in again:
            self._write_alone(message, item, number, tally)

    def _write_chunk(self, message: Message, items: Sequence[Item]) -> list[Written]:
        with self.store.write() as transaction:
            session, writer = self._writer(transaction)
            written = [self._write(writer, message, item) for item in items]
            session.flush()
            return written

    def _sift(self, message: Message, chunk: Sequence[Item], number: int, tally: _Tally) -> list[Item]:
        """Return the records of a chunk that their forms accept; note the faults of the others."""
        good = []
        with self.store.rehearse() as transaction:
            for item in chunk:
                _, writer = self._writer(transaction)
                try:
                    self._write(writer, message, item)
                except Refused as refused:
                    tally.errors += [(number, fault) for fault in refused.faults]
                else:
                    good.append(item)
        return good

    def _write_alone(self, message: Message, item: Item, number: int, tally: _Tally) -> None:
        try:
            [written] = self._write_chunk(message, [item])
        except WriteFailed as failed:
            tally.errors.append((number, replace(failed.fault, pointer=item.pointer)))
        except Refused as refused:
            tally.errors += [(number, fault) for fault in refused.faults]
        else:
            tally.count(written)

    def _write(self, writer: Writer, message: Message, item: Item) -> Written:
        update = item.meta.get("update") is True
        if not self._allows(message.resource, item):
            title, detail = "action not allowed exception", 'The "create" action is not allowed.'
            raise Refused(Fault(405, title, detail, item.pointer))
        rights = Rights(self.catalogue, message.permissions)
        if not rights.may(message.resource.type, "edit" if update else "create"):
            raise Refused(replace(NO_ACCESS, pointer=item.pointer))
        check(item, message.resource.type)
        return writer.write(item, message.resource, update=update)

    def _allows(self, resource: Resource, item: Item) -> bool:
        return item.meta.get("update") is True or "create" in resource.actions

    def _writer(self, transaction: Transaction) -> tuple[Session, Writer]:
        session = Session(transaction, self.catalogue, self.clock())
        return session, Writer(session, self.profile, self.store.terms)

    def _taken(self, operation_id: int) -> tuple[Record, Message]:
        with self.store.read() as transaction:
            operation = transaction.get("asyncoperations", operation_id)
            kept = next(_messages(transaction, operation_id), None)
        if operation is None or kept is None:
            raise LookupError(f"operation {operation_id} has no message in the queue")
        resource = self.catalogue[operation.attributes["entityType"]]
        message = Message(resource, kept.attributes["document"], kept.attributes["permissions"])
        return operation, message

    def _end(self, operation: Record, status: str, tally: _Tally, started: float, *, keep: bool) -> Record:
        """Give an operation its outcome; store it and its errors where it is kept."""
        operation.attributes.update(
            status=status,
            progress=1,
            updatedAt=to_text(self.clock()),
            summary={
                "aggregateTime": int((time.monotonic() - started) * 1000),
                "readCount": tally.read,
                "writeCount": tally.written,
                "errorCount": len(tally.errors),
                "createCount": tally.created,
                "updateCount": tally.updated,
            },
        )
        with self.store.write() as transaction:
            _remove(transaction, operation.id, with_operation=not keep)
            if keep:
                transaction.update(operation)
                for number, (chunk, fault) in enumerate(tally.errors, 1):
                    attributes = {"key": f"{operation.id}-{chunk}-{number}", **_error_attributes(fault)}
                    transaction.insert("asyncoperationerrors", attributes, {"operation": str(operation.id)})
        return operation

    def _forget(self, operation_id: int) -> None:
        with self.store.write() as transaction:
            _remove(transaction, operation_id, with_operation=True)


def _remove(transaction: Transaction, operation_id: int, *, with_operation: bool) -> None:
    """Take an operation's message out of the queue, and the operation itself where nobody may ask for it."""
    for message in _messages(transaction, operation_id):
        transaction.delete("queue", message.id)
    if with_operation:
        transaction.delete("asyncoperations", operation_id)


def _messages(transaction: Transaction, operation_id: int) -> Iterator[Record]:
    yield from transaction.select("queue", "json_extract(relations, '$.operation') = ?", (str(operation_id),))


def _error_attributes(fault: Fault) -> Mapping[str, Any]:
    source = {"pointer": fault.pointer} if fault.pointer is not None else None
    return {"status": fault.status, "title": fault.title, "detail": fault.detail, "source": source}
