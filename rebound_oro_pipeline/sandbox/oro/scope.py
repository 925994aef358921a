"""One request, once it is known who asks for which resource type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rebound_oro_pipeline.sandbox.oro.access import Rights
from rebound_oro_pipeline.sandbox.oro.calls import JSON_API, Answer, Call
from rebound_oro_pipeline.sandbox.oro.catalogue import Catalogue
from rebound_oro_pipeline.sandbox.oro.database import Transaction
from rebound_oro_pipeline.sandbox.oro.documents import Renderer
from rebound_oro_pipeline.sandbox.oro.query import Query, Reader
from rebound_oro_pipeline.sandbox.oro.schema import Resource


@dataclass(frozen=True, slots=True)
class Scope:
    """A call with its resource type, the rights of the caller and the API's address."""

    call: Call
    resource: Resource
    rights: Rights
    catalogue: Catalogue
    address: str

    @property
    def base(self) -> str | None:
        """Address for links; None where the client wants none."""
        return None if "noHateoas" in self.call.wanted else self.address

    def query(self, raw: str | None = None) -> Query:
        """Read the query string (or the part of it that is given); raises Refused."""
        text = self.call.query if raw is None else raw
        return Reader(self.resource, self.catalogue, self.rights.viewable).parse(text)

    def renderer(self, transaction: Transaction, query: Query, now: datetime) -> Renderer:
        """Return what renders records for this request."""
        return Renderer(
            transaction,
            self.catalogue,
            query,
            self.rights.viewable,
            now,
            self.base,
            hidden=self.rights.hidden,
        )

    def answer(
        self, document: dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return an answer in the shape that was asked for: JSON:API, or plain REST without it."""
        if self.call.json_api:
            return Answer(status, document, {"Content-Type": JSON_API, **(headers or {})})
        data = document["data"]
        body: Any = [_flat(item) for item in data] if isinstance(data, list) else _flat(data)
        return Answer(status, body, {"Content-Type": "application/json"})


def _flat(item: dict[str, Any]) -> dict[str, Any]:
    """Return a resource object as plain REST shows it: one level, relations as ids."""
    relations = {}
    for name, relation in item.get("relationships", {}).items():
        data = relation["data"]
        relations[name] = [target["id"] for target in data] if isinstance(data, list) else data and data["id"]
    return {"id": item["id"], **item.get("attributes", {}), **relations}
