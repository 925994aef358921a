"""What ran out and came back is on sale again; what was taken off sale is not."""

from decimal import Decimal

import httpx
import pytest

from rebound_oro_pipeline.clients.errors import Forbidden
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.policy import Stock
from rebound_oro_pipeline.services.push_inventory_levels import push_inventory_levels
from rebound_oro_pipeline.services.restore_in_stock import restore_by_policy, restore_in_stock
from rebound_oro_pipeline_tests.services.push.shop_at_work import AT_ONCE, Box, Shop, answer, put_delta


@pytest.fixture
def replenished(shop: Shop, oro: OroClient, box: Box, database_url: str) -> None:
    """SKU-1 and SKU-2 ran out and got units back, SKU-3 had some left; SKU-2 is discontinued."""
    for sku, quantity, status in (
        ("SKU-1", "0", "out_of_stock"),
        ("SKU-2", "0", "discontinued"),
        ("SKU-3", "4", "out_of_stock"),
    ):
        set_status(shop, sku, status)
        shop.store.change("inventorylevels", shop.level_id(sku), {"quantity": quantity})
        put_delta(box, f"N:{sku}", sku, "2")
    push_inventory_levels(oro, database_url, run_id="1", rules=AT_ONCE)


def set_status(shop: Shop, sku: str, status: str) -> None:
    product = shop.store.find("products", "sku", sku)
    assert product is not None
    shop.store.change("products", str(product.id), relations={"inventory_status": status})


def status(shop: Shop, sku: str) -> str:
    product = shop.store.find("products", "sku", sku)
    assert product is not None
    return str(product.relations["inventory_status"])


@pytest.mark.usefixtures("replenished")
def test_only_what_ran_out_and_came_back_is_put_on_sale_again(shop: Shop, oro: OroClient, box: Box) -> None:
    result = restore_in_stock(oro, box, run_id="2")
    assert (result.checked, result.restored) == (2, 1)
    assert [status(shop, f"SKU-{n}") for n in (1, 2, 3)] == ["in_stock", "discontinued", "out_of_stock"]
    again = restore_in_stock(oro, box, run_id="3")
    assert (again.checked, again.restored) == (0, 0)
    assert shop.network.count("PATCH", "/products/") == 1


@pytest.mark.usefixtures("replenished")
def test_the_policy_says_whether_products_are_put_on_sale_again(
    shop: Shop, oro: OroClient, database_url: str
) -> None:
    assert restore_by_policy(oro, database_url, Stock(), run_id="2") is None
    assert status(shop, "SKU-1") == "out_of_stock"
    restored = restore_by_policy(oro, database_url, Stock(restore_in_stock=True), run_id="3")
    assert restored is not None
    assert restored.restored == 1
    assert status(shop, "SKU-1") == "in_stock"


@pytest.mark.usefixtures("replenished")
def test_a_shop_that_calls_few_units_none_is_followed(shop: Shop, oro: OroClient, database_url: str) -> None:
    """Four and two are more than five; none and two are not."""
    stock = Stock(restore_in_stock=True, out_of_stock_at=Decimal(5))
    restored = restore_by_policy(oro, database_url, stock, run_id="2")
    assert restored is not None
    assert [status(shop, sku) for sku in ("SKU-1", "SKU-2", "SKU-3")] == [
        "out_of_stock",
        "discontinued",
        "in_stock",
    ]


@pytest.mark.usefixtures("replenished")
def test_a_product_that_could_not_be_reached_is_left_for_the_next_run(
    shop: Shop, oro: OroClient, box: Box
) -> None:
    shop.network.before("PATCH", "/products/", answer(503))
    assert restore_in_stock(oro, box, run_id="2").left == 1
    assert restore_in_stock(oro, box, run_id="3").restored == 1
    assert status(shop, "SKU-1") == "in_stock"


@pytest.mark.usefixtures("replenished")
def test_a_missing_permission_is_told(shop: Shop, box: Box) -> None:
    with shop.client("limited") as oro, pytest.raises(Forbidden):
        restore_in_stock(oro, box, run_id="2")


@pytest.mark.usefixtures("replenished")
def test_what_was_sold_out_again_since_stays_out_of_stock_and_is_done_with(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    """The policy was off when the units came back."""
    shop.sell("SKU-1", 2)
    restored = restore_by_policy(oro, database_url, Stock(restore_in_stock=True), run_id="2")
    assert restored is not None
    assert (restored.checked, restored.restored, status(shop, "SKU-1")) == (2, 0, "out_of_stock")
    assert restore_in_stock(oro, box, run_id="3").checked == 0


@pytest.mark.usefixtures("replenished")
def test_what_came_back_after_it_was_sold_out_again_is_put_on_sale(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    shop.sell("SKU-1", 2)
    restore_in_stock(oro, box, run_id="2")
    put_delta(box, "M:SKU-1", "SKU-1", "1")
    push_inventory_levels(oro, database_url, run_id="3", rules=AT_ONCE)
    assert restore_in_stock(oro, box, run_id="4").restored == 1
    assert status(shop, "SKU-1") == "in_stock"


def test_each_level_is_read_right_before_its_product_is_put_on_sale(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    for sku in ("SKU-1", "SKU-2", "SKU-3"):
        set_status(shop, sku, "out_of_stock")
        shop.store.change("inventorylevels", shop.level_id(sku), {"quantity": "0"})
        put_delta(box, f"N:{sku}", sku, "2")
    push_inventory_levels(oro, database_url, run_id="1", rules=AT_ONCE)

    def meanwhile(_: httpx.Request) -> None:
        shop.sell("SKU-2", 2)
        set_status(shop, "SKU-3", "discontinued")

    shop.network.before("PATCH", "/products/", meanwhile)
    assert restore_in_stock(oro, box, run_id="2").restored == 1
    assert [status(shop, f"SKU-{n}") for n in (1, 2, 3)] == ["in_stock", "out_of_stock", "discontinued"]


def test_the_threshold_is_no_stock_where_the_level_is_read(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    set_status(shop, "SKU-1", "out_of_stock")
    shop.store.change("inventorylevels", shop.level_id("SKU-1"), {"quantity": "4"})
    put_delta(box, "N:SKU-1", "SKU-1", "2")
    push_inventory_levels(oro, database_url, run_id="1", rules=AT_ONCE)
    shop.sell("SKU-1", 1)
    assert restore_in_stock(oro, box, run_id="2", threshold=Decimal(5)).restored == 0
    assert status(shop, "SKU-1") == "out_of_stock"


@pytest.mark.usefixtures("replenished")
def test_a_product_whose_level_could_not_be_read_is_left_for_the_next_run(
    shop: Shop, oro: OroClient, box: Box
) -> None:
    """Levels are read for all at once, and again for each product that may be offered."""
    shop.network.before("GET", "/inventorylevels", lambda _: None)
    shop.network.before("GET", "/inventorylevels", answer(503), times=2)
    assert restore_in_stock(oro, box, run_id="2").left == 1
    assert restore_in_stock(oro, box, run_id="3").restored == 1
