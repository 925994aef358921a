"""Laws of reading a list to its end while it changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebound_oro_pipeline.clients.errors import PagingError
from rebound_oro_pipeline.clients.jsonapi import Page
from rebound_oro_pipeline.clients.paging import read_to_end


class Shop:
    """A list in a fixed order; what happens to it is done after the page of its turn was read."""

    def __init__(self, rows, size, events=(), *, counts=True):
        self.rows = list(rows)
        self.size = size
        self.events = list(events)
        self.counts = counts
        self.reads = []

    def fetch(self, number):
        self.reads.append(number)
        start = (number - 1) * self.size
        rows = [{"type": "t", "id": str(row)} for row in self.rows[start : start + self.size]]
        page = Page({"data": rows}, len(self.rows) if self.counts else None)
        if self.events:
            self.events.pop(0)(self.rows)
        return page


def read(shop):
    with ThreadPoolExecutor(1) as executor:
        documents = list(read_to_end(shop.fetch, size=shop.size, executor=executor, what="list"))
    assert all(document["data"] for document in documents)
    return [int(row["id"]) for document in documents for row in document["data"]]


sizes = st.integers(1, 7)
counts = st.integers(0, 30)
places = st.lists(st.integers(0, 40), max_size=6)


@given(count=counts, size=sizes, told=st.booleans())
def test_a_list_at_rest_is_read_once_in_its_order(count, size, told):
    shop = Shop(range(count), size, counts=told)
    assert read(shop) == list(range(count))
    assert len(shop.reads) <= count // size + 1


@given(count=counts, size=st.integers(2, 7), places=places)
def test_rows_that_arrive_anywhere_hide_none(count, size, places):
    """One between two pages; a whole page of them looks like a server that does not turn pages."""
    arrive = [lambda rows, i=i, at=at: rows.insert(at, 1000 + i) for i, at in enumerate(places)]
    found = read(Shop(range(count), size, arrive))
    assert len(found) == len(set(found))
    assert set(range(count)) <= set(found)


@given(count=counts, size=sizes, growth=st.lists(st.integers(0, 5), max_size=6))
def test_rows_that_arrive_at_the_end_do_no_harm(count, size, growth):
    grow = [lambda rows, by=by: rows.extend(range(len(rows), len(rows) + by)) for by in growth]
    found = read(Shop(range(count), size, grow))
    assert found == list(range(len(found)))
    assert len(found) >= count


@given(count=st.integers(1, 30), size=sizes, places=places)
def test_rows_that_move_to_the_end_are_found_or_missed_aloud(count, size, places):
    """As in a list sorted by its time of change."""
    move = [lambda rows, at=at: rows.append(rows.pop(at % len(rows))) for at in places]
    try:
        found = read(Shop(range(count), size, move))
    except PagingError:
        return
    assert sorted(found) == list(range(count))


@given(count=st.integers(8, 30), size=sizes, places=places)
def test_rows_that_leave_are_missed_aloud_or_hide_none(count, size, places):
    leave = [lambda rows, at=at: rows.pop(at % len(rows)) for at in places]
    shop = Shop(range(count), size, leave)
    try:
        found = read(shop)
    except PagingError:
        return
    assert len(found) == len(set(found))
    assert set(shop.rows) <= set(found)


def test_one_row_that_leaves_is_repaired_by_reading_again():
    shop = Shop(range(10), 5, [lambda rows: rows.pop(0)])
    assert sorted(read(shop)) == list(range(10))
    assert shop.reads == [1, 2, 3, 1, 2]


def test_a_list_that_never_holds_what_it_announces_is_an_error():
    shop = Shop(range(3), 5)
    honest = shop.fetch
    shop.fetch = lambda number: Page(honest(number).document, 4)
    with pytest.raises(PagingError, match="list: 3 of 4 announced rows"):
        read(shop)
    assert shop.reads == [1, 2, 1, 2]


def test_a_server_that_always_answers_the_first_page_is_an_error_and_no_loop():
    shop = Shop(range(10), 5)
    honest = shop.fetch
    shop.fetch = lambda _: honest(1)
    with pytest.raises(PagingError):
        read(shop)
    assert len(shop.reads) == 4


def test_a_server_that_gives_smaller_pages_than_asked_is_read_to_the_end():
    """A shop may cap the size of its pages."""
    shop = Shop(range(10), 3)
    with ThreadPoolExecutor(1) as executor:
        documents = list(read_to_end(shop.fetch, size=5, executor=executor, what="list"))
    assert [int(row["id"]) for document in documents for row in document["data"]] == list(range(10))


def test_a_first_page_that_holds_everything_is_the_only_one():
    shop = Shop(range(5), 5)
    assert read(shop) == list(range(5))
    assert shop.reads == [1]


def test_the_next_page_is_fetched_while_the_caller_works():
    shop = Shop(range(12), 5)
    with ThreadPoolExecutor(1) as executor:
        pages = read_to_end(shop.fetch, size=5, executor=executor, what="list")
        next(pages)
        executor.submit(lambda: None).result(timeout=5)
        assert shop.reads == [1, 2]
        pages.close()
    assert shop.reads == [1, 2]


def test_nothing_is_fetched_before_it_is_asked_for():
    shop = Shop(range(12), 5)
    with ThreadPoolExecutor(1) as executor:
        read_to_end(shop.fetch, size=5, executor=executor, what="list")
    assert shop.reads == []


def test_what_goes_wrong_on_a_page_is_told_where_the_page_is_due():
    shop = Shop(range(12), 5, [lambda _: None, lambda _: 1 / 0])
    with ThreadPoolExecutor(1) as executor:
        pages = read_to_end(shop.fetch, size=5, executor=executor, what="list")
        assert len(next(pages)["data"]) == 5
        with pytest.raises(ZeroDivisionError):
            next(pages)
