"""How the API refuses: JSON:API error objects, and the answers that have no body at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One error as Oro words it; `detail` None is not shown."""

    status: int
    title: str
    detail: str | None = None
    pointer: str | None = None
    parameter: str | None = None

    def document(self) -> dict[str, Any]:
        """Return the JSON:API error object; its status is text."""
        found: dict[str, Any] = {"status": str(self.status), "title": self.title}
        if self.detail is not None:
            found["detail"] = self.detail
        if self.pointer is not None:
            found["source"] = {"pointer": self.pointer}
        elif self.parameter is not None:
            found["source"] = {"parameter": self.parameter}
        return found

    def plain(self) -> dict[str, Any]:
        """Return the error as requests without the JSON:API `Accept` get it: no status, a bare source."""
        found = {"title": self.title, "detail": self.detail, "source": self.parameter or self.pointer}
        return {name: value for name, value in found.items() if value is not None}


class Refused(Exception):  # noqa: N818 - an answer, not a failure of this program
    """The request is answered with errors, and nothing is written; the status is the first fault's."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(f"{fault.status} {fault.title}: {fault.detail}" for fault in faults))
        self.faults: Sequence[Fault] = faults


class Wordless(Exception):  # noqa: N818
    """The request is answered with a status and an empty body (401, 405, the list of operations)."""

    def __init__(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} without a body")
        self.status = status
        self.headers = dict(headers or {})


class WriteFailed(Exception):  # noqa: N818
    """The database refuses what the entity did not check: named in a single request, nameless in a batch."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.status} {fault.title}")
        self.fault = fault


@dataclass(slots=True)
class Faults:
    """Faults collected while a request is checked."""

    found: list[Fault] = field(default_factory=list)

    def add(self, title: str, detail: str, pointer: str, status: int = 400) -> None:
        """Add a fault that points into the body."""
        self.found.append(Fault(status, title, detail, pointer))

    def refuse(self) -> None:
        """Raise Refused if there is any fault."""
        if self.found:
            raise Refused(*self.found)


NOT_FOUND = Fault(404, "not found http exception", "An entity with the requested identifier does not exist.")
NO_ACCESS = Fault(403, "access denied exception", "No access to this type of entities.")
CONFLICT = Fault(409, "conflict constraint", "The entity already exists.")
NOT_NULL = Fault(500, "not null constraint violation exception")
DRIVER = Fault(500, "driver exception")
