"""The store behind the imitated shop: seeded in bulk, kept over restarts, read by many threads."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rebound_oro_pipeline.sandbox.oro.records import (
    KitItemRecord,
    KitLineRecord,
    LineRecord,
    OrderRecord,
    ProductRecord,
    UnitRecord,
)
from rebound_oro_pipeline.sandbox.oro.store import OroStore


def an_order(identifier: str) -> OrderRecord:
    component = KitLineRecord(
        attributes={"productSku": "PART", "quantity": 2, "value": "1.0000"}, product="1"
    )
    return OrderRecord(
        attributes={"identifier": identifier, "currency": "USD"},
        customer="1",
        lines=[
            LineRecord(attributes={"productSku": "A", "quantity": 1, "productUnitCode": "item"}, product="1"),
            LineRecord(attributes={"productSku": "KIT", "quantity": 3}, product="2", kit_items=[component]),
        ],
        discounts=[{"description": "d", "percent": 0.1, "amount": "0.0000"}],
        trackings=[{"method": "UPS", "number": "1Z"}],
        subtotals=[{"orderSubtotalType": "subtotal", "label": "Subtotal", "amount": "1.0000"}],
    )


def test_what_is_seeded_is_linked_both_ways_and_survives_a_restart(tmp_path: Path) -> None:
    with OroStore(tmp_path / "home" / "oro.sqlite3") as store:
        store.add_customer({"name": "C"})
        [part] = store.add_products([ProductRecord(attributes={"sku": "PART"})])
        kit = KitItemRecord(label="Part", products=[part])
        store.add_product(ProductRecord(attributes={"sku": "KIT"}, kit_items=[kit]))
        assert store.add_orders([an_order("O-1"), an_order("O-2")]) == ["1", "2"]
        store.add_client("id", "secret")

    with OroStore(tmp_path / "home" / "oro.sqlite3") as store:
        order = store.find("orders", "identifier", "O-2")
        assert order is not None
        assert order.relations["lineItems"] == ["3", "4"]
        line = store.record("orderlineitems", "4")
        assert line is not None
        assert line.relations["orders"] == ["2"]
        assert [record.relations["lineItem"] for record in store.records("orderproductkititemlineitems")] == [
            "2",
            "4",
        ]
        assert [record.relations["orders"] for record in store.records("ordershippingtrackings")] == [
            ["1"],
            ["2"],
        ]
        kit_product = store.find("products", "sku", "KIT")
        assert kit_product is not None
        assert kit_product.attributes["productType"] == "kit"
        assert store.client("id") is not None


def test_a_bulk_of_orders_is_all_or_nothing(tmp_path: Path) -> None:
    with OroStore(tmp_path / "oro.sqlite3") as store:
        with pytest.raises(sqlite3.IntegrityError):
            store.add_orders([an_order("O-1"), an_order("O-1")])
        assert (store.count("orders"), store.count("orderlineitems")) == (0, 0)


def test_stock_is_told_by_sku_and_unit(tmp_path: Path) -> None:
    units = [
        UnitRecord(code="item", quantity="5"),
        UnitRecord(code="set", quantity="0.5"),
        UnitRecord(code="box"),
    ]
    with OroStore(tmp_path / "oro.sqlite3") as store:
        store.add_product(ProductRecord(attributes={"sku": "A"}, units=units))
        assert store.stock() == {("A", "item"): "5", ("A", "set"): "0.5"}
        store.change("inventorylevels", "1", {"quantity": "4"})
        assert store.stock()["A", "item"] == "4"


def test_a_record_that_is_not_there_cannot_be_changed(tmp_path: Path) -> None:
    with OroStore(tmp_path / "oro.sqlite3") as store, pytest.raises(KeyError, match="no orders 7"):
        store.change("orders", "7", {"poNumber": "x"})


def test_writes_of_many_threads_are_not_lost(tmp_path: Path) -> None:
    with OroStore(tmp_path / "oro.sqlite3") as store, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: store.add_order(an_order(f"O-{number}")), range(40)))
        assert store.count("orders") == 40
        assert {tuple(order.relations["lineItems"]) for order in store.records("orders")} == {
            (str(2 * number - 1), str(2 * number)) for number in range(1, 41)
        }
