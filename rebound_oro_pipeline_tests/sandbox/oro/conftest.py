"""A small imitated shop for tests: a store, its app over HTTP, a clock to turn, and the recorded exchanges."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from starlette.applications import Starlette

from rebound_oro_pipeline.sandbox.oro.app import create_app
from rebound_oro_pipeline.sandbox.oro.records import ProductRecord, UnitRecord
from rebound_oro_pipeline.sandbox.oro.store import LIMITED, OroStore

RECORDED = Path(__file__).parents[2] / "recorded"
JSON_API = "application/vnd.api+json"
HEADERS = {"Accept": JSON_API, "Content-Type": JSON_API, "X-Include": "noHateoas"}
ORIGIN = "https://oro.example"


def _exchange(name: str) -> dict[str, Any]:
    """Return one recorded exchange."""
    document: dict[str, Any] = json.loads((RECORDED / "exchanges" / f"{name}.json").read_text())
    return document


class Http:
    """Sends requests to an app without a network, from any thread."""

    def __init__(self, app: Starlette) -> None:
        self._started = start_blocking_portal()
        self._portal = self._started.__enter__()
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN)
        del self._client.headers["accept"]

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request and wait for its answer."""
        return self._portal.call(partial(self._client.request, method, path, **options))

    def close(self) -> None:
        """End the client and its event loop."""
        self._portal.call(self._client.aclose)
        self._started.__exit__(None, None, None)


class Shop:
    """A store and the app on it; requests are made as an administrator unless said otherwise."""

    def __init__(
        self, folder: Path, *, profile: str = "6.1", wait: float = 5.0, expires_in: int = 3600
    ) -> None:
        self.now = datetime(2026, 11, 23, 15, tzinfo=UTC)
        self.store = OroStore(folder / "oro.sqlite3")
        self.store.add_client("main", "secret")
        self.store.add_client("limited", "secret", LIMITED)
        app = create_app(
            self.store,
            profile=profile,
            clock=lambda: self.now,
            queue_wait_seconds=wait,
            token_expires_in=expires_in,
        )
        self.http = Http(app)
        self._open = True
        self._tokens: dict[str, str] = {}

    def token(self, client_id: str = "main") -> str:
        """Return an access token, asked for once."""
        if client_id not in self._tokens:
            grant = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": "secret"}
            self._tokens[client_id] = self.http.request("POST", "/oauth2-token", json=grant).json()[
                "access_token"
            ]
        return self._tokens[client_id]

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        client_id: str = "main",
    ) -> httpx.Response:
        """Send a request to the API; `headers` replace the usual ones."""
        given = dict(HEADERS if headers is None else headers)
        given.setdefault("Authorization", f"Bearer {self.token(client_id)}")
        content = body if isinstance(body, (str, bytes)) else None if body is None else json.dumps(body)
        return self.http.request(method, f"/admin/api/{path}", content=content, headers=given)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """GET from the API."""
        return self.send("GET", path, headers={**HEADERS, **headers} if headers else None)

    def replay(self, name: str) -> httpx.Response:
        """Send the request of a recorded exchange, at the time at which it was answered."""
        request = _exchange(name)["request"]
        self.turn_to(name)
        headers = dict(request["headers"])
        if headers.get("Authorization") == "Bearer <token>":
            limited = "limited" if name.startswith("limited_") else "main"
            token = "expired" if name == "err_bad_token" else self.token(limited)
            headers["Authorization"] = f"Bearer {token}"
        body = request["body"]
        if isinstance(body, dict) and body.get("client_id") == "<client id>":
            secret = "wrong" if name == "token_wrong_client" else "secret"
            body = {**body, "client_id": "main", "client_secret": secret}
        content = body if isinstance(body, str) else None if body is None else json.dumps(body)
        return self.http.request(request["method"], request["path"], content=content, headers=headers)

    def turn_to(self, name: str) -> None:
        """Turn the clock to the time at which a recorded exchange was answered, where its answer tells."""
        self.now = _time_of(_exchange(name)["response"]["body"]) or self.now

    def load(self, *names: str) -> None:
        """Store what recorded exchanges answered."""
        for name in names:
            self.store.load_document(_exchange(name)["response"]["body"])

    def add_products(self, numbers: range) -> None:
        """Store products `SKU-nnn`, each in two units with a level; ids count from 1 in a new store."""
        units = [
            UnitRecord(code="item", quantity="1000"),
            UnitRecord(code="set", quantity="100", conversion_rate=10),
        ]
        self.store.add_products(
            ProductRecord(attributes={"sku": f"SKU-{number:03}"}, units=units) for number in numbers
        )

    def add_order(self, order_id: int, identifier: str, **relations: Any) -> None:
        """Store a bare order under an id of the test's."""
        attributes = {"identifier": identifier, "currency": "USD", "updatedAt": "2026-11-01T00:00:00Z"}
        with self.store.write() as transaction:
            transaction.insert("orders", attributes, relations, order_id)

    def next_id(self, type_name: str, number: int) -> None:
        """Let the next record of a type have this id."""
        with self.store.write() as transaction:
            if number > 1 and transaction.get(type_name, number - 1) is None:
                transaction.insert(type_name, {}, {}, number - 1)
                transaction.delete(type_name, number - 1)

    def wait_for_operation(self, operation_id: str, seconds: float = 10) -> dict[str, Any]:
        """Return an operation's attributes once it has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            attributes: dict[str, Any] = self.get(f"asyncoperations/{operation_id}").json()["data"][
                "attributes"
            ]
            if attributes["status"] not in {"new", "running"}:
                return attributes
            time.sleep(0.005)
        raise AssertionError(f"operation {operation_id} did not end in {seconds} s")

    @staticmethod
    def exchange(name: str) -> dict[str, Any]:
        """Return one recorded exchange."""
        return _exchange(name)

    @staticmethod
    def note(number: str, order_id: str = "11", lines: int = 1, **attributes: Any) -> dict[str, Any]:
        """Return a document that creates a credit note with lines."""
        return _note(number, order_id, lines, **attributes)

    @staticmethod
    def batch(*documents: dict[str, Any]) -> dict[str, Any]:
        """Return one batch of several single documents."""
        return _batch(*documents)

    def close(self) -> None:
        """Stop the app and close the store; once."""
        if self._open:
            self._open = False
            self.http.close()
            self.store.close()


def _note(number: str, order_id: str = "11", lines: int = 1, **attributes: Any) -> dict[str, Any]:
    """Return a document that creates a credit note with lines."""
    amounts = {"netAmount": "100.0000", "taxAmount": "9.5000", "totalAmount": "109.5000"}
    keys = [f"{number}-l{position}" for position in range(lines)]
    return {
        "data": {
            "type": "reboundcreditnotes",
            "attributes": {
                "creditNoteNumber": number,
                "returnId": f"R-{number}",
                "currency": "USD",
                "shippingAmount": "0.0000",
                **amounts,
                **attributes,
            },
            "relationships": {
                "order": {"data": {"type": "orders", "id": order_id}},
                "lines": {"data": [{"type": "reboundcreditnotelines", "id": key} for key in keys]},
            },
        },
        "included": [
            {
                "type": "reboundcreditnotelines",
                "id": key,
                "attributes": {
                    "returnLineKey": f"{number}:{position}",
                    "sku": "SKU-022",
                    "quantity": 1,
                    "reasonCode": "damaged",
                    **amounts,
                },
            }
            for position, key in enumerate(keys)
        ],
    }


def _batch(*documents: dict[str, Any]) -> dict[str, Any]:
    """Return one batch of several single documents."""
    included = [part for document in documents for part in document.get("included", ())]
    return {"data": [document["data"] for document in documents]} | (
        {"included": included} if included else {}
    )


def _time_of(body: object) -> datetime | None:
    """Return the latest `updatedAt` in an answer."""
    found: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("updatedAt"), str):
                found.append(value["updatedAt"])
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(body)
    return datetime.fromisoformat(max(found)) if found else None


@pytest.fixture
def make_shop(tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    """Return a function that opens a shop (profile, wait, expires_in); all are closed at the end."""
    opened: list[Shop] = []

    def make(folder: str = "shop", **options: Any) -> Shop:
        opened.append(Shop(tmp_path / folder, **options))
        return opened[-1]

    yield make
    for shop in opened:
        shop.close()


@pytest.fixture
def shop(make_shop: Callable[..., Shop]) -> Shop:
    """Return a 6.1 shop with a customer, products SKU-001 to SKU-030 and a closed order with id 11."""
    opened = make_shop()
    opened.store.add_customer({"name": "Customer"})
    opened.add_products(range(1, 31))
    opened.add_order(11, "EXT-11", internalStatus="closed", shippingStatus="shipped")
    return opened
