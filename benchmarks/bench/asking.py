"""What landing the orders of a thousand returns asks of OroCommerce: bytes, against what is used, and time."""

import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx
import psycopg

from benchmarks.bench.lab import Figure, Lab, middle, seconds
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.sandbox.latency import Exchange, oro_seconds
from rebound_oro_pipeline.services.land_oro_orders import land_oro_orders
from rebound_oro_pipeline.services.land_rebound_returns import land_rebound_returns
from rebound_oro_pipeline_tests.sandbox_process import UNTIL, Box, sandbox

RETURNS: Final = 1_000
DAYS: Final = 30
AT_ONCE: Final = 4
PAGES: Final = (10, 25, 50, 100, 250, 500)
"""Sizes of a page among which the floor takes the best."""
USED: Final = {
    "landing.oro_orders": "identifier, po_number, external_id, customer_id, currency, subtotal_value, total_value, "
    "total_discounts_amount, discount, shipping_discount, subtotal_with_discounts, estimated_shipping_cost_amount, "
    "overridden_shipping_cost_amount, internal_status, shipping_status, created_at, updated_at",
    "landing.oro_order_lines": "order_line_id, product_id, product_sku, product_name, quantity, product_unit_code, "
    "value, row_total_discount_amount, row_total_after_discount_including_tax, row_total_after_discount_excluding_tax",
    "landing.oro_order_kit_items": "kit_item_line_id, product_id, product_sku, product_name, quantity, "
    "product_unit_code, product_unit_precision, value, sort_order",
}
"""The columns whose values a decision reads."""


class Recording(httpx.HTTPTransport):
    """Keeps the sandbox's answers by what was asked, and how many records each holds."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, tuple[httpx.Response, int]] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send and keep the answer."""
        response = super().handle_request(request)
        response.read()
        self.answers[str(request.url)] = response, len(response.json().get("data", ()))
        return response

    def of_orders(self) -> list[bytes]:
        """Return the bodies of the lists of orders."""
        return [answer.content for url, (answer, _) in self.answers.items() if "/orders?" in url]


class Replaying(httpx.BaseTransport):
    """Gives the same answers again in the time that a real shop takes; the sandbox itself would take longer."""

    def __init__(self, answers: Mapping[str, tuple[httpx.Response, int]]) -> None:
        self._answers = answers

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Wait and answer."""
        answer, records = self._answers[str(request.url)]
        exchange = Exchange(
            method=request.method,
            path=request.url.path,
            query=request.url.query.decode(),
            sync=False,
            sent=1,
            answered=records,
        )
        time.sleep(oro_seconds(exchange))
        return httpx.Response(
            answer.status_code, headers=_plain(answer.headers), content=answer.content, request=request
        )


def _plain(headers: httpx.Headers) -> dict[str, str]:
    return {
        name: value for name, value in headers.items() if name not in ("content-encoding", "content-length")
    }


def measure(lab: Lab, _: Path | None) -> None:
    """Add the figures of asking."""
    returns = max(int(RETURNS * lab.scale), 40)
    start = datetime.combine(UNTIL, datetime.min.time(), UTC) - timedelta(days=DAYS)
    window = Window(start, start + timedelta(days=DAYS))
    with (
        sandbox(lab.folder, seed=7, orders=2 * returns, returns=returns, days=DAYS) as box,
        lab.database() as (template, conn),
    ):
        with ReboundClient(box.rebound_url, box.login, box.api_key) as rebound:
            land_rebound_returns(rebound, conn, window, default_mapping(), now=datetime.now(UTC), run_id="b")
        conn.close()
        with Recording() as recorded, lab.database(template) as (_, copy):
            _land(box, copy, window, recorded)
            orders, used = _used(copy)
        lists = recorded.of_orders()
        lab.note(
            Figure(
                f"bytes answered for {orders:,} returned orders ÷ bytes of the values used",
                sum(map(len, lists)) / used,
                note=f"{len(lists)} requests, {sum(map(len, lists)) / orders:,.0f} bytes an order",
            )
        )
        floor = min(_time(orders, size) for size in PAGES)
        times = []
        for _ in range(lab.repeats):
            with lab.database(template) as (_, copy):
                times.append(seconds(lambda copy=copy: _land(box, copy, window, Replaying(recorded.answers))))
        lab.note(
            Figure(
                f"{orders:,} returned orders asked for and landed, {AT_ONCE} at once ÷ one pass at the best page size",
                middle(times) / floor,
                1.3,
                note=f"{middle(times):.2f} s and {floor:.2f} s",
            )
        )


def _land(box: Box, conn: psycopg.Connection, window: Window, transport: httpx.BaseTransport) -> None:
    with OroClient(
        box.oro_url, box.client_id, box.client_secret, transport=transport, max_connections=AT_ONCE
    ) as oro:
        land_oro_orders(oro, conn, window, Policy(), now=datetime.now(UTC), run_id="b")


def _time(orders: int, size: int, model: Callable[[Exchange], float] = oro_seconds) -> float:
    """Return what the shop takes for one pass over so many orders in pages of a size, with all connections busy."""
    requests = math.ceil(orders / size)
    rounds = math.ceil(requests / AT_ONCE)
    page = Exchange("GET", "/admin/api/orders", "", sync=False, sent=0, answered=min(size, orders))
    return rounds * model(page)


def _used(conn: psycopg.Connection) -> tuple[int, int]:
    """Return how many orders landed, and the bytes of the values that are used of them."""
    used = 0
    for table, columns in USED.items():
        query = f"select coalesce(sum(octet_length(concat_ws(',', {columns}))), 0) from {table}"
        used += int((conn.execute(query).fetchone() or (0,))[0])
    (orders,) = conn.execute("select count(*) from landing.oro_orders").fetchone() or (0,)
    return int(orders), used
