"""What the tests of pushing share: a shop over real HTTP, a network that breaks as told, an outbox to fill."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn
from psycopg.types.json import Jsonb

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.sandbox.oro.app import create_app
from rebound_oro_pipeline.sandbox.oro.records import ProductRecord, UnitRecord
from rebound_oro_pipeline.sandbox.oro.store import LIMITED, OroStore
from rebound_oro_pipeline.services.sending import SendingRules
from rebound_oro_pipeline.warehouse import outbox

DAY = datetime(2026, 11, 2, tzinfo=UTC)
AT_ONCE = SendingRules(first_delay=0.0, longest_delay=0.0, patience=5.0, claim_limit=100, workers=2)
"""No pause before the next try, so that a run settles everything that can be settled."""
ONE_TRY = SendingRules(first_delay=300.0, longest_delay=300.0, patience=0.0, workers=1)
"""What fails stays failed until the next run."""

Box = psycopg.Connection[Any]
"""A connection in autocommit mode, to fill the outbox and to look into it."""
Hook = Callable[[httpx.Request], object]


class Killed(BaseException):
    """Ends a worker between two statements, as a kill would."""


def kill(_: httpx.Request) -> None:
    """End the worker in the middle of a request."""
    raise Killed


@contextmanager
def killed_at_the_latest_before_settling() -> Iterator[None]:
    """Expect that a push ends without a word of what it did, at what was planned on the network or then."""

    def die(*_: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outbox.Claimant, "settle", die)
        with pytest.raises(Killed):
            yield


def lost(_: httpx.Request) -> None:
    """Carry the request out, and lose the answer."""
    raise httpx.ReadError("connection reset")


def cut(_: httpx.Request) -> None:
    """Break the connection before the shop has seen the request."""
    raise httpx.ReadError("connection reset")


def answer(status: int, **headers: str) -> Hook:
    """Answer instead of the shop."""
    return lambda request: httpx.Response(status, headers=headers, request=request)


@dataclass
class Network(httpx.BaseTransport):
    """The wire to the shop: counts requests, and does what was planned for the next ones that match.

    `spoil` sees every answer of a list, and gives another one or none.
    """

    inner: httpx.BaseTransport = field(default_factory=httpx.HTTPTransport)
    spoil: Callable[[httpx.Request, httpx.Response], httpx.Response | None] | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)
    _before: deque[tuple[str, str, Hook]] = field(default_factory=deque)
    _after: deque[tuple[str, str, Hook]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def before(self, method: str, path: str, hook: Hook, times: int = 1) -> None:
        """Call the hook instead of the shop (if it returns a response or raises) or before it."""
        self._before.extend([(method, path, hook)] * times)

    def after(self, method: str, path: str, hook: Hook, times: int = 1) -> None:
        """Call the hook after the shop has carried the request out; a response of its own replaces the shop's."""
        self._after.extend([(method, path, hook)] * times)

    def count(self, method: str, path: str) -> int:
        """How many requests matched."""
        return sum(1 for sent, where in self.requests if sent == method and path in where)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append((request.method, request.url.path))
            before, after = self._take(self._before, request), self._take(self._after, request)
        if before is not None:
            instead = before(request)
            if isinstance(instead, httpx.Response):
                return instead
        response = self.inner.handle_request(request)
        if self.spoil is not None and request.method == "GET":
            response.read()
            response = self.spoil(request, response) or response
        if after is not None:
            response.read()
            instead = after(request)
            if isinstance(instead, httpx.Response):
                return instead
        return response

    def close(self) -> None:
        self.inner.close()

    @staticmethod
    def _take(planned: deque[tuple[str, str, Hook]], request: httpx.Request) -> Hook | None:
        for plan in planned:
            method, path, hook = plan
            if request.method == method and path in request.url.path:
                planned.remove(plan)
                return hook
        return None


@dataclass
class Shop:
    """The imitated shop, its address, and clients of it."""

    store: OroStore
    url: str
    network: Network
    order_id: str

    def client(self, client_id: str = "main", network: httpx.BaseTransport | None = None) -> OroClient:
        """Return a client; the tests' network lies between it and the shop."""
        return OroClient(self.url, client_id, "secret", transport=network or self.network, attempts=2)

    def notes(self) -> list[str]:
        """Return the numbers of all notes, sorted."""
        return sorted(
            str(note.attributes["creditNoteNumber"]) for note in self.store.records("reboundcreditnotes")
        )

    def level(self, sku: str, unit: str = "item") -> Decimal:
        """Return what a stock level holds."""
        return Decimal(self.store.stock()[sku, unit])

    def level_id(self, sku: str, unit: str = "item") -> str:
        """Return the id of a stock level."""
        product = self.store.find("products", "sku", sku)
        assert product is not None
        for level in self.store.records("inventorylevels"):
            precision = self.store.record("productunitprecisions", level.relations["productUnitPrecision"])
            assert precision is not None
            if level.relations["product"] == str(product.id) and precision.relations["unit"] == unit:
                return str(level.id)
        raise AssertionError(f"no level of {sku} in {unit}")

    def sell(self, sku: str, quantity: int = 1) -> None:
        """Lower a level, as a checkout does."""
        left = self.level(sku) - quantity
        self.store.change("inventorylevels", self.level_id(sku), {"quantity": str(left)})


@contextmanager
def open_shop(
    folder: Path, *, profile: str = "6.1", wait: float = 5.0, token_expires_in: int = 3600
) -> Iterator[Shop]:
    """Open a shop on a port of its own, with an order and products `SKU-1` … `SKU-9` (1000 items, 10.5 kg each)."""
    with OroStore(folder / "oro.sqlite3") as store:
        store.add_client("main", "secret")
        store.add_client("limited", "secret", LIMITED)
        units = [
            UnitRecord(code="item", quantity="1000"),
            UnitRecord(code="kg", quantity="10.5", precision=3),
        ]
        store.add_products(
            ProductRecord(attributes={"sku": f"SKU-{number}"}, units=units) for number in range(1, 10)
        )
        with store.write() as transaction:
            order_id = str(transaction.insert("orders", {"identifier": "O-1", "currency": "USD"}, {}))
        app = create_app(store, profile=profile, queue_wait_seconds=wait, token_expires_in=token_expires_in)
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        network = Network()
        try:
            yield Shop(store, f"http://127.0.0.1:{port}", network, order_id)
        finally:
            network.close()
            server.should_exit = True
            thread.join()


def put_note(
    conn: psycopg.Connection[Any], number: str, order_id: str, lines: int = 1, **changes: Any
) -> None:
    """Enqueue a credit note whose lines are worth 10.00 and 1.90 tax each, as a decision does."""
    net, tax = Decimal("10.00") * lines, Decimal("1.90") * lines
    note = {
        "credit_note_number": number,
        "return_id": f"R-{number}",
        "order_id": order_id,
        "order_identifier": "O-1",
        "customer_id": "1",
        "currency": "USD",
        "net_amount": str(net),
        "discount_amount": "0.00",
        "tax_amount": str(tax),
        "shipping_amount": "5.00",
        "shipping_tax_amount": "0.95",
        "fee_amount": "1.00",
        "total_amount": str(net + tax + Decimal("4.95")),
        "decided_at": "2026-11-02T10:00:00.5+00:00",
        "lines": [
            {
                "line_key": f"{number}:{position}",
                "return_line_key": f"R-{number}:{position}",
                "order_line_id": None,
                "sku": "SKU-1",
                "quantity": "2",
                "unit_code": "item",
                "net_amount": "10.00",
                "discount_amount": "0.00",
                "tax_amount": "1.90",
                "total_amount": "11.90",
                "reason_code": "damaged",
            }
            for position in range(1, lines + 1)
        ],
        **changes,
    }
    _put(conn, "oro_credit_note", number, order_id, note)


def put_notes(conn: psycopg.Connection[Any], order_id: str, count: int, prefix: str = "CN") -> list[str]:
    """Enqueue so many notes, and return their numbers, sorted."""
    numbers = [f"{prefix}-{number:03}" for number in range(count)]
    for number in numbers:
        put_note(conn, number, order_id)
    return numbers


def put_delta(
    conn: psycopg.Connection[Any],
    key: str,
    sku: str,
    quantity: str,
    unit_code: str = "item",
    product_id: str | None = None,
) -> None:
    """Enqueue units that go back on the shelf, as a decision does."""
    delta = {
        "credit_note_number": key.partition(":")[0],
        "return_line_key": f"R-{key}",
        "product_id": product_id,
        "sku": sku,
        "unit_code": unit_code,
        "quantity": quantity,
    }
    _put(conn, "oro_inventory_delta", key, f"{sku}/{unit_code}", delta)


def states(conn: psycopg.Connection[Any]) -> dict[str, str]:
    """Return business key → state of every message."""
    return dict(conn.execute("select business_key, state::text from outbox.messages").fetchall())


def error(conn: psycopg.Connection[Any], key: str) -> str:
    """Return the last error of a message."""
    row = conn.execute("select last_error from outbox.messages where business_key = %s", (key,)).fetchone()
    assert row is not None
    return str(row[0])


def make_due(conn: psycopg.Connection[Any]) -> None:
    """Let every message fall due now."""
    conn.execute("update outbox.messages set next_attempt_at = now()")


def _put(
    conn: psycopg.Connection[Any], kind: str, key: str, ordering_key: str, payload: dict[str, Any]
) -> None:
    conn.execute(
        """
        insert into outbox.messages (kind, business_key, ordering_key, registered_at, payload)
        values (%s, %s, %s, %s, %s)
        """,
        (kind, key, ordering_key, DAY, Jsonb(payload)),
    )
