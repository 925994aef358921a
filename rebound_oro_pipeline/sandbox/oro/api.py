"""The API's entrance: who asks, for what, and which of its answers that is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import unquote

from rebound_oro_pipeline.sandbox.oro.access import TOKEN_PATH, Access
from rebound_oro_pipeline.sandbox.oro.batches import Batches
from rebound_oro_pipeline.sandbox.oro.calls import JSON_API, Answer, Call, refusal
from rebound_oro_pipeline.sandbox.oro.catalogue import catalogue
from rebound_oro_pipeline.sandbox.oro.deliveries import Deliveries
from rebound_oro_pipeline.sandbox.oro.errors import Fault, Refused, Wordless, WriteFailed
from rebound_oro_pipeline.sandbox.oro.operations import Operations
from rebound_oro_pipeline.sandbox.oro.profiles import PROFILES
from rebound_oro_pipeline.sandbox.oro.reading import Reading
from rebound_oro_pipeline.sandbox.oro.scope import Scope
from rebound_oro_pipeline.sandbox.oro.store import OroStore
from rebound_oro_pipeline.sandbox.oro.writing import Writing

_COLLECTION = {"GET": "get_list", "HEAD": "get_list", "POST": "create", "PATCH": "update_list"}
_RECORD = {"GET": "get", "HEAD": "get", "PATCH": "update", "DELETE": "delete"}
_RIGHTS = {
    "get": "view",
    "get_list": "view",
    "create": "create",
    "update": "edit",
    "delete": "delete",
}


class Api:
    """Answers calls; safe to use from many threads."""

    def __init__(
        self,
        store: OroStore,
        *,
        profile: str,
        clock: Callable[[], datetime],
        queue_wait_seconds: float,
        token_expires_in: int,
        prefix: str,
    ) -> None:
        release = PROFILES[profile]
        self._catalogue = catalogue(profile)
        self._prefix = prefix
        self._access = Access(store, clock, token_expires_in)
        operations = Operations(store, self._catalogue, release, clock)
        self._batches = Batches(store, operations, queue_wait_seconds)
        self._deliveries = Deliveries(store, self._catalogue, clock)
        self._reading = Reading(store, clock)
        self._writing = Writing(store, self._catalogue, release, clock, self._batches)

    def handle(self, call: Call) -> Answer:
        """Answer one call."""
        if call.path == TOKEN_PATH:
            return self._access.token(call) if call.method == "POST" else Answer(405)
        fault = _media_type_fault(call)
        try:
            return self._answer(call, fault)
        except (Refused, Wordless, WriteFailed) as reason:
            return refusal(reason, json_api=call.json_api and fault is None)

    def stop(self) -> None:
        """Stop the consumer of the queue, and what it sends."""
        self._batches.stop()
        self._deliveries.stop()

    def _answer(self, call: Call, media_type_fault: Fault | None) -> Answer:
        if not call.path.startswith(f"{self._prefix}/"):
            raise Wordless(404)
        rights = self._access.rights(call, self._catalogue)
        if media_type_fault is not None:
            raise Refused(media_type_fault)
        path = call.path.removeprefix(f"{self._prefix}/").rstrip("/")
        type_name, *rest = path.split("/")
        resource = self._catalogue.get(type_name)
        if resource is None:
            detail = f"Unknown entity type: {type_name}."
            raise Refused(Fault(404, "entity type constraint", detail))
        if call.query and not call.json_api:
            parameter = unquote(call.query.partition("=")[0])
            raise Refused(
                Fault(400, "filter constraint", "The filter is not supported.", parameter=parameter)
            )
        scope = Scope(call, resource, rights, self._catalogue, f"{call.origin}{self._prefix}")
        if call.method == "OPTIONS":
            return Answer(200, None, {"Allow": resource.allowed_methods(collection=not rest)})
        if not rest:
            return self._collection(scope)
        return self._record(scope, rest[0]) if len(rest) == 1 else self._beyond(scope, rest)

    def _collection(self, scope: Scope) -> Answer:
        resource = scope.resource
        if resource.type == "asyncoperations":
            raise Wordless(404)
        action = _COLLECTION.get(scope.call.method, "")
        if action not in resource.actions:
            raise Wordless(405, {"Allow": resource.allowed_methods(collection=True)})
        if action == "update_list":
            scope.rights.require_batches()
            return self._writing.batch(scope)
        scope.rights.require(resource.type, _RIGHTS[action])
        return self._writing.create(scope) if action == "create" else self._reading.collection(scope)

    def _record(self, scope: Scope, record_id: str) -> Answer:
        resource = scope.resource
        action = _RECORD.get(scope.call.method, "")
        if action not in resource.actions:
            raise Wordless(405, {"Allow": resource.allowed_methods(collection=False)})
        scope.rights.require(resource.type, _RIGHTS[action])
        if action == "update":
            return self._writing.update(scope, record_id)
        if action == "delete":
            return self._writing.delete(scope, record_id)
        return self._reading.record(scope, record_id)

    def _beyond(self, scope: Scope, rest: Sequence[str]) -> Answer:
        """Answer the routes of relations: `/type/id/name` and `/type/id/relationships/name`."""
        record_id, *path = rest
        identifiers = path[0] == "relationships" and len(path) == 2
        if not identifiers and len(path) != 1:
            raise Wordless(404)
        if scope.call.method in {"GET", "HEAD"}:
            scope.rights.require(scope.resource.type, "view")
            return self._reading.related(scope, record_id, path[-1], identifiers=identifiers)
        if scope.call.method == "PATCH" and identifiers and "update" in scope.resource.actions:
            scope.rights.require(scope.resource.type, "edit")
            return self._writing.relate(scope, record_id, path[-1])
        raise Wordless(405, {"Allow": "OPTIONS, GET, PATCH" if identifiers else "OPTIONS, GET"})


def _media_type_fault(call: Call) -> Fault | None:
    media_type, parameters, _ = call.headers.get("content-type", "").partition(";")
    if media_type.strip() != JSON_API or not parameters:
        return None
    detail = 'The "Content-Type" request header should contain JSON:API media type without any parameters.'
    return Fault(415, "unsupported media type http exception", detail)
