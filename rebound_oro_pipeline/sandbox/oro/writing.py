"""Answers POST, PATCH and DELETE requests, of single records and of batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from rebound_oro_pipeline.sandbox.oro.batches import Batches
from rebound_oro_pipeline.sandbox.oro.calls import Answer
from rebound_oro_pipeline.sandbox.oro.catalogue import Catalogue
from rebound_oro_pipeline.sandbox.oro.database import JsonObject, Record, Transaction
from rebound_oro_pipeline.sandbox.oro.documents import Renderer
from rebound_oro_pipeline.sandbox.oro.envelope import Item, read_body, single
from rebound_oro_pipeline.sandbox.oro.errors import Fault, Refused, Wordless
from rebound_oro_pipeline.sandbox.oro.operations import Message
from rebound_oro_pipeline.sandbox.oro.profiles import Profile
from rebound_oro_pipeline.sandbox.oro.query import Query
from rebound_oro_pipeline.sandbox.oro.scope import Scope
from rebound_oro_pipeline.sandbox.oro.session import Session
from rebound_oro_pipeline.sandbox.oro.store import OroStore
from rebound_oro_pipeline.sandbox.oro.writer import Writer, Written, echo


@dataclass(frozen=True, slots=True)
class Writing:
    """Writes, or lets Oro's queue write."""

    store: OroStore
    catalogue: Catalogue
    profile: Profile
    clock: Callable[[], datetime]
    batches: Batches

    def create(self, scope: Scope) -> Answer:
        """Answer `POST /type`: 201, or 200 where an upsert found its record."""
        item = single(_document(scope), scope.resource.type, None)
        return self._write(scope, item, update=False)

    def update(self, scope: Scope, record_id: str) -> Answer:
        """Answer `PATCH /type/id`."""
        item = single(_document(scope), scope.resource.type, record_id)
        return self._write(scope, item, update=True)

    def delete(self, scope: Scope, record_id: str) -> Answer:
        """Answer `DELETE /type/id`."""
        with self.store.write() as transaction:
            session, writer = self._writer(transaction)
            writer.delete(scope.resource, record_id)
            session.flush()
        return Answer(204)

    def relate(self, scope: Scope, record_id: str, name: str) -> Answer:
        """Answer `PATCH /type/id/relationships/name` of a to-one relation that may be written."""
        relation = scope.resource.relations.get(name)
        if relation is None or relation.many or not relation.writable:
            raise Wordless(405, {"Allow": "OPTIONS, GET"})
        document = read_body(scope.call.body)
        with self.store.write() as transaction:
            session, writer = self._writer(transaction)
            writer.relate(scope.resource, record_id, name, document.get("data"))
            session.flush()
        return Answer(204)

    def batch(self, scope: Scope) -> Answer:
        """Answer `PATCH /type`: a batch, waited for with the header `X-Mode: sync`."""
        message = Message(scope.resource, _document(scope), scope.rights.permissions)
        query = scope.query()

        def render(transaction: Transaction, written: Sequence[Written]) -> JsonObject:
            renderer = scope.renderer(transaction, query, self.clock())
            rendered: dict[int, JsonObject] = {}
            for one in written:
                resource = renderer.resource(one.draft.record)
                if one.item.id is not None:
                    resource["meta"] = {"dataId": one.item.id}
                rendered[one.draft.record.id] = resource
            included = _echo(renderer, written)
            return {"data": list(rendered.values())} | ({"included": included} if included else {})

        def render_operation(operation: Record) -> JsonObject:
            with self.store.read() as transaction:
                return scope.renderer(transaction, Query(), self.clock()).resource(operation)

        synchronous = self.profile.sync_batch and scope.call.headers.get("x-mode", "").lower() == "sync"
        return self.batches.submit(message, render, render_operation, synchronous=synchronous)

    def _write(self, scope: Scope, item: Item, *, update: bool) -> Answer:
        query = scope.query()
        rehearsal = self._is_rehearsal(scope, item)
        with self.store.rehearse() if rehearsal else self.store.write() as transaction:
            session, writer = self._writer(transaction)
            written = writer.write(item, scope.resource, update=update)
            created, record = written.created, written.draft.record
            session.flush()
            renderer = scope.renderer(transaction, query, self.clock())
            document: JsonObject = {"data": renderer.resources([record])[0]}
            if renderer.base is not None:
                document["links"] = {"self": f"{renderer.base}/{record.type}"}
            included = [*_echo(renderer, [written]), *renderer.included([record])]
            if included:
                document["included"] = included
        if not created:
            document.pop("links", None)
            return scope.answer(document)
        return scope.answer(document, 201, {"Location": f"{scope.address}/{record.type}/{record.key}"})

    def _is_rehearsal(self, scope: Scope, item: Item) -> bool:
        if item.meta.get("validate") is not True or not self.profile.dry_run:
            return False
        if not scope.resource.dry_run:
            raise Refused(Fault(400, "value constraint", "The option is not supported.", "/meta/validate"))
        return True

    def _writer(self, transaction: Transaction) -> tuple[Session, Writer]:
        session = Session(transaction, self.catalogue, self.clock())
        return session, Writer(session, self.profile, self.store.terms)


def _document(scope: Scope) -> JsonObject:
    document = read_body(scope.call.body)
    if not scope.call.json_api:
        extra = ", ".join(f'"{name}"' for name in document)
        detail = f"This form should not contain extra fields: {extra}."
        raise Refused(Fault(400, "extra fields constraint", detail))
    return document


def _echo(renderer: Renderer, written: Sequence[Written]) -> list[JsonObject]:
    """Return what the request included, as it is stored now, with the ids that the request used."""
    found = []
    for include_id, draft in echo(written):
        resource = renderer.resource(draft.record)
        resource["meta"] = {"includeId": include_id}
        found.append(resource)
    return found
