"""The sandbox as a process: it starts, tells where it is, is controlled, and stops."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from rebound_oro_pipeline.sandbox.__main__ import main
from rebound_oro_pipeline.sandbox.server import _listen
from rebound_oro_pipeline_tests.sandbox_process import Box, sandbox

JSON_API = "application/vnd.api+json"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with sandbox(
        tmp_path_factory.mktemp("process"),
        orders=60,
        returns=50,
        queue_wait_seconds=0.2,
        token_expires_in=3600,
    ) as running:
        yield running


def headers(box: Box) -> dict[str, str]:
    return {"Authorization": f"Bearer {box.oro_token()}", "Accept": JSON_API}


def test_the_ready_line_tells_addresses_on_loopback_and_credentials_that_work(box: Box) -> None:
    urls = (box.oro_url, box.rebound_url, box.control_url)
    assert {urlsplit(url).hostname for url in urls} == {"127.0.0.1"}
    assert len({urlsplit(url).port for url in urls}) == 3
    answer = httpx.get(f"{box.oro_url}/admin/api/orders", headers=headers(box)).raise_for_status()
    assert len(answer.json()["data"]) == 10
    period = {"filter": {"date_from": "2026/03/01", "date_to": "2026/03/31"}}
    assert len(box.rebound("returns/search", period)["success"]["id"]) == 50
    assert box.aliases.read_text().startswith("alias,sku\n")


def test_the_state_tells_everything_that_the_sandbox_knows(box: Box) -> None:
    state = box.state()
    assert state["scenario"]["seed"] == 1
    assert state["scenario"]["first_day"] == "2026-03-06"
    assert len(state["orders"]) == 60
    assert {"identifier", "totalValue", "state", "lines", "subtotals"} <= state["orders"][0].keys()
    assert len(state["returns"]) == 50
    assert {"situation", "document", "registered_at"} <= state["returns"][0].keys()
    assert all(level["before"] == level["now"] for level in state["inventory_levels"])
    assert {"sku", "unit", "id", "product"} <= state["inventory_levels"][0].keys()


def test_the_state_can_be_asked_for_in_parts(box: Box) -> None:
    assert box.state("scenario").keys() == {"scenario", "requests"}
    assert httpx.get(f"{box.control_url}/state", params={"parts": "weather"}).status_code == 400


def test_what_is_written_shows_in_the_state(box: Box) -> None:
    amounts = dict.fromkeys(("netAmount", "taxAmount", "shippingAmount", "totalAmount"), "1.00")
    line_amounts = dict.fromkeys(("netAmount", "taxAmount", "totalAmount"), "1.00")
    document = {
        "data": {
            "type": "reboundcreditnotes",
            "attributes": {"creditNoteNumber": "CN-1", "returnId": "7", "currency": "USD", **amounts},
            "relationships": {
                "order": {"data": {"type": "orders", "id": "1"}},
                "lines": {"data": [{"type": "reboundcreditnotelines", "id": "l"}]},
            },
        },
        "included": [
            {
                "type": "reboundcreditnotelines",
                "id": "l",
                "attributes": {"returnLineKey": "7:1", "sku": "A", "quantity": 1, **line_amounts},
            }
        ],
    }
    sent = {**headers(box), "Content-Type": JSON_API}
    httpx.post(f"{box.oro_url}/admin/api/reboundcreditnotes", json=document, headers=sent).raise_for_status()
    level = {"data": {"type": "inventorylevels", "id": "2", "attributes": {"quantity": "12345"}}}
    httpx.patch(f"{box.oro_url}/admin/api/inventorylevels/2", json=level, headers=sent).raise_for_status()
    state = box.state("credit_notes", "inventory_levels")
    [note] = [note for note in state["credit_notes"] if note["creditNoteNumber"] == "CN-1"]
    assert (note["order"], [line["returnLineKey"] for line in note["lines"]]) == ("1", ["7:1"])
    [changed] = [level for level in state["inventory_levels"] if level["before"] != level["now"]]
    assert (changed["id"], changed["now"]) == ("2", "12345")


def test_a_stopped_consumer_makes_a_sync_batch_an_operation(box: Box) -> None:
    batch = {
        "data": [
            {"meta": {"update": True}, "type": "inventorylevels", "id": "1", "attributes": {"quantity": "5"}}
        ]
    }
    sent = {**headers(box), "Content-Type": JSON_API, "X-Mode": "sync"}
    url = f"{box.oro_url}/admin/api/inventorylevels"
    assert box.control("queue", {"consuming": False}) == {"consuming": False}
    answer = httpx.patch(url, json=batch, headers=sent)
    assert (answer.status_code, answer.json()["data"]["type"]) == (202, "asyncoperations")
    assert box.control("queue", {"consuming": True}) == {"consuming": True}
    assert httpx.patch(url, json=batch, headers=sent).status_code == 200


def test_a_misbehaving_queue_says_success_and_writes_nothing(box: Box) -> None:
    batch = {
        "data": [
            {"meta": {"update": True}, "type": "inventorylevels", "id": "3", "attributes": {"quantity": "9"}}
        ]
    }
    box.control("queue", {"misbehave": "success_without_writing"})
    url = f"{box.oro_url}/admin/api/inventorylevels"
    sent = {**headers(box), "Content-Type": JSON_API, "X-Mode": "sync"}
    httpx.patch(url, json=batch, headers=sent)
    [level] = [level for level in box.state("inventory_levels")["inventory_levels"] if level["id"] == "3"]
    assert level["now"] == level["before"]
    assert httpx.post(f"{box.control_url}/queue", json={"misbehave": "sulk"}).status_code == 400


def test_tokens_can_be_made_to_expire(box: Box) -> None:
    old = headers(box)
    box.control("tokens/expire")
    assert httpx.get(f"{box.oro_url}/admin/api/orders/1", headers=old).status_code == 401
    assert httpx.get(f"{box.oro_url}/admin/api/orders/1", headers=headers(box)).status_code == 200


def test_a_client_can_be_given_fewer_rights(box: Box) -> None:
    client = {"client_id": "reader", "client_secret": "s", "permissions": {"products": ["view"]}}
    box.control("clients", {**client, "hidden": {"products": ["sku"]}})
    grant = {"grant_type": "client_credentials", "client_id": "reader", "client_secret": "s"}
    token = httpx.post(f"{box.oro_url}/oauth2-token", json=grant).json()["access_token"]
    limited = {"Authorization": f"Bearer {token}", "Accept": JSON_API}
    products = httpx.get(f"{box.oro_url}/admin/api/products", headers=limited)
    assert products.status_code == 200
    assert all("sku" not in product["attributes"] for product in products.json()["data"])
    assert httpx.get(f"{box.oro_url}/admin/api/orders", headers=limited).status_code == 403


def test_the_shop_may_change_behind_the_api(box: Box) -> None:
    box.control("oro", {"type": "inventorylevels", "id": "4", "attributes": {"quantity": "1"}})
    [level] = [level for level in box.state("inventory_levels")["inventory_levels"] if level["id"] == "4"]
    assert level["now"] == "1"
    box.control("settings", {"prices_include_tax": True})
    unknown = {"type": "inventorylevels", "id": "99999", "attributes": {}}
    assert httpx.post(f"{box.control_url}/oro", json=unknown).status_code == 400


def test_a_blocked_address_can_be_forgiven(box: Box) -> None:
    wrong = {"login": box.login, "api_key": "wrong", "request": "{}"}
    for _ in range(11):
        answer = httpx.post(f"{box.rebound_url}/api/returns/search/json", data=wrong).json()
    assert answer["error"]["code"] == "ip_blocked"
    box.control("rebound/unblock")
    answer = httpx.post(f"{box.rebound_url}/api/returns/search/json", data=wrong).json()
    assert answer["error"]["code"] == "access_denied"
    box.control("rebound/unblock")


def test_time_is_advanced_and_everything_reset_on_request(box: Box) -> None:
    """Last in this module: it undoes what the tests before it did."""
    assert box.control("clock", {"advance_hours": 48})["now"] == "2026-03-18T00:00:00+00:00"
    assert httpx.post(f"{box.control_url}/clock", json={"advance_hours": -1}).status_code == 400
    assert box.control("reset")["now"] == "2026-03-16T00:00:00+00:00"
    state = box.state("credit_notes", "inventory_levels")
    assert state["credit_notes"] == []
    assert all(level["before"] == level["now"] for level in state["inventory_levels"])
    assert state["requests"]["oro"] == {}
    assert httpx.get(f"{box.oro_url}/admin/api/orders/1", headers=headers(box)).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_when_told_to(tmp_path: Path, number: signal.Signals) -> None:
    with sandbox(tmp_path, orders=10, returns=5) as running, httpx.Client() as kept_alive:
        kept_alive.get(f"{running.control_url}/faults").raise_for_status()
        running.process.send_signal(number)
        assert running.process.wait(10) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(running.oro_url)


def test_answers_do_not_wait_for_acknowledgements() -> None:
    """Only sockets that name their protocol get TCP_NODELAY from asyncio; else each answer takes 40 ms."""
    with _listen(0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_ports_can_be_chosen_and_one_in_use_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert main([f"--home={tmp_path}", "--orders=2", "--returns=0", f"--oro-port={port}"]) == 1
    assert f"port {port}" in capsys.readouterr().err


def test_impossible_settings_are_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"--home={tmp_path}", "--orders=5", "--returns=9"]) == 2
    assert "at least as many orders as returns" in capsys.readouterr().err


def test_the_scenario_ends_today_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    arguments = [f"--home={tmp_path}", "--orders=2", "--returns=0", "--days=1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "rebound_oro_pipeline.sandbox", *arguments], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        process.terminate()
    assert datetime.fromisoformat(told["until"]).time() == datetime.min.time()
    assert abs((datetime.fromisoformat(told["until"]) - datetime.now(UTC)).days) <= 1
