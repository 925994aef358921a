"""Reading a numbered list to its end although rows come, go and move meanwhile.

OroCommerce pages by offset only: a row that leaves an earlier page pulls the later ones forward, one over
the edge of a page already read, and a row that arrives pushes one across it a second time. So rows met
twice are dropped, and a sweep that met fewer rows than it announced is made once more for the missing ones.

What no offset can show: a row passed over while another, not announced, took its place in the count. Callers
that must not miss a row for long ask for windows that overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, Future

from rebound_oro_pipeline.clients.errors import PagingError
from rebound_oro_pipeline.clients.jsonapi import Document, Page

_Seen = set[tuple[str, str]]


def read_to_end(
    fetch: Callable[[int], Page], *, size: int, executor: Executor, what: str
) -> Iterator[Document]:
    """Yield the documents of all pages, every row once, the next page being fetched while the caller works.

    `fetch` reads the page of a number (from 1) with `size` rows. Raises PagingError where fewer rows came
    than were announced, also when reading again.
    """
    seen: _Seen = set()
    met, total = yield from _sweep(fetch, size, executor, seen)
    if total is not None and met < total:
        met, total = yield from _sweep(fetch, size, executor, seen)
    check_total(met, total, what)


def check_total(count: int, total: int | None, what: str) -> None:
    """Raise PagingError where fewer rows came than were announced."""
    if total is not None and count < total:
        raise PagingError(
            f"{what}: {count} of {total} announced rows could be read; the list changes too fast"
        )


def _sweep(
    fetch: Callable[[int], Page], size: int, executor: Executor, seen: _Seen
) -> Generator[Document, None, tuple[int, int | None]]:
    """Read from the first page to the last, yield what was not seen before; return rows met and announced."""
    met: _Seen = set()
    number = 1
    page = fetch(number)
    total = page.total
    following: Future[Page] | None = None
    try:
        while True:
            rows = {(str(row.get("type")), str(row["id"])): row for row in page.rows}
            nothing_new = met.issuperset(rows)
            met.update(rows)
            complete = total is None or len(met) >= total
            # A first page that holds all there is needs no second; after that only a short one is the last.
            last = nothing_new or (
                complete and (len(page.rows) < size or (number == 1 and total is not None))
            )
            if not last:
                number += 1
                following = executor.submit(fetch, number)
            if fresh := [row for key, row in rows.items() if key not in seen]:
                seen.update(rows)
                yield {**page.document, "data": fresh}
            if following is None:
                return len(met), total
            page, following = following.result(), None
    finally:
        if following is not None:
            following.cancel()
