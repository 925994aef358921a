"""The whole landing over real HTTP, from every version of OroCommerce that is imitated."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.land_oro_inventory_levels import land_oro_inventory_levels
from rebound_oro_pipeline.services.land_oro_orders import land_oro_orders
from rebound_oro_pipeline.services.land_oro_products import land_oro_products
from rebound_oro_pipeline.services.land_rebound_returns import land_open_returns, land_rebound_returns
from rebound_oro_pipeline.warehouse.landing import Landed

# Which relations the orders of a version have: internalStatus, shippingStatus, orderSubtotals.
STATUSES = {
    "5.1": (False, False, False),
    "6.0": (True, False, False),
    "6.1": (True, True, True),
    "7.0": (True, True, True),
}


@pytest.fixture(params=STATUSES)
def profile(request: pytest.FixtureRequest) -> str:
    version: str = request.param
    return version


@pytest.fixture
def clients(profile: str, tmp_path: Path) -> Iterator[tuple[ReboundClient, OroClient]]:
    size = ["--days", "10", "--orders", "80", "--returns", "30", "--latency-scale", "0"]
    ports = ["--oro-port", "0", "--rebound-port", "0"]
    command = [sys.executable, "-m", "rebound_oro_pipeline.sandbox", "--home", str(tmp_path), "--seed", "1"]
    with subprocess.Popen(
        [*command, *size, *ports, "--profile", profile], stdout=subprocess.PIPE, text=True
    ) as sandbox:
        try:
            assert sandbox.stdout is not None
            at: dict[str, Any] = json.loads(sandbox.stdout.readline())
            with (
                ReboundClient(at["rebound_url"], at["login"], at["api_key"]) as rebound,
                OroClient(at["oro_url"], at["client_id"], at["client_secret"]) as oro,
            ):
                yield rebound, oro
        finally:
            sandbox.terminate()


def land_everything(
    clients: tuple[ReboundClient, OroClient], conn: psycopg.Connection, now: datetime
) -> list[Landed]:
    rebound, oro = clients
    window = Window(now - timedelta(days=30), now + timedelta(days=1))
    stamp: dict[str, Any] = {"now": now, "run_id": "run-1"}
    return [
        land_rebound_returns(rebound, conn, window, default_mapping(), **stamp),
        land_open_returns(rebound, conn, default_mapping(), **stamp),
        land_oro_orders(oro, conn, window, Policy(), with_subtotals=True, **stamp),
        land_oro_products(oro, conn, window, **stamp),
        land_oro_inventory_levels(oro, conn, window, **stamp),
    ]


def test_everything_that_the_returns_need_lands_once(
    clients: tuple[ReboundClient, OroClient], profile: str, conn: psycopg.Connection
) -> None:
    now = datetime.now(UTC)
    returns, still_open, orders, products, levels = land_everything(clients, conn, now)
    assert returns.received == 30
    assert still_open.new == 0
    for landed in (orders, products, levels):
        assert landed.new == landed.received > 20
        assert landed.malformed == 0
    relations = "has_internal_status, has_shipping_status, has_subtotals"
    found = conn.execute(f"select distinct {relations} from landing.oro_orders").fetchall()
    assert found == [STATUSES[profile]]
    nothing_on = "not exists (select from landing.oro_product_units u where u.product_id = l.product_id)"
    (without_units,) = conn.execute(
        f"select count(*) from landing.oro_order_lines l where product_id is not null and {nothing_on}"
    ).fetchone() or (None,)
    assert without_units == 0

    again = land_everything(clients, conn, now + timedelta(minutes=1))
    assert [(landed.new, landed.changed) for landed in again] == [(0, 0)] * 5
    assert [landed.received for landed in again] == [
        landed.received for landed in (returns, still_open, orders, products, levels)
    ]
