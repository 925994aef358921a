"""What can go wrong in a call, as one tree.

    ApiError                     retryable  outcome_unknown
    ├── NotSent                      x               nothing left this machine: name, connection, TLS
    │   └── NoToken                  x               no access token for now: the request was not sent
    ├── AnswerLost                   x        x      sent, at least in part, but no whole answer came
    ├── AuthenticationError                          the credentials are refused: nobody may try again
    ├── Refused                                      4xx: the other side says no and why
    │   ├── Forbidden                                403: a permission is missing, or a closed order
    │   ├── NotFound                                 404
    │   ├── NotAllowed                               405: this resource knows no such action
    │   └── Conflict                                 409: it exists already, or more than once
    ├── Busy                         x               429: refused unseen; come back after `retry_after`
    │   └── ServerError              x        x      5xx, and 408: it may have been executed
    ├── MalformedAnswer                       x      an answer that is not what the API promises
    └── PagingError                  x               the pages do not add up to the announced total

Both marks belong to the class. `retryable`: the same request may succeed later. `outcome_unknown`: it
cannot be told whether a write took place, so read back before writing again (of a read it says nothing).
Messages name the call and the answer's own words; they never hold query values, bodies, tokens or
credentials.
"""

# ruff: noqa: N818 - a name says what happened; that it is an error says the root

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http.client import responses
from typing import ClassVar
from uuid import uuid4

from rebound_oro_pipeline.contracts.values import storable

_RECORD = re.compile(r"^/(data|included)/(\d+)(?:/|$)")
_SHOWN = 3  # reasons named in a message; `reasons` has all of them
_LONGEST_WORDS = 2000  # of one member of a reason, in characters
_NOT_SUPPORTED = "The filter is not supported."
_NO_ACCESS = "No access to this type of entities."


@dataclass(frozen=True, slots=True)
class Call:
    """What may be said of a request in logs and errors; `request_id` is sent along as `X-Request-Id`."""

    system: str
    method: str
    path: str
    request_id: str

    @classmethod
    def new(cls, system: str, method: str, path: str, request_id: str | None = None) -> Call:
        """Return a call with the given request id, or with a fresh one."""
        return cls(system, method, path, request_id or uuid4().hex)

    def __str__(self) -> str:
        return f"{self.system}: {self.method} {self.path}"


def said(value: object) -> str:
    """Return words of the other side as they can be stored and shown: without NUL, and not without end."""
    text = storable(str(value))
    return text if len(text) <= _LONGEST_WORDS else f"{text[: _LONGEST_WORDS - 3]}..."


@dataclass(frozen=True, slots=True)
class Reason:
    """One error object of an answer, in the other side's own words.

    `pointer` is the place in the document sent, `parameter` the one in the query; where an answer is no
    JSON:API document, `parameter` holds the place as it was named.
    """

    title: str
    detail: str | None = None
    pointer: str | None = None
    parameter: str | None = None
    status: int | None = None

    @property
    def record_index(self) -> int | None:
        """Position in `data` of the batch sent (from 0), or None where the error names no record."""
        return self._index("data")

    @property
    def included_index(self) -> int | None:
        """Position in `included` of the document sent (from 0), or None."""
        return self._index("included")

    @property
    def forbids_the_type(self) -> bool:
        """Whether the user lacks the permission for the whole type, whichever record of a batch is named."""
        return self.detail == _NO_ACCESS

    def _index(self, member: str) -> int | None:
        found = _RECORD.match(self.pointer or "")
        return int(found[2]) if found and found[1] == member else None

    def __str__(self) -> str:
        place = self.pointer or self.parameter
        text = self.title if self.detail is None else f"{self.title}: {self.detail}"
        return f"{text} (at {place})" if place else text


class ApiError(Exception):
    """Root of the tree. `retry_after` is in seconds; `status` is the answer's, if there was one."""

    retryable: ClassVar[bool] = False
    outcome_unknown: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        reasons: Iterable[Reason] = (),
    ) -> None:
        super().__init__(storable(message))
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        self.reasons: tuple[Reason, ...] = tuple(reasons)

    @property
    def record_index(self) -> int | None:
        """Position in `data` of the first record that a reason names; None where no record is named."""
        return next((r.record_index for r in self.reasons if r.record_index is not None), None)


class NotSent(ApiError):
    """Nothing reached the other side; also a write may be sent again."""

    retryable = True


class NoToken(NotSent):
    """The token endpoint is out of order for now; the request that needed the token was not sent."""


class AnswerLost(ApiError):
    """The request went out and no whole answer came back: none at all, or a document that is cut short."""

    retryable = True
    outcome_unknown = True


class AuthenticationError(ApiError):
    """The other side does not accept who we are. Final: repeating it may lock the account or the address."""


class Refused(ApiError):
    """4xx: nothing was written; `reasons` hold title, detail and pointer of every error named."""

    @property
    def forbids_the_type(self) -> bool:
        """Whether it speaks of the user and not of the record that it names: no other one would be taken either."""
        return any(reason.forbids_the_type for reason in self.reasons)

    def does_not_know(self, parameter: str | None = None) -> bool:
        """Whether the release has no such filter, or no such fields, as this parameter names (None: any)."""
        return any(
            reason.detail == _NOT_SUPPORTED and parameter in (None, reason.parameter)
            for reason in self.reasons
        )


class Forbidden(Refused):
    """403: a missing permission, or an order that is closed and therefore locked."""


class NotFound(Refused):
    """404: no such record, no such resource, or an operation that is gone."""


class NotAllowed(Refused):
    """405, with an empty body in OroCommerce: also an update batch whose record lacks `meta.update`."""


class Conflict(Refused):
    """409: a unique value is taken, as after a lost answer to a create; or the type does not match the path."""


class Busy(ApiError):
    """429: a rate limit refused the request before it was looked at."""

    retryable = True


class ServerError(Busy):
    """The server failed. OroCommerce also answers 500 to a record that violates a database constraint."""

    outcome_unknown = True


class MalformedAnswer(ApiError):
    """An answer that cannot be read: a web page, a redirect, broken JSON, a missing member."""

    outcome_unknown = True


class PagingError(ApiError):
    """Rows moved between pages faster than they could be read, twice."""

    retryable = True


_BY_STATUS: dict[int, type[ApiError]] = {
    401: AuthenticationError,
    403: Forbidden,
    404: NotFound,
    405: NotAllowed,
    408: ServerError,
    409: Conflict,
    429: Busy,
}


def from_status(
    call: Call,
    status: int,
    reasons: Sequence[Reason] = (),
    *,
    retry_after: float | None = None,
    hint: str = "",
) -> ApiError:
    """Return the error that an answer with `status` (not 2xx) means."""
    if status >= 500:
        kind: type[ApiError] = ServerError
    elif status >= 400:
        kind = _BY_STATUS.get(status, Refused)
    else:
        kind, hint = MalformedAnswer, hint or "redirected elsewhere: is the base URL right?"
    words = "; ".join(str(reason)[:300] for reason in reasons[:_SHOWN])
    if len(reasons) > _SHOWN:
        words += f"; and {len(reasons) - _SHOWN} more"
    message = ": ".join(
        part
        for part in (f"{call} was answered {status} {responses.get(status, '')}".strip(), words, hint)
        if part
    )
    return kind(message, status=status, request_id=call.request_id, retry_after=retry_after, reasons=reasons)
