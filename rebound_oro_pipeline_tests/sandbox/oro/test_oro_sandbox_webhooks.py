"""The imitated shop's own webhooks: subscribed to, signed as recorded, sent behind the requests' backs."""

import hashlib
import hmac
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rebound_oro_pipeline.sandbox.oro import deliveries
from rebound_oro_pipeline.sandbox.oro.deliveries import is_loopback
from rebound_oro_pipeline.sandbox.pricing import TaxSettings

SECRET = "s3cret"
PATIENCE = 10
UPDATED = "order.updated"
SHIPPED = {"data": {"type": "ordershippingstatuses", "id": "shipped"}}


class Receiver:
    """Takes deliveries on loopback, and answers each with the next of `answers`, the last of them for ever."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.answers: list[tuple[int, Mapping[str, str]]] = [(202, {})]
        self.taken: queue.Queue[tuple[str, Mapping[str, str], bytes]] = queue.Queue()
        self.resting = threading.Event()
        self.resting.set()

    def next(self) -> tuple[str, Mapping[str, str], bytes]:
        """Return path, headers and body of the next delivery."""
        return self.taken.get(timeout=PATIENCE)

    def topics(self, count: int) -> list[tuple[str, str]]:
        """Return topic and order of so many deliveries."""
        bodies = [json.loads(self.next()[2]) for _ in range(count)]
        return [(body["topic"], body["eventData"]["data"]["id"]) for body in bodies]


@contextmanager
def receiving() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
            receiver.taken.put((self.path, dict(self.headers), body))
            receiver.resting.wait(PATIENCE)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(server.server_port)
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield receiver
        finally:
            receiver.resting.set()
            server.shutdown()
            serving.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


def document(url: str, topic: str = UPDATED, form: str = "thin", **attributes: Any) -> dict[str, Any]:
    return {
        "data": {
            "type": "webhooks",
            "attributes": {"notificationUrl": url, "secret": SECRET, **attributes},
            "relationships": {
                "topic": {"data": {"type": "webhooktopics", "id": topic}},
                "format": {"data": {"type": "webhookformats", "id": form}},
            },
        }
    }


def subscribe(shop: Any, url: str, topic: str = UPDATED, form: str = "thin", **attributes: Any) -> str:
    answer = shop.send("POST", "webhooks", document(url, topic, form, **attributes))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


def patch(shop: Any, type_name: str, record_id: str, **parts: Any) -> None:
    body = {"data": {"type": type_name, "id": record_id, **parts}}
    answer = shop.send("PATCH", f"{type_name}/{record_id}", body)
    assert answer.is_success, answer.text


def touch(shop: Any, note: str = "changed") -> None:
    shop.store.change("orders", "28", {"customerNotes": note})


@pytest.fixture
def kit(make_shop: Any) -> Any:
    """Return a shop with the recorded order of a kit, number 28."""
    shop = make_shop()
    shop.store.add_customer({"name": "Customer"})
    shop.load("order_kit")
    return shop


@pytest.mark.parametrize("form", ["default", "thin"])
def test_a_delivery_is_as_recorded_to_the_byte(form: str, kit: Any, receiver: Receiver) -> None:
    """All but what is new each time: the message's id and time, and with them the signature.

    The order's total is the one that Oro added up at that PATCH: its shop had come to include tax in shipping.
    """
    recorded = kit.exchange(f"webhook_delivery_{form}")["request"]
    was = json.loads(recorded["body_text"])
    subscribe(kit, receiver.url + recorded["path"], form=form)
    before = int(time.time())
    kit.now = datetime(2026, 11, 23, 14, 40, 6, tzinfo=UTC)
    settings = replace(kit.store.terms.settings, taxes=TaxSettings(shipping_includes_tax=True))
    kit.store.terms = replace(kit.store.terms, settings=settings)
    patch(kit, "orders", "28", relationships={"shippingStatus": SHIPPED})

    path, headers, body = receiver.next()

    message = json.loads(body)
    assert before <= message["timestamp"] <= time.time()
    text = body.decode().replace(message["messageId"], was["messageId"])
    assert text.replace(str(message["timestamp"]), str(was["timestamp"])) == recorded["body_text"]
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    expected = {**recorded["headers"], "Webhook-Id": message["messageId"], "Webhook-Signature": signature}
    assert path == recorded["path"]
    assert {name: headers[name] for name in expected} == expected


def test_one_event_has_one_id_whatever_the_subscription(kit: Any, receiver: Receiver) -> None:
    for form in ("thin", "default"):
        subscribe(kit, f"{receiver.url}/{form}", form=form)
    subscribe(kit, f"{receiver.url}/unsigned", secret=None)
    subscribe(kit, f"{receiver.url}/never", enabled=False)
    subscribe(kit, f"{receiver.url}/never", "order.deleted")
    touch(kit)
    found = {path: (headers, body) for path, headers, body in (receiver.next() for _ in range(3))}
    assert found.keys() == {"/thin", "/default", "/unsigned"}
    assert len({headers["Webhook-Id"] for headers, _ in found.values()}) == 1
    assert "Webhook-Signature" not in found["/unsigned"][0]
    assert found["/unsigned"][1] == found["/thin"][1]


def test_what_changes_an_order_is_announced_and_nothing_else(kit: Any, receiver: Receiver) -> None:
    for topic in ("order.created", UPDATED, "order.deleted"):
        subscribe(kit, receiver.url, topic)
    kit.load("create_order_tax_discount_shipping")
    kit.add_products(range(1, 64))
    tracking = {
        "data": {
            "type": "ordershippingtrackings",
            "attributes": {"method": "UPS", "number": "1Z"},
            "relationships": {"orders": {"data": [{"type": "orders", "id": "28"}]}},
        }
    }
    rehearsed = {"data": {"type": "orders", "id": "28", "attributes": {"customerNotes": "x"}}}
    rehearsed["data"]["meta"] = {"validate": True}
    refused = {"data": {"type": "orders", "id": "28", "attributes": {"currency": ""}}}
    assert kit.send("POST", "ordershippingtrackings", tracking).status_code == 201
    assert kit.send("PATCH", "orders/28", rehearsed).status_code == 200
    assert kit.send("PATCH", "orders/28", refused).status_code == 400
    assert kit.send("POST", "reboundcreditnotes", kit.note("CN-1", "28")).status_code == 201
    kit.store.change("orders", "28", {"poNumber": kit.store.record("orders", "28").attributes["poNumber"]})

    patch(kit, "orders", "28", attributes={"customerNotes": "by the API"})
    assert receiver.topics(1) == [(UPDATED, "28")]
    patch(kit, "orderlineitems", "108", attributes={"comment": "a line of it"})
    assert receiver.topics(1) == [(UPDATED, "28")]
    kit.store.change("orderlineitems", "108", {"comment": "behind the API's back"})
    assert receiver.topics(1) == [(UPDATED, "28")]
    placed = kit.exchange("create_order_tax_discount_shipping")["request"]["body"]
    placed["data"]["attributes"]["identifier"] = "NEW-1"
    order_id = kit.send("POST", "orders", placed).json()["data"]["id"]
    assert receiver.topics(1) == [("order.created", order_id)]
    assert kit.send("DELETE", f"orders/{order_id}").status_code == 204
    assert receiver.topics(1) == [("order.deleted", order_id)]
    assert receiver.taken.empty()


@pytest.mark.parametrize(
    ("answers", "attempts", "stays"),
    [
        ([(200, {})], 1, True),
        ([(410, {})], 1, False),
        ([(429, {"Retry-After": "0"}), (503, {"Retry-After": "tomorrow"}), (500, {}), (202, {})], 4, True),
        ([(401, {})], 1, True),
        ([(302, {"Location": "/elsewhere"})], 1, True),
    ],
)
def test_the_receiver_says_what_becomes_of_a_delivery(
    answers: list[tuple[int, dict[str, str]]],
    attempts: int,
    stays: bool,
    kit: Any,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deliveries, "RETRY_SECONDS", 0.0)
    receiver.answers = [*answers, (202, {})]
    subscribe(kit, receiver.url, secret="first")
    subscribe(kit, f"{receiver.url}/last", "order.deleted")
    touch(kit)
    bodies = {receiver.next()[2] for _ in range(attempts)}
    assert len(bodies) == 1
    wait_until(lambda: kit.store.count("webhooks") == 1 + stays)
    touch(kit, "again")
    kit.send("DELETE", "orders/28")
    paths = [receiver.next()[0] for _ in range(1 + stays)]
    assert sorted(paths) == ["/", "/last"][1 - stays :]
    assert receiver.taken.empty()


def test_a_receiver_that_hangs_or_is_gone_holds_up_neither_requests_nor_the_end(
    kit: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(deliveries, "MOST_WAITING", 40)
    receiver.resting.clear()
    with receiving() as gone:
        subscribe(kit, gone.url)
    subscribe(kit, receiver.url)
    begun = time.monotonic()
    for number in range(60):
        touch(kit, str(number))
    patch(kit, "orders", "28", attributes={"customerNotes": "by the API"})
    receiver.next()
    wait_until(lambda: f"{UPDATED} was not taken by {gone.url}: ConnectError" in caplog.text)
    kit.close()
    assert time.monotonic() - begun < PATIENCE / 2
    assert "oro-webhooks" not in {thread.name for thread in threading.enumerate()}
    assert "is dropped: too much waits" in caplog.text


def test_subscriptions_outlive_the_shop_and_wait_for_its_consumer(make_shop: Any, receiver: Receiver) -> None:
    first = make_shop()
    first.load("order_kit")
    subscribe(first, receiver.url)
    first.close()
    again = make_shop()
    again.store.consuming = False
    touch(again, "1")
    webhook = again.get("webhooks").json()["data"][0]["id"]
    patch(again, "webhooks", webhook, attributes={"notificationUrl": f"{receiver.url}/moved"})
    assert receiver.taken.empty()
    again.store.consuming = True
    assert receiver.next()[0] == "/moved"
    assert again.send("DELETE", f"webhooks/{webhook}").status_code == 204
    touch(again, "2")
    again.close()
    assert receiver.taken.empty()


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("http://127.0.0.1:8080/webhooks/oro", True),
        ("https://localhost/webhooks/oro", True),
        ("http://[::1]:8080", True),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost@192.0.2.1/", False),
        ("http://192.0.2.1:8080", False),
        ("http://0.0.0.0:8080", False),
        ("https://pipeline.example/hook", False),
        ("file:///etc/hosts", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_only_this_machine_is_called(url: str, called: bool) -> None:
    assert is_loopback(url) is called


def test_a_subscription_elsewhere_is_taken_and_never_served(
    kit: Any, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    subscribe(kit, "http://pipeline.example/hook")
    subscribe(kit, receiver.url)
    touch(kit)
    receiver.next()
    wait_until(lambda: "the sandbox calls this machine only" in caplog.text)


BLANK = ("not blank constraint", "This value should not be blank.")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"url": ""}, (*BLANK, "/data/attributes/notificationUrl")),
        ({"topic": ""}, (*BLANK, "/data/relationships/topic/data")),
        (
            {"topic": "order.other"},
            (
                "valid webhook topic constraint",
                "This value is not a known webhook topic.",
                "/data/relationships/topic/data",
            ),
        ),
        (
            {"form": "fat"},
            (
                "valid webhook format constraint",
                "This value is not a known webhook format.",
                "/data/relationships/format/data",
            ),
        ),
    ],
)
def test_what_a_subscription_lacks_is_named(
    shop: Any, change: dict[str, str], fault: tuple[str, str, str]
) -> None:
    answer = shop.send("POST", "webhooks", document(**{"url": "https://pipeline.example", **change}))
    title, detail, pointer = fault
    expected = {"status": "400", "title": title, "detail": detail, "source": {"pointer": pointer}}
    assert (answer.status_code, answer.json()) == (400, {"errors": [expected]})


def test_the_secret_is_taken_at_creation_only_and_never_shown(shop: Any) -> None:
    webhook = subscribe(shop, "https://pipeline.example")
    body = {"data": {"type": "webhooks", "id": webhook, "attributes": {"secret": "other"}}}
    assert shop.send("PATCH", f"webhooks/{webhook}", body).status_code == 400
    for path in ("webhooks", f"webhooks/{webhook}", f"webhooks?filter[topic]={UPDATED}&filter[id]={webhook}"):
        answer = shop.get(path)
        assert webhook in answer.text
        assert "secret" not in answer.text
        assert SECRET not in answer.text
    assert shop.get(f"webhooks/{webhook}/topic").json()["data"]["id"] == UPDATED
    assert shop.get("webhooks?filter[topic]=order.created").json() == {"data": []}


def test_webhooks_have_a_permission_of_their_own_and_came_late(make_shop: Any) -> None:
    assert make_shop().send("GET", "webhooks", client_id="limited").status_code == 403
    assert make_shop("old", profile="6.0").get("webhooks").status_code == 404


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)
