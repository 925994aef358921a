"""What ran out and came back is on sale again; what was taken off sale is not."""

from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.clients.errors import Forbidden
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.services.push_inventory_levels import push_inventory_levels
from rebound_oro_pipeline.services.restore_in_stock import restore_in_stock
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
