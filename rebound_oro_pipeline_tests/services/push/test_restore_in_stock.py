"""What ran out and came back is on sale again; what was taken off sale is not."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.clients.errors import Forbidden
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.policy import Stock
from rebound_oro_pipeline.services.push_inventory_levels import push_inventory_levels
from rebound_oro_pipeline.services.restore_in_stock import restore_by_policy, restore_in_stock
from rebound_oro_pipeline_tests.services.push.shop_at_work import AT_ONCE, Shop, answer, put_delta

Box = psycopg.Connection[Any]


@pytest.fixture
def replenished(shop: Shop, oro: OroClient, box: Box, database_url: str) -> None:
    """SKU-1 and SKU-2 ran out and got units back, SKU-3 had some left; SKU-2 is discontinued."""
    for sku, quantity, status in (
        ("SKU-1", "0", "out_of_stock"),
        ("SKU-2", "0", "discontinued"),
        ("SKU-3", "4", "out_of_stock"),
    ):
        product = shop.store.find("products", "sku", sku)
        assert product is not None
        shop.store.change("products", str(product.id), relations={"inventory_status": status})
        shop.store.change("inventorylevels", shop.level_id(sku), {"quantity": quantity})
        put_delta(box, f"N:{sku}", sku, "2")
    push_inventory_levels(oro, database_url, run_id="1", rules=AT_ONCE)


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
