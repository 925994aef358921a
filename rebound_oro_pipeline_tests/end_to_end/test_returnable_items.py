"""Offers from the shop to ReBound and back, through the real definitions and over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.defs.jobs import OFFER, PUSH_OFFERS, RETURNS
from rebound_oro_pipeline.services.land_rebound_returns import land_rebound_returns
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, environment, prepare, variables
from rebound_oro_pipeline_tests.sandbox_process import Box, sandbox

TOMORROW = datetime.now(UTC).date() + timedelta(days=1)
"""Where the sandbox's clock begins. It stands still, so a test moves it on."""


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    with sandbox(tmp_path, orders=80, returns=20, days=10, until=TOMORROW) as box:
        yield box


@pytest.fixture
def loop(box: Box, tmp_path: Path, database_url: str) -> Iterator[Loop]:
    first_day = (TOMORROW - timedelta(days=10)).isoformat()
    with environment(variables(tmp_path, database_url, box, first_day)):
        prepare(database_url)
        with Loop.in_memory(database_url) as loop:
            yield loop


def run(loop: Loop, job: str, days: tuple[str, str] | None = None) -> dg.ExecuteInProcessResult:
    result = loop.run(job, days)
    assert result.success, result.get_step_failure_events()
    return result


def tell(loop: Loop, box: Box) -> None:
    """Make offers and send them; by the sandbox's clock they arrive an hour later, and another hour passes."""
    box.control("clock", {"advance_hours": 1})
    run(loop, OFFER)
    run(loop, PUSH_OFFERS)
    arrived = box.state("scenario")["scenario"]["now"]
    with connect(loop.database_url) as conn:
        conn.execute(
            "update outbox.messages set confirmed_at = %s where kind = 'rebound_order' and confirmed_at < %s",
            (arrived, TOMORROW),
        )
    box.control("clock", {"advance_hours": 1})


def held(box: Box) -> dict[str, dict[str, Any]]:
    """Return order reference → SKU → item, as ReBound holds them."""
    return {
        each["order_reference"]: {item["sku_code"]: item for item in each["document"]["item"]}
        for each in box.state("rebound_orders")["rebound_orders"]
    }


def pushes(box: Box) -> dict[str, int]:
    return {each["order_reference"]: each["pushes"] for each in box.state("rebound_orders")["rebound_orders"]}


def register(box: Box, reference: str, sku: str, quantity: str) -> httpx.Response:
    wanted = {"order_reference": reference, "items": [{"sku": sku, "quantity": quantity}]}
    return httpx.post(f"{box.control_url}/rebound/returns", json=wanted)


def land_what_customers_registered(loop: Loop, box: Box) -> None:
    with (
        ReboundClient(box.rebound_url, box.login, box.api_key) as rebound,
        connect(loop.database_url) as conn,
    ):
        now = datetime.now(UTC)
        window = Window(now - timedelta(days=1), now + timedelta(days=3))
        land_rebound_returns(rebound, conn, window, default_mapping(), now=now, run_id="test")


def test_offers_go_round(loop: Loop, box: Box) -> None:
    run(
        loop,
        RETURNS,
        ((TOMORROW - timedelta(days=10)).isoformat(), (TOMORROW - timedelta(days=2)).isoformat()),
    )
    tell(loop, box)
    orders = {order["identifier"]: order for order in box.state("orders")["orders"]}
    told = held(box)
    assert len(told) > 30
    for reference in told:
        assert orders[reference]["shipping_status"] != "not_shipped"
        assert orders[reference]["internal_status"] not in ("cancelled", "pending")
    mart = loop.rows("select order_reference, sku, sum(quantity) from marts.returnable_items group by 1, 2")
    assert {(reference, sku): quantity for reference, sku, quantity in mart if quantity} == {
        (reference, sku): Decimal(item["quantity"])
        for reference, items in told.items()
        for sku, item in items.items()
        if Decimal(item["quantity"])
    }
    check_nothing_is_told_twice(loop, box)
    reference, item = next(
        (reference, item)
        for reference, items in sorted(told.items())
        for item in items.values()
        if Decimal(item["quantity"]) >= 2 and Decimal(item["quantity"]) % 1 == 0 and len(items) > 1
    )
    check_a_return_uses_up_what_was_offered(loop, box, reference, item)
    check_a_cancelled_order_is_withdrawn(loop, box, reference, orders[reference]["id"])
    check_a_return_of_it_is_reported(loop, box, reference, item["sku_code"])


def check_nothing_is_told_twice(loop: Loop, box: Box) -> None:
    before = pushes(box)
    tell(loop, box)
    assert before.items() <= pushes(box).items()


def check_a_return_uses_up_what_was_offered(
    loop: Loop, box: Box, reference: str, item: dict[str, Any]
) -> None:
    sku, quantity = item["sku_code"], Decimal(item["quantity"])
    box.control("rebound/portal", {"only_offered": True})
    refused = register(box, reference, sku, str(quantity + 1))
    assert (refused.status_code, "can be returned" in refused.text) == (400, True)
    assert register(box, reference, "NO-SUCH-SKU", "1").status_code == 400
    assert register(box, reference, sku, str(quantity - 1)).status_code == 200
    land_what_customers_registered(loop, box)
    tell(loop, box)
    assert Decimal(held(box)[reference][sku]["quantity"]) == 1
    assert loop.rows("select * from marts.unoffered_returns") == []


def check_a_cancelled_order_is_withdrawn(loop: Loop, box: Box, reference: str, order_id: str) -> None:
    changed = {"updatedAt": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    relations = {"internalStatus": "cancelled"}
    box.control("oro", {"type": "orders", "id": order_id, "attributes": changed, "relations": relations})
    tell(loop, box)
    withdrawn = held(box)[reference].values()
    assert {(item["quantity"], item["non_returnable"]) for item in withdrawn} == {("0", "TRUE")}
    assert loop.rows("select reason from push.rebound_orders where offer_state = 'withdrawn'") == [
        ("order_cancelled",)
    ]


def check_a_return_of_it_is_reported(loop: Loop, box: Box, reference: str, sku: str) -> None:
    assert register(box, reference, sku, "1").status_code == 400
    box.control("rebound/portal", {"only_offered": False})
    return_id = register(box, reference, sku, "1").json()["return_id"]
    land_what_customers_registered(loop, box)
    result = run(loop, OFFER)
    [warned] = [each for each in result.get_asset_check_evaluations() if not each.passed]
    assert (warned.check_name, warned.severity) == (
        "assert_returns_are_of_offered_items",
        dg.AssetCheckSeverity.WARN,
    )
    found = loop.rows("select return_id, order_reference, sku, finding from marts.unoffered_returns")
    assert found == [(return_id, reference, sku, "offer_withdrawn")]


def test_offers_that_the_policy_switches_off_are_not_made(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("offer: {enabled: false}\n")
    monkeypatch.setenv("REBOUND_ORO_POLICY_FILE", str(policy))
    result = loop.run(OFFER)
    assert not result.success
    [failure] = result.get_step_failure_events()
    assert "offer.enabled: false" in str(failure.step_failure_data.user_failure_data)
    assert loop.rows("select * from ledger.offers") == []
