"""OroCommerce's back-office API: lists, records, writes, batches and their operations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal, Self, Unpack
from urllib.parse import quote

import httpx

from rebound_oro_pipeline.clients import jsonapi
from rebound_oro_pipeline.clients.around_records import read_around
from rebound_oro_pipeline.clients.errors import Call, MalformedAnswer, Reason, Refused
from rebound_oro_pipeline.clients.http import Channel, HttpOptions
from rebound_oro_pipeline.clients.jsonapi import EVERY_FIELD, MEDIA_TYPE, Document, Filters, Page, Selection
from rebound_oro_pipeline.clients.oro_auth import ClientCredentials
from rebound_oro_pipeline.clients.paging import read_to_end

PAGE_SIZE: Final = 250
"""Rows of a page: beyond it nothing is gained, and OroCommerce's own default is 10."""
SYNC_RECORDS: Final = 100
"""Most records of a synchronous batch; one more, and its operation fails without a word."""
SYNC_INCLUDED: Final = 50
"""Most included records of a synchronous batch."""
ABSENT_ID: Final = "2147483647"
"""The last id that a column can hold: no record has it, so that what is asked of it tells of the API alone."""

Mode = Literal["sync", "async"]
_FINISHED: Final = frozenset({"success", "failed", "cancelled"})
_Parameters = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Operation:
    """A batch in OroCommerce's queue.

    Its word is no proof: `success` may have written nothing.
    """

    id: str
    status: str

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen; until then its records must be sent no other way."""
        return self.status in _FINISHED


@dataclass(frozen=True, slots=True)
class Batch:
    """The answer to a batch: the written records in request order, or the operation that is to write them."""

    records: tuple[dict[str, Any], ...] = ()
    operation: Operation | None = None


class OroClient:
    """The API's words, one method each; synchronous, and safe to use from many threads.

    Every method raises the errors of `clients.errors`. Reads are retried, writes only where nothing was
    sent; every write takes a `request_id`, which is sent as `X-Request-Id` and carried by the error. Those
    that rest on what was read take `not_after`, the time by `time.monotonic()` at which they are no longer
    sent, but raise NotSent.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        *,
        api_prefix: str = "/admin/api",
        **options: Unpack[HttpOptions],
    ) -> None:
        self._channel = Channel("oro", base_url, **options)
        self._auth = ClientCredentials(self._channel, client_id, client_secret)
        self._prefix = [part for part in api_prefix.split("/") if part]
        self._largest_pages: dict[str, int] = {}
        self._readers = ThreadPoolExecutor(self._channel.max_connections, thread_name_prefix="oro-pages")

    @property
    def connections(self) -> int:
        """How many requests may be under way at once."""
        return self._channel.max_connections

    @property
    def clock_ahead(self) -> timedelta:
        """By how much our clock was ahead of OroCommerce's when it answered last; negative: behind."""
        return self._channel.clock_ahead

    def close(self) -> None:
        """Stop fetching ahead and close all connections."""
        self._readers.shutdown(wait=True, cancel_futures=True)
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def pages(
        self,
        resource: str,
        *,
        filters: Filters | None = None,
        selection: Selection = EVERY_FIELD,
        sort: Sequence[str] = ("id",),
        page_size: int | None = PAGE_SIZE,
        around_failures: bool = False,
    ) -> Iterator[Document]:
        """Yield the list's documents to its end, every record once, none of them empty.

        `page_size` None: for resources without paging (the enums, `ordersubtotals`), which answer 400 to
        `page[…]`; unsorted, and in one document except in releases that page them. Pages are smaller where the
        shop limits them. Raises PagingError where fewer records came than OroCommerce counts.
        `around_failures`: a record over which OroCommerce stumbles is marked (`around_records`) instead of ending it.
        """
        if page_size is not None:
            parameters = jsonapi.query(resource, filters=filters, selection=selection, sort=sort)
            brief = None
            if around_failures:
                least = {kind: names[:1] for kind, names in selection.fields.items() if kind == resource}
                brief = jsonapi.query(resource, filters=filters, selection=Selection(fields=least), sort=sort)
            return self._paged(self._path(resource), parameters, page_size, brief)
        parameters = jsonapi.query(resource, filters=filters, selection=selection)
        return self._unpaged(self._path(resource), parameters)

    def get(self, resource: str, record_id: str, *, selection: Selection = EVERY_FIELD) -> Document:
        """Return the document of one record. Raises NotFound."""
        call = Call.new("oro", "GET", self._path(resource, record_id))
        return self._read(call, jsonapi.query(resource, selection=selection))

    def create(self, resource: str, document: Document, *, request_id: str | None = None) -> Document:
        """Create a record with what it includes, and return it.

        With `meta.upsert` an existing one is updated, with `meta.validate` nothing is stored.
        """
        call = Call.new("oro", "POST", self._path(resource), request_id)
        return self._channel.send(call, jsonapi.read_record, repeatable=False, **self._write(document))

    def update(
        self,
        resource: str,
        record_id: str,
        document: Document,
        *,
        request_id: str | None = None,
        not_after: float | None = None,
    ) -> Document:
        """Change the attributes named and return the record as it now is."""
        call = Call.new("oro", "PATCH", self._path(resource, record_id), request_id)
        return self._channel.send(
            call, jsonapi.read_record, repeatable=False, not_after=not_after, **self._write(document)
        )

    def batch(
        self,
        resource: str,
        document: Document,
        *,
        mode: Mode = "sync",
        request_id: str | None = None,
        not_after: float | None = None,
    ) -> Batch:
        """Send many records at once: all or none in `sync` mode, each for itself in `async` mode.

        A synchronous batch may come back as an operation too: failed (limits, a unique value taken; no
        record named), or still to run, if no message consumer took it within 25 s. Raises Refused with
        `record_index` where a record is named.
        """
        call = Call.new("oro", "PATCH", self._path(resource), request_id)
        request = self._write(document)
        if mode == "sync":
            request["headers"]["X-Mode"] = "sync"
        return self._channel.send(call, _read_batch, repeatable=False, not_after=not_after, **request)

    def operation(self, operation_id: str) -> Operation:
        """Return an operation as it stands. Raises NotFound: those of finished sync batches are deleted."""
        call = Call.new("oro", "GET", self._path("asyncoperations", operation_id))
        return _operation(call, self._read(call, []))

    def operation_errors(self, operation_id: str) -> list[Reason]:
        """Return an operation's errors, each with its `record_index`. Raises NotFound like `operation`."""
        path = self._path("asyncoperations", operation_id, "errors")
        return [
            jsonapi.reason(row.get("attributes") or {})
            for document in self._paged(path, [], SYNC_RECORDS)
            for row in document["data"]
        ]

    def _paged(
        self, path: str, parameters: _Parameters, size: int, brief: _Parameters | None = None
    ) -> Iterator[Document]:
        allowed = min(size, self._largest_pages.get(path, size))
        try:
            yield from self._in_pages_of(allowed, path, parameters, brief)
        except Refused as error:
            # The first page is refused like any other, so that nothing has been yielded.
            largest = jsonapi.largest_page(error)
            if largest is None or not 0 < largest < allowed:
                raise
        else:
            return
        self._largest_pages[path] = largest
        yield from self._in_pages_of(largest, path, parameters, brief)

    def _in_pages_of(
        self, size: int, path: str, parameters: _Parameters, brief: _Parameters | None
    ) -> Iterator[Document]:
        def ask(number: int, size: int, *, briefly: bool = False) -> Page:
            page = [("page[number]", str(number)), ("page[size]", str(size))]
            return self._page(path, [*(brief if briefly and brief else parameters), *page])

        def fetch(number: int) -> Page:
            return ask(number, size) if brief is None else read_around(ask, number, size)

        return read_to_end(fetch, size=size, executor=self._readers, what=f"oro: {path}")

    def _unpaged(self, path: str, parameters: _Parameters) -> Iterator[Document]:
        page = self._page(path, parameters)
        if page.total is not None and len(page.rows) < page.total:
            # Enums have pages in every release but 6.1, of ten rows unless more are asked for.
            yield from self._paged(path, parameters, PAGE_SIZE)
        elif page.rows:
            yield page.document

    def _page(self, path: str, parameters: _Parameters) -> Page:
        return self._channel.send(
            Call.new("oro", "GET", path),
            jsonapi.read_page,
            repeatable=True,
            params=parameters,
            headers={"Accept": MEDIA_TYPE, "X-Include": "totalCount;noHateoas"},
            auth=self._auth,
        )

    def _read(self, call: Call, parameters: _Parameters) -> Document:
        headers = {"Accept": MEDIA_TYPE, "X-Include": "noHateoas"}
        return self._channel.send(
            call, jsonapi.read_record, repeatable=True, params=parameters, headers=headers, auth=self._auth
        )

    def _write(self, document: Document) -> dict[str, Any]:
        headers = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE, "X-Include": "noHateoas"}
        return {"content": jsonapi.encode(document), "headers": headers, "auth": self._auth}

    def _path(self, *parts: str) -> str:
        return "/" + "/".join([*self._prefix, *(quote(part, safe="") for part in parts)])


def _read_batch(call: Call, response: httpx.Response) -> Batch:
    # The type says what came back, not the status: an operation is a single record, written records are a
    # list.
    document = jsonapi.read_document(call, response)
    if isinstance(document["data"], list):
        jsonapi.check_records(call, document["data"])
        return Batch(records=tuple(document["data"]))
    return Batch(operation=_operation(call, document))


def _operation(call: Call, document: Document) -> Operation:
    data = document["data"]
    attributes = data.get("attributes") if isinstance(data, dict) else None
    if isinstance(attributes, dict) and data.get("type") == "asyncoperations" and "status" in attributes:
        return Operation(id=str(data["id"]), status=str(attributes["status"]))
    raise MalformedAnswer(
        f"{call} was answered with something else than an operation", request_id=call.request_id
    )
