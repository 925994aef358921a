"""A request and its answer, without the web server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rebound_oro_pipeline.sandbox.oro.errors import Refused, Wordless, WriteFailed

JSON_API = "application/vnd.api+json"


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request; header names in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    origin: str = "http://localhost"
    """Scheme and host that the client used, for links."""

    @property
    def json_api(self) -> bool:
        """Whether the client accepts JSON:API; else Oro takes the request for plain REST."""
        accepted = (part.strip() for part in self.headers.get("accept", "").split(","))
        return JSON_API in accepted

    @property
    def wanted(self) -> frozenset[str]:
        """The keys of `X-Include`."""
        return frozenset(key.strip() for key in self.headers.get("x-include", "").split(";"))


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response; body None is an empty one."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(reason: Refused | Wordless | WriteFailed, *, json_api: bool) -> Answer:
    """Return the answer for a refused request, in the shape that this kind of request gets."""
    media_type = {"Content-Type": JSON_API if json_api else "application/json"}
    if isinstance(reason, Wordless):
        return Answer(reason.status, None, {**media_type, **reason.headers})
    faults = reason.faults if isinstance(reason, Refused) else [reason.fault]
    body: object = [fault.plain() for fault in faults]
    if json_api:
        body = {"errors": [fault.document() for fault in faults]}
    return Answer(faults[0].status, body, media_type)
