"""Orders that changed since the last reading land, whatever their times look like; the sandbox answers over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import stamina

from rebound_oro_pipeline.clients.errors import ApiError
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.services.land_changed_oro_orders import (
    OVERLAP,
    STREAM,
    ChangedOrders,
    land_changed_oro_orders,
)
from rebound_oro_pipeline.warehouse import watermarks
from rebound_oro_pipeline_tests.sandbox_process import UNTIL, Box, sandbox

ORDERS = 150
"""More than a page."""
FROM_THE_FUTURE = 3
"""Most orders of the scenario that claim a moment yet to come: they are in every answer."""
ASKED = datetime(UNTIL.year, UNTIL.month, UNTIL.day, 12, tzinfo=UTC)
BY_TRACKING = Policy.model_validate({"gate": {"when_status_missing": "tracking_is_dispatched"}})


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with sandbox(tmp_path_factory.mktemp("shop"), orders=ORDERS, returns=10) as box:
        yield box


@pytest.fixture
def box(shop: Box) -> Box:
    shop.control("reset")
    return shop


@pytest.fixture
def oro(box: Box) -> Iterator[OroClient]:
    with (
        stamina.set_testing(testing=True),
        OroClient(box.oro_url, box.client_id, box.client_secret) as client,
    ):
        yield client


def read(
    oro: OroClient,
    conn: psycopg.Connection,
    *,
    at: datetime = ASKED,
    policy: Policy | None = None,
    **options: Any,
) -> ChangedOrders:
    return land_changed_oro_orders(
        oro, conn, policy or Policy(), now=at, run_id="run-1", lookback=timedelta(days=365), **options
    )


def change(box: Box, order_id: str, *, updated_at: datetime | None = None, **attributes: Any) -> None:
    stamp = {"updatedAt": updated_at.strftime("%Y-%m-%dT%H:%M:%SZ")} if updated_at else {}
    box.control("oro", {"type": "orders", "id": order_id, "attributes": {**stamp, **attributes}})


def test_the_first_reading_takes_all_and_the_next_one_what_changed(
    oro: OroClient, box: Box, conn: psycopg.Connection
) -> None:
    assert read(oro, conn).landed.new == ORDERS
    nothing = read(oro, conn, at=ASKED + timedelta(hours=1))
    assert (nothing.landed.new, nothing.landed.changed, nothing.since) == (0, 0, ASKED - OVERLAP)
    assert nothing.landed.received <= FROM_THE_FUTURE
    change(box, "7", updated_at=ASKED + timedelta(hours=2), poNumber="PO-NEW")
    changed = read(oro, conn, at=ASKED + timedelta(hours=3))
    assert changed.landed.changed == 1
    assert changed.landed.received <= 1 + FROM_THE_FUTURE


def test_orders_of_the_same_second_are_read_over_several_pages(
    oro: OroClient, box: Box, conn: psycopg.Connection
) -> None:
    read(oro, conn)
    moment = ASKED + timedelta(minutes=1)
    for number in range(1, ORDERS + 1):
        change(box, str(number), updated_at=moment, poNumber=f"PO-{number}")
    assert read(oro, conn, at=ASKED + timedelta(hours=1)).landed.changed == ORDERS


def test_an_order_from_the_future_moves_no_watermark(
    oro: OroClient, box: Box, conn: psycopg.Connection
) -> None:
    change(box, "3", updated_at=ASKED + timedelta(days=400))
    assert read(oro, conn).until == ASKED
    assert watermarks.read_until(conn, STREAM) == ASKED
    change(box, "4", updated_at=ASKED + timedelta(minutes=5), poNumber="PO-4")
    assert read(oro, conn, at=ASKED + timedelta(hours=1)).landed.changed == 1


def test_a_change_that_is_written_late_with_an_earlier_time_is_read_by_the_overlap(
    oro: OroClient, box: Box, conn: psycopg.Connection
) -> None:
    read(oro, conn)
    change(box, "5", updated_at=ASKED - timedelta(minutes=10), poNumber="PO-5")
    assert read(oro, conn, at=ASKED + timedelta(minutes=1)).landed.changed == 1


def test_a_clock_of_ours_that_is_ahead_passes_over_no_change(
    oro: OroClient, box: Box, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = timedelta(hours=2)
    monkeypatch.setattr(OroClient, "clock_ahead", ahead)
    assert read(oro, conn).until == ASKED - ahead
    change(box, "5", updated_at=ASKED - ahead + timedelta(minutes=30), poNumber="PO-5")
    assert read(oro, conn, at=ASKED + timedelta(hours=1)).landed.changed == 1


def test_a_reading_that_breaks_off_is_begun_again_from_the_same_mark(
    oro: OroClient, box: Box, conn: psycopg.Connection
) -> None:
    read(oro, conn)
    change(box, "9", updated_at=ASKED + timedelta(minutes=1), poNumber="PO-9")
    box.control("faults", {"kind": "500", "system": "oro", "path": "/admin/api/orders", "count": 20})
    with pytest.raises(ApiError):
        read(oro, conn, at=ASKED + timedelta(hours=1))
    conn.rollback()
    assert watermarks.read_until(conn, STREAM) == ASKED
    box.clear_faults()
    assert read(oro, conn, at=ASKED + timedelta(hours=2)).landed.changed == 1


def test_a_mark_goes_back_for_nobody_and_does_not_blind_a_clock_that_was_set_back(
    oro: OroClient, box: Box, conn: psycopg.Connection
) -> None:
    read(oro, conn)
    earlier = ASKED - timedelta(days=1)
    assert read(oro, conn, at=earlier).since == earlier - OVERLAP
    assert watermarks.read_until(conn, STREAM) == ASKED
    assert watermarks.read_until(conn, STREAM, now=earlier) == earlier
    assert watermarks.read_until(conn, "never read", now=earlier) is None


def test_a_mark_says_since_when_a_stream_is_known_without_a_gap(conn: psycopg.Connection) -> None:
    def known_since(since: datetime | None, until: datetime) -> datetime | None:
        watermarks.advance(conn, STREAM, until, since=since)
        [(found,)] = conn.execute("select read_since from landing.watermarks").fetchall()
        return found

    hour, began = timedelta(hours=1), ASKED - timedelta(days=60)
    assert known_since(began, ASKED) == began
    assert known_since(ASKED, ASKED + hour) == began
    assert known_since(began - hour, ASKED + 2 * hour) == began - hour
    assert known_since(ASKED + 3 * hour, ASKED + 4 * hour) == ASKED + 3 * hour
    assert known_since(None, ASKED + 5 * hour) is None
    assert known_since(ASKED + 5 * hour, ASKED + 6 * hour) == ASKED + 5 * hour


def test_a_tracking_moves_no_time_and_is_seen_all_the_same_where_the_policy_goes_by_it(
    oro: OroClient, box: Box, conn: psycopg.Connection
) -> None:
    box.control(
        "oro", {"type": "orders", "id": "6", "relations": {"shippingStatus": None, "internalStatus": "open"}}
    )
    read(oro, conn)
    box.control("oro", {"type": "orders", "id": "6", "relations": {"shippingTrackings": ["1"]}})
    assert read(oro, conn, at=ASKED + timedelta(hours=1)).landed.changed == 0
    seen = read(oro, conn, at=ASKED + timedelta(hours=2), policy=BY_TRACKING)
    assert seen.landed.changed == 1


def test_a_shop_that_cannot_say_what_changed_is_read_by_creation(
    tmp_path: Path, conn: psycopg.Connection
) -> None:
    with (
        sandbox(tmp_path, orders=30, returns=5, profile="5.1") as box,
        OroClient(box.oro_url, box.client_id, box.client_secret) as oro,
    ):
        first = read(oro, conn)
        assert (first.field, first.landed.new) == ("createdAt", 30)
        again = read(oro, conn, at=ASKED + timedelta(hours=1))
    assert (again.since, again.landed.received) == (ASKED + timedelta(hours=1, days=-365), 30)
