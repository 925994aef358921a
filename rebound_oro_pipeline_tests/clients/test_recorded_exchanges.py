"""The clients against what a real OroCommerce answered (recorded/exchanges)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from rebound_oro_pipeline.clients import errors
from rebound_oro_pipeline.clients.jsonapi import Selection
from rebound_oro_pipeline.clients.oro import Batch, Operation, OroClient

EXCHANGES = Path(__file__).parents[1] / "recorded" / "exchanges"

# The clients cannot send these on purpose.
NEVER_SENT = {
    "err_broken_json": "a body that is no JSON",
    "err_content_type_charset": "a media type with a parameter",
    "err_wrong_content_type": "another media type",
    "get_no_accept": "no Accept header",
    "get_plain_json_accept": "another Accept header",
    "err_delete_level": "nothing is ever deleted",
    "err_put": "nothing is ever PUT",
    "err_token_grant": "another grant; its answer is replayed in test_oro_token",
    "create_order_tax_discount_shipping": "orders are never written, and fractions never sent as numbers",
    "orders_page_with_links": "a page from the middle of a list",
    "patch_shipping_status_relationship": "orders are never written",
    "patch_closed_order_relationship": "orders are never written",
    "async_errors_unpaged_500": "the errors of an operation are read in pages; replayed by hand below",
    "err_no_token": "a request always carries a token",
}
KINDS = {
    400: errors.Refused,
    401: errors.AuthenticationError,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.NotAllowed,
    409: errors.Conflict,
    500: errors.ServerError,
}


def names() -> list[str]:
    found = sorted(path.stem for path in EXCHANGES.glob("*.json"))
    return [n for n in found if n not in NEVER_SENT and not n.startswith(("webhook_delivery", "token"))]


def send(oro: OroClient, request: dict[str, Any]) -> Any:
    """Make the recorded request through the client."""
    path = urlsplit(request["path"]).path.removeprefix("/admin/api/").split("/")
    if request["method"] == "GET":
        if path[-1] == "errors":
            return oro.operation_errors(path[1])
        if path[0] == "asyncoperations":
            return oro.operation(path[1])
        return list(oro.pages(path[0], page_size=None)) if len(path) == 1 else oro.get(path[0], path[1])
    if request["method"] == "POST":
        return oro.create(path[0], request["body"])
    if len(path) == 2:
        return oro.update(path[0], path[1], request["body"])
    sync = request["headers"].get("X-Mode") == "sync"
    return oro.batch(path[0], request["body"], mode="sync" if sync else "async")


@pytest.mark.parametrize("name", names())
def test_the_client_understands_every_recorded_answer(name, exchange, network, answer, oro):
    record = exchange(name)
    recorded = record["response"]
    network.answer = lambda _: answer(recorded["status"], recorded["body"], recorded["headers"])

    if recorded["status"] < 300:
        result = send(oro, record["request"])
        assert_means(recorded, result)
    else:
        with pytest.raises(KINDS[recorded["status"]]) as caught:
            send(oro, record["request"])
        told = (recorded["body"] or {}).get("errors", [])
        assert [
            (r.title, r.detail, r.pointer or r.parameter, str(r.status)) for r in caught.value.reasons
        ] == [
            (e["title"], e.get("detail"), next(iter(e.get("source", {}).values()), None), e["status"])
            for e in told
        ]
        assert caught.value.status == recorded["status"]

    assert_sent_as_recorded(record["request"], network.requests[0])


def assert_means(recorded: dict[str, Any], result: Any) -> None:
    body = recorded["body"]
    if isinstance(result, Batch) and result.operation is None:
        assert list(result.records) == body["data"]
    elif isinstance(result, Batch):
        assert_is_operation(body, result.operation)
    elif isinstance(result, list) and body["data"] and body["data"][0]["type"] == "asyncoperationerrors":
        assert [(r.detail, r.status) for r in result] == [
            (row["attributes"]["detail"], row["attributes"]["status"]) for row in body["data"]
        ]
    elif isinstance(result, list):
        assert [row["id"] for document in result for row in document["data"]] == [
            row["id"] for row in body["data"]
        ]
    elif isinstance(result, dict):
        assert json.loads(json.dumps(result, default=float)) == body
    else:
        assert_is_operation(body, result)


def assert_is_operation(body: dict[str, Any], operation: Operation) -> None:
    assert (operation.id, operation.status) == (body["data"]["id"], body["data"]["attributes"]["status"])


def assert_sent_as_recorded(recorded: dict[str, Any], sent: Any) -> None:
    """Compare method, path, body and headers; the queries of reads have tests of their own."""
    assert sent.method == recorded["method"]
    assert sent.url.path == urlsplit(recorded["path"]).path
    for header in ("Content-Type", "Accept", "X-Mode"):
        assert sent.headers.get(header) == recorded["headers"].get(header)
    if recorded["body"] is not None:
        assert json.loads(sent.content) == recorded["body"]


@pytest.mark.parametrize(
    ("name", "resource", "asked"),
    [
        (
            "products_by_sku_list",
            "products",
            {
                "filters": {"sku": ["SKU-022", "SKU-009", "SKU-021"]},
                "selection": Selection(
                    include=["unitPrecisions", "taxCode"],
                    fields={
                        "products": [
                            "sku",
                            "productType",
                            "unitPrecisions",
                            "taxCode",
                            "status",
                            "inventory_status",
                            "primaryUnitPrecision",
                            "kitItems",
                        ],
                        "productunitprecisions": ["precision", "conversionRate", "sell", "unit"],
                    },
                ),
            },
        ),
        (
            "inventorylevels_by_sku_list",
            "inventorylevels",
            {
                "filters": {"product.sku": ["SKU-022", "SKU-009", "SKU-021"]},
                "selection": Selection(include=["product"], fields={"products": ["sku"]}),
            },
        ),
        ("note_find_by_number", "reboundcreditnotes", {"filters": {"creditNoteNumber": "CN-1"}}),
    ],
)
def test_a_query_is_built_as_recorded(name, resource, asked, exchange, network, answer, oro):
    record = exchange(name)
    body, headers = record["response"]["body"], record["response"]["headers"]
    network.answer = lambda _: answer(200, body, headers)

    rows = [row for document in oro.pages(resource, **asked) for row in document["data"]]

    assert rows == body["data"]
    sent = dict(network.requests[0].url.params)
    assert sent.pop("sort") == "id"
    assert sent.pop("page[number]") == "1"
    assert sent.pop("page[size]") == "250"
    assert sent == dict(parse_qsl(urlsplit(record["request"]["path"]).query))
    assert network.requests[0].headers["X-Include"] == "totalCount;noHateoas"


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("batch_sync_invalid_item", 0),
        ("levels_batch_sync_one_bad", 2),
        ("levels_batch_sync_one_unknown", 3),
        ("consumer_probe", 0),
        ("batch_sync_same_twice", None),
        ("levels_batch_without_update_meta", None),
    ],
)
def test_a_refused_batch_names_its_record(name, index, exchange, network, answer, oro):
    record = exchange(name)
    network.script(answer(record["response"]["status"], record["response"]["body"]))
    with pytest.raises(errors.Refused) as caught:
        send(oro, record["request"])
    assert caught.value.record_index == index


def test_an_included_record_is_named_too(exchange, network, answer, oro):
    record = exchange("batch_sync_same_twice")
    network.script(answer(record["response"]["status"], record["response"]["body"]))
    with pytest.raises(errors.Refused) as caught:
        send(oro, record["request"])
    assert caught.value.reasons[0].included_index == 1


def test_the_errors_of_an_operation_name_their_records(exchange, network, answer, oro):
    body = exchange("async_partial_failure_errors")["response"]["body"]
    network.script(answer(200, body))
    found = oro.operation_errors("21")
    assert [reason.record_index for reason in found] == [101, 60, 100, 102]
    assert [reason.status for reason in found] == [400, 409, 500, 500]


@pytest.mark.parametrize(
    ("name", "finished"),
    [
        ("batch_sync_fallback_to_async", False),
        ("batch_sync_one_duplicate", True),
        ("batch_sync_too_many", True),
        ("async_partial_failure", False),
    ],
)
def test_an_operation_tells_whether_it_is_still_to_run(name, finished, exchange, network, answer, oro):
    record = exchange(name)
    network.script(answer(202, record["response"]["body"]))
    operation = send(oro, record["request"]).operation
    assert operation.is_finished is finished


@pytest.mark.parametrize(("name", "exists"), [("note_create_duplicate", True), ("err_wrong_type", False)])
def test_not_every_conflict_says_that_a_record_exists(name, exists, exchange, network, answer, oro):
    """409 is also answered where the type does not match the path."""
    record = exchange(name)
    network.script(answer(409, record["response"]["body"]))
    with pytest.raises(errors.Conflict) as caught:
        send(oro, record["request"])
    says_so = "The entity already exists." in [reason.detail for reason in caught.value.reasons]
    assert says_so is exists


def test_a_list_that_is_no_jsonapi_document_is_understood(exchange, network, answer, oro):
    """A wrong media type is answered with a bare list of errors, without a status in it."""
    recorded = exchange("err_content_type_charset")["response"]
    network.script(answer(recorded["status"], recorded["body"], recorded["headers"]))
    with pytest.raises(errors.Refused, match="should contain JSON:API media type") as caught:
        oro.create("reboundcreditnotes", {"data": {}})
    assert caught.value.status == 415


def test_the_unpaged_errors_of_an_operation_are_a_server_error(exchange, network, answer, oro):
    recorded = exchange("async_errors_unpaged_500")["response"]
    network.answer = lambda _: answer(recorded["status"], recorded["body"])
    with pytest.raises(errors.ServerError, match="error exception"):
        oro.operation_errors("21")
