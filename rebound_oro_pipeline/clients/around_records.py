"""Reading a page of which OroCommerce cannot give a record: the others, and of that one which it is.

It answers 500 to the whole page where it stumbles over a single record of it (one whose taxes it cannot work out, say,
or that points to something that was deleted), at every try. So the page is read in smaller ones, down to the records.
Of one that fails alone its id is asked for, and nothing that would have to be worked out: where that is answered it is
the record that fails, and where not, or for more than MOST of a page, it is OroCommerce.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from rebound_oro_pipeline.clients.errors import ServerError
from rebound_oro_pipeline.clients.jsonapi import Page
from rebound_oro_pipeline.contracts.jsonapi_resources import NOT_GIVEN

MOST: Final = 3
"""Records of one page over which OroCommerce may stumble."""


class Ask(Protocol):
    """Asks for a page of a list by its number (from 1) and size, `briefly` without what would have to be worked out."""

    def __call__(self, number: int, size: int, *, briefly: bool = False) -> Page:
        """Return the page; raise the error that the answer means."""


def read_around(ask: Ask, number: int, size: int) -> Page:
    """Return a page, its records that cannot be given marked; raise the error of the page where it is not they."""
    failed: list[ServerError] = []
    pages = list(_parts(ask, number, size, failed))
    rows = [row for page in pages for row in page.rows]
    included = [each for page in pages for each in page.document.get("included") or ()]
    return Page({**pages[0].document, "data": rows, "included": included}, pages[0].total)


def _parts(ask: Ask, number: int, size: int, failed: list[ServerError]) -> Iterator[Page]:
    """Yield the pages that make up one page, as large as they can be read."""
    try:
        yield ask(number, size)
    except ServerError as error:
        if error.status != 500:
            raise
        if size == 1:
            failed.append(error)
            if len(failed) > MOST:
                raise failed[0] from None
            yield _marked(ask, number, error)
            return
    else:
        return
    parts = _smallest_factor(size)
    for part in range(parts):
        yield from _parts(ask, (number - 1) * parts + part + 1, size // parts, failed)


def _marked(ask: Ask, number: int, error: ServerError) -> Page:
    try:
        page = ask(number, 1, briefly=True)
    except ServerError:
        raise error from None
    rows = [{**row, "meta": {NOT_GIVEN: str(error)}} for row in page.rows]
    return Page({**page.document, "data": rows}, page.total)


def _smallest_factor(size: int) -> int:
    return next(factor for factor in range(2, size + 1) if size % factor == 0)
