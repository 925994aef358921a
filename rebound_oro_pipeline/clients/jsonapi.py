"""JSON:API as OroCommerce speaks it: media type, queries, documents in and out, error objects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, DecimalException
from typing import Any, Final, NoReturn, TypeAlias

import httpx

from rebound_oro_pipeline.clients.errors import (
    AnswerLost,
    Call,
    MalformedAnswer,
    Reason,
    Refused,
    from_status,
    said,
)
from rebound_oro_pipeline.clients.http import retry_after

MEDIA_TYPE: Final = "application/vnd.api+json"
"""Both `Accept` and `Content-Type`, never with a parameter: `; charset=utf-8` is answered 415."""

Document: TypeAlias = dict[str, Any]
"""A JSON:API document (`data`, perhaps `included`). Numbers with a fraction are `Decimal`, never float."""
Scalar: TypeAlias = str | int | bool | Decimal | datetime
FilterValue: TypeAlias = Scalar | Sequence[Scalar]
Filters: TypeAlias = Mapping[str, FilterValue | Mapping[str, FilterValue]]
"""`{"identifier": ["A", "B"]}` or, with operators, `{"updatedAt": {"gte": start, "lt": end}}`."""

_LARGEST_PAGE: Final = re.compile(r"The value should be less than or equals to (\d{1,9})\.")


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked of a record: relations to include, and fields by resource type; all of a type not named."""

    include: Sequence[str] = ()
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __or__(self, other: Selection) -> Selection:
        """Return what holds both."""
        kinds = dict.fromkeys([*self.fields, *other.fields])
        return Selection(
            include=list(dict.fromkeys([*self.include, *other.include])),
            fields={
                kind: list(dict.fromkeys([*self.fields.get(kind, ()), *other.fields.get(kind, ())]))
                for kind in kinds
            },
        )


EVERY_FIELD: Final = Selection()
"""Of each record all its fields, and no record besides."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `total` is the number of rows in the whole list where the answer tells it."""

    document: Document
    total: int | None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The primary records of the page."""
        rows: list[dict[str, Any]] = self.document["data"]
        return rows


def query(
    resource: str,
    *,
    filters: Filters | None = None,
    selection: Selection = EVERY_FIELD,
    sort: Sequence[str] = (),
) -> list[tuple[str, str]]:
    """Return the query parameters; raise ValueError for what OroCommerce would answer wrongly in silence.

    An included relation must be among the fields of its type, else nothing is included; a sort must end
    with the id, else rows of equal rank change places between pages.
    """
    parameters = []
    for name, condition in (filters or {}).items():
        if isinstance(condition, Mapping):
            for operator, value in condition.items():
                parameters.append((f"filter[{name}][{operator}]", _filter_text(name, value, operator)))
        else:
            parameters.append((f"filter[{name}]", _filter_text(name, condition)))
    named = selection.fields.get(resource)
    for path in selection.include:
        if named is not None and path.partition(".")[0] not in named:
            raise ValueError(f"fields[{resource}] lacks {path!r}, which is to be included")
    if selection.include:
        parameters.append(("include", ",".join(selection.include)))
    parameters += [(f"fields[{kind}]", ",".join(names)) for kind, names in selection.fields.items()]
    if sort:
        if sort[-1].removeprefix("-") != "id":
            raise ValueError(
                f"the sort of {resource} must end with 'id' to be stable between pages, got {sort!r}"
            )
        parameters.append(("sort", ",".join(sort)))
    return parameters


def is_listable(value: str) -> bool:
    """Whether a value can be one of several in a filter.

    OroCommerce splits a list at its commas, knows no quoting, and refuses blanks.
    """
    return bool(value.strip()) and "," not in value


def in_lists(values: Iterable[str], *, count: int = 100, length: int = 4000) -> Iterator[list[str]]:
    """Yield the values, each once, in lists that fit a filter: at most `count`, and `length` bytes of a URL.

    What is not listable is left out: no record can be asked for by it.
    """
    chunk: list[str] = []
    size = 0
    for value in dict.fromkeys(value for value in values if is_listable(value)):
        encoded = len(str(httpx.QueryParams({"": value})))
        if chunk and (len(chunk) == count or size + encoded > length):
            yield chunk
            chunk, size = [], 0
        chunk.append(value)
        size += encoded
    if chunk:
        yield chunk


def largest_page(error: Refused) -> int | None:
    """Return the rows of the largest page where a shop's limit (`max_entities`, `max_results`) is exceeded, or None."""
    for reason in error.reasons:
        told = _LARGEST_PAGE.fullmatch(reason.detail or "")
        if told and reason.parameter == "page[size]":
            return int(told[1])
    return None


def _filter_text(name: str, value: FilterValue, operator: str = "eq") -> str:
    if isinstance(value, str | int | Decimal | datetime):
        return _scalar_text(name, value, operator)
    texts = [_scalar_text(name, each, operator) for each in value]
    if not texts:
        raise ValueError(f"filter[{name}] has an empty list; it asks for nothing, so do not ask")
    if bad := [text for text in texts if not is_listable(text)]:
        raise ValueError(f"filter[{name}] cannot ask for {bad[0]!r} in a list: blank, or with a comma")
    return ",".join(texts)


def _scalar_text(name: str, value: Scalar, operator: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"filter[{name}] needs a time with its zone")
        # Times are kept to the second there: an upper bound is rounded up, so that no row falls out of the
        # window.
        up = operator in {"lt", "lte"} and value.microsecond
        moment = value.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1 if up else 0)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return plain(value) if isinstance(value, Decimal) else str(value)


def plain(value: Decimal) -> str:
    """Return a decimal in plain notation; OroCommerce refuses exponents (`1e3`)."""
    if not value.is_finite():
        raise ValueError(f"{value} is no number that can be sent")
    return format(value, "f")


def encode(document: Mapping[str, Any]) -> bytes:
    """Return a document as bytes, decimals as plain strings; raise TypeError for a float (never exact)."""
    return json.dumps(_sendable(document), ensure_ascii=False, separators=(",", ":")).encode()


def _sendable(value: object) -> object:
    # Nearly all that is sent; asking an abstract class of each text costs more than the request.
    if value is None or type(value) is str:
        return value
    if isinstance(value, Mapping):
        return {str(key): _sendable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_sendable(each) for each in value]
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, float):
        raise TypeError(f"the float {value!r} is not exact; send a Decimal or a string")
    return value


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def parse(call: Call, response: httpx.Response) -> Any:
    """Return the answer's JSON, fractions as `Decimal`.

    Raises AnswerLost for a document that is cut short, MalformedAnswer for what is none.
    """
    try:
        return json.loads(response.content, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError, DecimalException) as error:
        cut_short = _is_cut_short(response.content.strip(), error)
    if cut_short:
        raise AnswerLost(
            f"{call} was answered {response.status_code} with JSON that ends too early "
            f"({len(response.content)} bytes)",
            status=response.status_code,
            request_id=call.request_id,
        )
    if response.content.lstrip().startswith(b"<"):
        found = "a web page; are the base URL and the API prefix right, and is the API switched on?"
    else:
        found = f"no JSON ({len(response.content)} bytes)"
    raise MalformedAnswer(
        f"{call} was answered {response.status_code} with {found}",
        status=response.status_code,
        request_id=call.request_id,
    )


def _is_cut_short(body: bytes, error: Exception) -> bool:
    """Whether a body is the beginning of a JSON document: a connection that ends without a word cuts it off there."""
    if not body.startswith((b"{", b"[")) or isinstance(error, RecursionError | DecimalException):
        return False
    at_its_end = isinstance(error, json.JSONDecodeError) and error.pos >= len(error.doc.rstrip())
    return at_its_end or not body.endswith((b"}", b"]"))


def reasons(body: bytes) -> list[Reason]:
    """Return the error objects of an answer: a JSON:API document or a bare list.

    None in an empty body (401, 405, the errors of an operation that is gone) or a web page.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return []
    if isinstance(found, dict):
        found = found.get("errors")
    return [reason(each) for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def reason(error: Mapping[str, Any]) -> Reason:
    """Return one error object; `status` is a string in answers, an int in the errors of an operation."""
    source = error.get("source")
    source = source if isinstance(source, dict) else {"parameter": source}
    place = source.get("parameter") or source.get("propertyPath")
    status = str(error.get("status") or "")
    return Reason(
        title=said(error.get("title") or "error"),
        detail=None if error.get("detail") is None else said(error["detail"]),
        pointer=None if source.get("pointer") is None else said(source["pointer"]),
        parameter=None if place is None else said(place),
        status=int(status) if status.isdecimal() else None,
    )


def read_document(call: Call, response: httpx.Response) -> Document:
    """Return the document of a 2xx answer, else raise the error it means."""
    if not response.is_success:
        hint = ""
        if response.status_code == 401:
            hint = "a token just issued is refused; is the user of the OAuth application active?"
        elif response.status_code == 405:
            hint = f"allowed are {response.headers.get('Allow', 'no methods')}"
        told = reasons(response.content)
        if response.status_code == 403 and not told:
            hint = "without a reason of OroCommerce's: does a firewall before it refuse our address, or the text?"
        raise from_status(call, response.status_code, told, retry_after=retry_after(response), hint=hint)
    document = parse(call, response)
    if isinstance(document, dict) and "data" in document:
        return document
    raise MalformedAnswer(
        f"{call} was answered {response.status_code} without a 'data' member",
        status=response.status_code,
        request_id=call.request_id,
    )


def read_record(call: Call, response: httpx.Response) -> Document:
    """Return the document of a 2xx answer whose `data` is one record, else raise the error it means."""
    document = read_document(call, response)
    if not _is_record(document["data"]):
        raise MalformedAnswer(
            f"{call} was answered with something else than a record", request_id=call.request_id
        )
    return document


def check_records(call: Call, data: object) -> None:
    """Raise MalformedAnswer where `data` is something else than a list of records."""
    if not isinstance(data, list) or not all(map(_is_record, data)):
        raise MalformedAnswer(
            f"{call} was answered with something else than a list of records", request_id=call.request_id
        )


def _is_record(data: object) -> bool:
    return isinstance(data, dict) and "id" in data


def read_page(call: Call, response: httpx.Response) -> Page:
    """Return the page of a 2xx answer; the total stands in a header, and only where it was asked for."""
    document = read_document(call, response)
    check_records(call, document["data"])
    total = response.headers.get("X-Include-Total-Count", "")
    return Page(document, int(total) if total.isdecimal() else None)
