"""OroCommerce's client: pages, writes and batches as one sees them from outside."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import httpx
import pytest

from rebound_oro_pipeline.clients import errors
from rebound_oro_pipeline.clients.oro import Batch, OroClient

RECORD = {"data": {"type": "t", "id": "1", "attributes": {"amount": Decimal("1.10")}}}


def page_too_large(largest):
    """Return what a shop with a limit of its own answers with 400."""
    detail = f"The value should be less than or equals to {largest}."
    return {
        "errors": [
            {
                "status": "400",
                "title": "filter constraint",
                "detail": detail,
                "source": {"parameter": "page[size]"},
            }
        ]
    }


def serve(network, answer, count, *, default_size=None, largest=None):
    """Answer as a shop with `count` rows, sorted by id."""

    def respond(request: httpx.Request) -> httpx.Response:
        params = request.url.params
        size = int(params.get("page[size]", default_size))
        if largest is not None and size > largest:
            return answer(400, page_too_large(largest))
        start = (int(params.get("page[number]", 1)) - 1) * size
        rows = [{"type": "t", "id": str(n)} for n in range(count)][start : start + size]
        return answer(200, {"data": rows}, {"X-Include-Total-Count": str(count)})

    network.answer = respond


def test_a_list_is_read_to_its_end(network, answer, oro):
    serve(network, answer, 23)
    found = [row["id"] for page in oro.pages("t", page_size=10) for row in page["data"]]
    assert found == [str(n) for n in range(23)]
    assert [r.url.params["page[number]"] for r in network.requests] == ["1", "2", "3"]


def test_many_lists_are_read_at_once(network, answer, oro):
    serve(network, answer, 40)
    with ThreadPoolExecutor(12) as threads:
        lists = list(threads.map(lambda _: list(oro.pages("t", page_size=7)), range(12)))
    assert all(sum(len(page["data"]) for page in pages) == 40 for pages in lists)
    assert len(network.tokens) == 1


def test_a_page_that_fails_for_a_while_is_read_in_the_end(network, answer, oro):
    serve(network, answer, 23)
    honest = network.answer
    met = set()

    def fail_first(request):
        number = request.url.params["page[number]"]
        if number in met:
            return honest(request)
        met.add(number)
        return httpx.ReadError("cut") if number == "2" else answer(503, None)

    network.answer = fail_first
    assert sum(len(page["data"]) for page in oro.pages("t", page_size=10)) == 23
    assert len(network.requests) == 6


def test_a_resource_without_paging_is_asked_without_it(network, answer, oro):
    """The enums answer 400 to `page[…]`."""
    network.script(answer(200, {"data": [{"type": "orderstatuses", "id": "open"}]}))
    assert len(list(oro.pages("orderstatuses", page_size=None))) == 1
    assert network.requests[0].url.query == b""


def test_a_list_without_paging_that_is_cut_short_is_told(network, answer, oro):
    network.answer = lambda _: answer(
        200, {"data": [{"type": "t", "id": "1"}]}, {"X-Include-Total-Count": "2"}
    )
    with pytest.raises(errors.PagingError):
        list(oro.pages("t", page_size=None))


def test_a_list_that_has_pages_in_some_releases_is_read_to_its_end(network, answer, oro):
    """Enums have pages in 6.0 and 7.0: who asks for none gets the first ten rows."""
    serve(network, answer, 23, default_size=10)
    found = [row["id"] for page in oro.pages("orderstatuses", page_size=None) for row in page["data"]]
    assert found == [str(n) for n in range(23)]
    assert "sort" not in network.requests[-1].url.params


def test_pages_are_as_small_as_the_shop_wants_them(network, answer, oro):
    """`max_entities`, or `max_results` of an entity, is a setting of the shop."""
    serve(network, answer, 23, largest=10)
    for _ in range(2):
        found = [row["id"] for page in oro.pages("t", page_size=20) for row in page["data"]]
        assert found == [str(n) for n in range(23)]
    assert [r.url.params["page[size]"] for r in network.requests] == ["20", *["10"] * 6]


@pytest.mark.parametrize("largest", [0, 20])
def test_a_limit_that_cannot_be_kept_to_is_an_error(largest, network, answer, oro):
    network.answer = lambda _: answer(400, page_too_large(largest))
    with pytest.raises(errors.Refused, match=f"less than or equals to {largest}"):
        list(oro.pages("t", page_size=20))
    assert len(network.requests) == 1


def test_an_empty_list_has_no_documents(network, answer, oro):
    network.answer = lambda _: answer(200, {"data": []}, {"X-Include-Total-Count": "0"})
    assert list(oro.pages("t")) == []
    assert list(oro.pages("t", page_size=None)) == []


def test_a_wrong_question_is_refused_where_it_is_asked(oro):
    """Not at the first page, which may be far away."""
    with pytest.raises(ValueError, match="must end with 'id'"):
        oro.pages("t", sort=["updatedAt"])


def test_an_id_cannot_lead_elsewhere(network, answer, oro):
    network.script(answer(200, RECORD | {"data": {"type": "t", "id": "x"}}))
    oro.get("orders", "../users/1?x=y")
    assert network.requests[0].url.raw_path == b"/admin/api/orders/..%2Fusers%2F1%3Fx%3Dy"


def test_the_prefix_of_the_back_office_is_a_setting(network):
    transport = httpx.MockTransport(network)
    with OroClient("https://oro.example/shop", "i", "s", api_prefix="api", transport=transport) as client:
        list(client.pages("t"))
    assert network.requests[0].url.path == "/shop/api/t"


def test_what_is_sent_is_the_callers_document_with_plain_decimals(network, answer, oro):
    network.script(answer(201, {"data": {"type": "t", "id": "1"}}))
    oro.create("t", RECORD)
    assert network.requests[0].content == b'{"data":{"type":"t","id":"1","attributes":{"amount":"1.10"}}}'


def test_a_batch_is_synchronous_only_where_asked(network, answer, oro):
    network.answer = lambda _: answer(200, {"data": []})
    assert oro.batch("t", {"data": []}) == Batch()
    oro.batch("t", {"data": []}, mode="async")
    assert [r.headers.get("X-Mode") for r in network.requests] == ["sync", None]
    assert {r.method for r in network.requests} == {"PATCH"}


@pytest.mark.parametrize(
    "data",
    [
        {"type": "t", "id": "1"},
        {"type": "asyncoperations", "id": "1", "attributes": {}},
        {"type": "asyncoperations", "id": "1"},
        None,
    ],
)
def test_an_operation_that_is_none_is_malformed(data, network, answer, oro):
    network.script(answer(202, {"data": data}))
    with pytest.raises(errors.MalformedAnswer, match="something else than an operation"):
        oro.batch("t", {"data": []})


def test_the_errors_of_an_operation_are_read_in_pages(network, answer, oro):
    """With `page[size]=-1` OroCommerce answers 500."""
    rows = [
        {"type": "asyncoperationerrors", "id": f"1-1-{n}", "attributes": {"title": "t", "status": 400}}
        for n in range(150)
    ]

    def respond(request: httpx.Request) -> httpx.Response:
        start = (int(request.url.params["page[number]"]) - 1) * 100
        return answer(200, {"data": rows[start : start + 100]})

    network.answer = respond
    assert len(oro.operation_errors("1")) == 150


def test_an_operation_that_is_gone_is_not_found(network, answer, oro):
    """Its errors answer with an empty body."""
    network.answer = lambda _: answer(404, None)
    with pytest.raises(errors.NotFound):
        oro.operation("9")
    with pytest.raises(errors.NotFound):
        oro.operation_errors("9")


def test_closing_ends_the_fetching_ahead(network, answer):
    serve(network, answer, 100)
    with OroClient("https://oro.example", "i", "s", transport=httpx.MockTransport(network)) as client:
        next(client.pages("t", page_size=10))
    asked = len(network.requests)
    assert asked <= 2


@pytest.mark.parametrize("data", [None, [], {}, "1", [{"type": "t", "id": "1"}]])
@pytest.mark.parametrize(
    "send",
    [
        lambda oro: oro.get("t", "1"),
        lambda oro: oro.create("t", RECORD),
        lambda oro: oro.update("t", "1", RECORD),
    ],
)
def test_an_answer_without_its_record_is_malformed(send, data, network, answer, oro):
    network.script(answer(200, {"data": data}))
    with pytest.raises(errors.MalformedAnswer):
        send(oro)


@pytest.mark.parametrize("data", [[None], ["1"], [{"type": "t"}]])
def test_a_batch_whose_records_are_none_is_malformed(data, network, answer, oro):
    network.script(answer(200, {"data": data}))
    with pytest.raises(errors.MalformedAnswer):
        oro.batch("t", {"data": []})
