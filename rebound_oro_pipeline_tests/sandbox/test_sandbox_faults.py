"""Faults on request, each shown over a real socket."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from rebound_oro_pipeline.sandbox.faults import Faults
from rebound_oro_pipeline_tests.sandbox_process import Box, sandbox

JSON_API = "application/vnd.api+json"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with sandbox(tmp_path_factory.mktemp("faults"), orders=60, returns=50) as box:
        yield box


@pytest.fixture
def box(running: Box) -> Iterator[Box]:
    running.clear_faults()
    yield running
    running.clear_faults()


@pytest.fixture
def oro(box: Box) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {box.oro_token()}", "Accept": JSON_API}
    with httpx.Client(base_url=f"{box.oro_url}/admin/api", headers=headers) as client:
        yield client


def note(number: str) -> dict[str, Any]:
    amounts = dict.fromkeys(("netAmount", "taxAmount", "shippingAmount", "totalAmount"), "1.00")
    return {
        "data": {
            "type": "reboundcreditnotes",
            "attributes": {"creditNoteNumber": number, "returnId": "1", "currency": "USD", **amounts},
            "relationships": {"order": {"data": {"type": "orders", "id": "1"}}},
        }
    }


def create(oro: httpx.Client, number: str) -> httpx.Response:
    return oro.post("/reboundcreditnotes", json=note(number), headers={"Content-Type": JSON_API})


def exists(oro: httpx.Client, number: str) -> bool:
    found = oro.get("/reboundcreditnotes", params={"filter[creditNoteNumber]": number}).raise_for_status()
    return bool(found.json()["data"])


def test_too_many_requests_are_refused_with_a_time_to_wait(box: Box, oro: httpx.Client) -> None:
    box.control("faults", {"kind": "429", "count": 2, "retry_after": 7})
    answers = [oro.get("/orders/1") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "7"


@pytest.mark.parametrize("kind", ["500", "503"])
def test_a_server_error_is_a_page_and_nothing_is_executed(box: Box, oro: httpx.Client, kind: str) -> None:
    """As what stands before a shop answers: not a document of its API."""
    box.control("faults", {"kind": kind, "count": 1})
    answer = create(oro, f"ERR-{kind}")
    assert answer.status_code == int(kind)
    assert answer.headers["content-type"].startswith("text/html")
    assert "retry-after" not in answer.headers
    assert not exists(oro, f"ERR-{kind}")


def test_a_slow_request_is_executed_late(box: Box, oro: httpx.Client) -> None:
    box.control("faults", {"kind": "slow", "delay": 0.4, "count": 1})
    started = time.monotonic()
    assert oro.get("/orders/1").status_code == 200
    assert time.monotonic() - started >= 0.4


def test_a_cut_connection_executes_nothing(box: Box, oro: httpx.Client) -> None:
    box.control("faults", {"kind": "cut", "count": 1})
    with pytest.raises(httpx.TransportError):
        create(oro, "CUT-1")
    assert not exists(oro, "CUT-1")


def test_a_lost_answer_leaves_the_write_behind(box: Box, oro: httpx.Client) -> None:
    """The case that makes a client read before it writes again."""
    box.control("faults", {"kind": "lost", "method": "POST", "count": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        create(oro, "LOST-1")
    assert exists(oro, "LOST-1")
    assert create(oro, "LOST-1").status_code == 409


def test_an_order_that_was_pushed_with_a_lost_answer_is_there(box: Box) -> None:
    box.control("faults", {"kind": "lost", "system": "rebound", "path": "/orders/push", "count": 1})
    order = {"order_reference": "LOST-2", "order_date": "2026/03/01", "currency_code": "USD"}
    with pytest.raises(httpx.RemoteProtocolError):
        box.rebound("orders/push", {"order": order})
    assert [row["order_reference"] for row in box.state("rebound_orders")["rebound_orders"]] == ["LOST-2"]


def test_a_fault_befalls_only_the_system_method_and_path_it_names(box: Box, oro: httpx.Client) -> None:
    box.control("faults", {"kind": "500", "system": "oro", "method": "POST", "path": "creditnotes$"})
    assert oro.get("/orders/1").status_code == 200
    assert oro.get("/reboundcreditnotes").status_code == 200
    period = {"filter": {"date_from": "2026/03/01", "date_to": "2026/03/31"}}
    assert "success" in box.rebound("returns/search", period)
    assert create(oro, "ERR-9").status_code == 500
    assert [fault["fired"] for fault in box.faults()] == [1]


def test_a_share_of_the_requests_is_the_same_share_each_time(box: Box, oro: httpx.Client) -> None:
    def statuses() -> list[int]:
        box.clear_faults()
        box.control("faults", {"kind": "503", "rate": 0.5, "seed": 4})
        return [oro.get("/orders/1").status_code for _ in range(20)]

    first = statuses()
    assert 5 <= first.count(503) <= 15
    assert statuses() == first


def test_requests_are_counted_by_path_and_status(box: Box, oro: httpx.Client) -> None:
    box.control("requests/forget")
    box.control("faults", {"kind": "cut", "count": 1, "path": "/orders/2"})
    oro.get("/orders/1")
    oro.get("/orders/3")
    with pytest.raises(httpx.TransportError):
        oro.get("/orders/2")
    counts = box.state("scenario")["requests"]["oro"]
    assert counts == {"GET /admin/api/orders/{id}": {"200": 2, "none": 1}}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"kind": "418"}, "kind must be one of"),
        ({"kind": "cut", "system": "sap"}, "system must be oro or rebound"),
        ({"kind": "cut", "rate": 2}, "rate must be from 0 to 1"),
        ({"kind": "cut", "path": "("}, "path is no regular expression"),
        ({"kind": "cut", "often": 2}, "not a fault"),
    ],
)
def test_an_impossible_fault_is_refused(wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Faults().order(wanted)


def test_the_control_endpoint_says_what_is_wrong(box: Box) -> None:
    answer = httpx.post(f"{box.control_url}/faults", json={"kind": "418"})
    assert answer.status_code == 400
    assert "kind must be one of" in answer.json()["error"]
