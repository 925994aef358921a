"""The sandbox's state under its home: kept, made anew, and moved on in time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rebound_oro_pipeline.sandbox.rebound.documents import return_document
from rebound_oro_pipeline.sandbox.scenario import ScenarioSettings
from rebound_oro_pipeline.sandbox.scenario_shares import OrderState
from rebound_oro_pipeline.sandbox.truth import parts
from rebound_oro_pipeline.sandbox.world import HomeInUseError, World

UNTIL = datetime(2026, 3, 16, tzinfo=UTC)
SETTINGS = ScenarioSettings(seed=3, days=10, orders=60, returns=50, until=UNTIL)


def statuses(world: World) -> dict[str, str | None]:
    now = world.now()
    return {
        kept.return_id: return_document(kept.template, now)["current_tracking_status"]
        for kept in world.rebound.returns(now)
    }


def test_a_home_keeps_its_state_over_a_restart(tmp_path: Path) -> None:
    world = World(tmp_path, SETTINGS)
    world.advance(5)
    world.oro.change("inventorylevels", "1", {"quantity": "77"})
    world.close()
    again = World(tmp_path, SETTINGS)
    level = again.oro.record("inventorylevels", "1")
    assert level is not None
    assert level.attributes["quantity"] == "77"
    assert again.now() == UNTIL + timedelta(hours=5)
    again.close()


def test_other_settings_make_the_home_anew_and_leave_other_files_alone(tmp_path: Path) -> None:
    """A home may be a folder that holds something else too."""
    (tmp_path / "notes.txt").write_text("mine")
    World(tmp_path, SETTINGS).close()
    world = World(tmp_path, replace(SETTINGS, orders=70))
    assert world.oro.count("orders") == 70
    assert (tmp_path / "notes.txt").read_text() == "mine"
    world.close()


def test_reset_undoes_everything(tmp_path: Path) -> None:
    world = World(tmp_path, SETTINGS)
    before = parts(world)["inventory_levels"]()
    world.advance(100)
    world.oro.change("inventorylevels", "1", {"quantity": "77"})
    world.reset()
    assert parts(world)["inventory_levels"]() == before
    assert world.now() == UNTIL
    world.close()


def test_two_sandboxes_do_not_share_a_home(tmp_path: Path) -> None:
    world = World(tmp_path, SETTINGS)
    with pytest.raises(HomeInUseError, match="another sandbox runs"):
        World(tmp_path, SETTINGS)
    world.close()
    World(tmp_path, SETTINGS).close()


def test_returns_move_on_with_time_and_none_goes_back(tmp_path: Path) -> None:
    way = ["created", "in_network", "at_hub", "processed", "delivered"]
    world = World(tmp_path, SETTINGS)
    before = statuses(world)
    world.advance(24)
    after = statuses(world)
    world.advance(24 * 20)
    at_last = statuses(world)
    world.close()
    assert before != after
    for return_id, status in before.items():
        if status in way and after[return_id] in way:
            assert way.index(str(status)) <= way.index(str(after[return_id]))
    assert set(at_last.values()) == {"delivered", "cancelled", "lost_in_transit"}


def test_an_order_that_is_shipped_later_is_shipped_when_its_time_has_come(tmp_path: Path) -> None:
    world = World(tmp_path, SETTINGS)
    [identifier] = [name for name, state in world.order_states.items() if state == OrderState.SHIPPED_LATER]

    def status() -> str:
        order = world.oro.find("orders", "identifier", identifier)
        assert order is not None
        return str(order.relations["shippingStatus"])

    assert status() == "not_shipped"
    world.advance(24 * 3)
    assert status() == "shipped"
    world.close()


def test_time_does_not_go_back(tmp_path: Path) -> None:
    world = World(tmp_path, SETTINGS)
    with pytest.raises(ValueError, match="does not go back"):
        world.advance(-1)
    world.close()


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("6.1", {"open", "processing", "closed", "pending", "cancelled"}),
        ("6.0", {"open", "shipped", "closed", "archived", "cancelled"}),
    ],
)
def test_orders_have_the_statuses_of_the_release(tmp_path: Path, profile: str, expected: set[str]) -> None:
    world = World(tmp_path, replace(SETTINGS, orders=400, profile=profile))
    orders = world.oro.records("orders")
    world.close()
    assert {order.relations["internalStatus"] for order in orders} == expected
    shipping = {order.relations["shippingStatus"] for order in orders}
    assert shipping == ({None, "shipped", "partially_shipped", "not_shipped"} if profile == "6.1" else {None})


def test_the_aliases_are_a_file_that_operators_can_import(tmp_path: Path) -> None:
    world = World(tmp_path, SETTINGS)
    header, *rows = world.aliases.read_text().splitlines()
    world.close()
    assert header == "alias,sku"
    assert all(row.startswith("OLD-") and row.count(",") == 1 for row in rows)
    assert rows


def test_one_order_was_updated_in_the_future(tmp_path: Path) -> None:
    """As rows of real shops are: the largest updatedAt is no watermark."""
    world = World(tmp_path, SETTINGS)
    updated = [order.attributes["updatedAt"] for order in world.oro.records("orders")]
    world.close()
    assert sum(moment > "2026-03-16T00:00:00Z" for moment in updated) == 1
