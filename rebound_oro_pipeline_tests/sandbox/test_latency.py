"""The latency model against the times that it was made from."""

import time
from pathlib import Path

import httpx
import pytest

from rebound_oro_pipeline.sandbox.latency import Exchange, oro_seconds
from rebound_oro_pipeline_tests.sandbox_process import sandbox

API = "/admin/api"


def exchange(
    method: str, path: str, *, query: str = "", sync: bool = False, sent: int = 0, answered: int = 0
) -> Exchange:
    return Exchange(method, path, query, sync, sent, answered)


@pytest.mark.parametrize(
    ("asked", "measured", "tolerance"),
    [
        (exchange("GET", f"{API}/orders/7"), 0.060, 0.0),
        (exchange("POST", f"{API}/reboundcreditnotes"), 0.100, 0.0),
        (exchange("PATCH", f"{API}/inventorylevels/7"), 0.077, 0.001),
        (exchange("PATCH", f"{API}/reboundcreditnotes", sync=True, sent=1), 0.270, 0.02),
        (exchange("PATCH", f"{API}/reboundcreditnotes", sync=True, sent=50), 0.590, 0.05),
        (exchange("PATCH", f"{API}/inventorylevels", sync=True, sent=100), 0.880, 0.1),
        (exchange("GET", f"{API}/orders", answered=120), 120 * 0.003, 0.07),
        (
            exchange("GET", f"{API}/orders", query="include=lineItems%2CorderSubtotals", answered=120),
            120 * 0.018,
            0.07,
        ),
        (exchange("POST", "/oauth2-token"), 0.060, 0.0),
    ],
)
def test_the_model_is_near_what_was_measured(asked: Exchange, measured: float, tolerance: float) -> None:
    assert oro_seconds(asked) == pytest.approx(measured, abs=tolerance + 1e-9)


def test_answers_are_delayed_by_the_scaled_model(tmp_path: Path) -> None:
    with sandbox(tmp_path, orders=10, returns=5, latency_scale=2) as box:
        headers = {"Authorization": f"Bearer {box.oro_token()}", "Accept": "application/vnd.api+json"}
        started = time.monotonic()
        httpx.get(f"{box.oro_url}/admin/api/orders/1", headers=headers).raise_for_status()
        assert time.monotonic() - started >= 2 * 0.060
        started = time.monotonic()
        box.rebound("returns/get", {"return": {"id": "7000001", "type": "id"}})
        assert time.monotonic() - started >= 2 * 0.080
