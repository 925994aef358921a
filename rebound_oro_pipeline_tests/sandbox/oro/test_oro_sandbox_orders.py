"""Orders in the imitated shop after they were placed: totals added up anew, lines priced anew, promotions over."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rebound_oro_pipeline.sandbox.oro.records import OrderRecord, ShopTerms
from rebound_oro_pipeline.sandbox.pricing import LinePromotion, Promotions, ShopSettings, TaxRule, TaxSettings

RECORDED = Path(__file__).parents[2] / "recorded"


def patch(shop: Any, kind: str, record_id: str, **data: Any) -> Any:
    return shop.send("PATCH", f"{kind}/{record_id}", {"data": {"type": kind, "id": record_id, **data}})


def shipped(status: str = "shipped") -> dict[str, Any]:
    return {"relationships": {"shippingStatus": {"data": {"type": "ordershippingstatuses", "id": status}}}}


def order(shop: Any, order_id: str) -> dict[str, Any]:
    data: dict[str, Any] = shop.get(f"orders/{order_id}").json()["data"]
    return data


def test_a_patch_adds_the_total_up_under_the_settings_of_that_day(shop: Any) -> None:
    """Placed while prices included tax; patched after the shop had switched: figures as recorded."""
    shop.store.load_document(json.loads((RECORDED / "orders.json").read_text()))
    order_id = str(shop.store.find("orders", "identifier", "A-6-01").id)
    assert order(shop, order_id)["attributes"]["totalValue"] == "2390.2300"
    shop.store.terms = ShopTerms(settings=ShopSettings(taxes=TaxSettings(shipping_includes_tax=True)))

    patch(shop, "orders", order_id, **shipped("partially_shipped"))

    recorded = shop.exchange("order_total_changed_by_status_patch")["response"]["body"]["data"]["attributes"]
    assert order(shop, order_id)["attributes"]["totalValue"] == recorded["totalValue"] == "2580.6600"


def test_a_patch_under_the_settings_of_placement_changes_no_total(shop: Any) -> None:
    """All recorded orders of the settings without tax in prices are added up to what they were."""
    shop.store.load_document(json.loads((RECORDED / "orders.json").read_text()))
    for record in shop.store.records("orders"):
        setting = record.attributes["identifier"].split("-")
        if len(setting) == 3 and setting[1] in "012345":
            patch(shop, "orders", str(record.id), **shipped("not_shipped"))
            after = shop.store.record("orders", str(record.id))
            assert after.attributes["totalValue"] == record.attributes["totalValue"], setting


def test_a_line_that_changes_prices_the_order_anew_as_recorded(shop: Any) -> None:
    """A promotion on lines had become active meanwhile: the total holds it, the attribute `discount` does not."""
    shop.load("create_order_tax_discount_shipping")
    rule = TaxRule("TAX_A", Decimal("0.095"))
    promotions = Promotions(line=LinePromotion(fraction=Decimal("0.15"), unit_code="item"))
    shop.store.terms = ShopTerms(
        settings=ShopSettings(promotions=promotions), line_tax=rule, shipping_tax=rule
    )
    shop.turn_to("order_changed_after_placement")

    patch(shop, "orderlineitems", "102", attributes={"quantity": 4, "comment": "x"})

    recorded = shop.exchange("order_changed_after_placement")["response"]["body"]
    expected = recorded["data"]["attributes"]
    attributes = order(shop, "25")["attributes"]
    assert {name: attributes[name] for name in expected} == expected
    lines = {
        part["id"]: part["attributes"] for part in recorded["included"] if part["type"] == "orderlineitems"
    }
    shown = {
        row["id"]: row["attributes"] for row in shop.get("orderlineitems?filter[orders]=25").json()["data"]
    }
    assert shown == lines
    subtotals = [part["attributes"] for part in recorded["included"] if part["type"] == "ordersubtotals"]
    rows = [row["attributes"] for row in shop.get("ordersubtotals?filter[order]=25").json()["data"]]
    assert [(row["label"], row["amount"]) for row in rows] == [
        (row["label"], row["amount"]) for row in subtotals
    ]


def test_the_time_of_an_order_moves_with_its_lines_and_status_but_not_with_trackings(shop: Any) -> None:
    shop.load("create_order_tax_discount_shipping")
    placed = order(shop, "25")["attributes"]["updatedAt"]

    tracking = {"type": "ordershippingtrackings", "attributes": {"method": "UPS", "number": "1"}}
    tracking["relationships"] = {"orders": {"data": [{"type": "orders", "id": "25"}]}}
    assert shop.send("POST", "ordershippingtrackings", {"data": tracking}).status_code == 201
    after_tracking = order(shop, "25")
    assert after_tracking["attributes"]["updatedAt"] == placed
    assert len(after_tracking["relationships"]["shippingTrackings"]["data"]) == 1

    shop.now += timedelta(minutes=1)
    patch(shop, "orderlineitems", "102", attributes={"comment": "gift"})
    moved = order(shop, "25")["attributes"]["updatedAt"]
    assert moved == "2026-11-23T15:01:00Z"

    shop.now += timedelta(minutes=1)
    patch(shop, "orders", "25", **shipped())
    assert order(shop, "25")["attributes"]["updatedAt"] == "2026-11-23T15:02:00Z"


def test_the_discount_row_is_zero_once_the_promotion_has_ended_and_taxes_stay(shop: Any) -> None:
    body = shop.exchange("order_promo_order25")["response"]["body"]
    rows = [part["attributes"] for part in body["included"] if part["type"] == "ordersubtotals"]
    attributes = body["data"]["attributes"]
    pricing = {"promotions_end_at": "2026-11-23T15:10:00Z"}
    record = OrderRecord(attributes=attributes, lines=[], subtotals=rows, pricing=pricing)
    order_id = shop.store.add_order(record)

    def amounts() -> dict[str, str]:
        found = shop.get(f"ordersubtotals?filter[order]={order_id}").json()["data"]
        return {row["attributes"]["label"]: row["attributes"]["signedAmount"] for row in found}

    before = amounts()
    shop.now += timedelta(minutes=20)

    assert before["Discount"] == "-32.1200"
    assert amounts() == {**before, "Discount": "0.0000"}
    assert order(shop, order_id)["attributes"]["discount"] == 32.12


def test_lines_of_a_closed_order_are_locked_too(shop: Any) -> None:
    shop.load("create_order_tax_discount_shipping")
    shop.store.change("orders", "25", relations={"internalStatus": "closed"})
    assert patch(shop, "orderlineitems", "102", attributes={"comment": "x"}).status_code == 403
    assert order(shop, "25")["relationships"]["internalStatus"]["data"]["id"] == "closed"


def test_statuses_and_computed_figures_cannot_be_written(shop: Any) -> None:
    shop.load("create_order_tax_discount_shipping")
    before = order(shop, "25")
    figures = {"totalValue": "1", "subtotalValue": "1", "external": True, "discount": 5}
    statuses = {"status": {"data": {"type": "orderstatuses", "id": "open"}}}
    assert patch(shop, "orders", "25", attributes=figures, relationships=statuses).status_code == 200
    after = order(shop, "25")
    names = (*figures, "status")
    fields = [{**side["attributes"], **side["relationships"]} for side in (before, after)]
    assert [fields[0][name] for name in names if name != "totalValue"] == [
        fields[1][name] for name in names if name != "totalValue"
    ]


def test_an_order_that_is_deleted_takes_its_lines_along(shop: Any) -> None:
    shop.load("create_order_tax_discount_shipping")
    assert shop.send("DELETE", "orders/25").status_code == 204
    assert (shop.store.count("orderlineitems"), shop.store.count("orderdiscounts")) == (0, 0)


@pytest.mark.parametrize(("included", "expected"), [(False, "5.0000"), (True, "0.0000")])
def test_an_order_through_the_api_is_priced_under_the_terms_of_the_day(
    shop: Any, included: bool, expected: str
) -> None:
    rule = TaxRule("TEN", Decimal("0.1"))
    taxes = TaxSettings(prices_include_tax=included)
    shop.store.terms = replace(ShopTerms(line_tax=rule), settings=ShopSettings(taxes=taxes))
    line = {"type": "orderlineitems", "id": "l", "attributes": {"quantity": 5, "value": 10}}
    line["relationships"] = {
        "product": {"data": {"type": "products", "id": "1"}},
        "productUnit": {"data": {"type": "productunits", "id": "item"}},
    }
    document = {
        "data": {
            "type": "orders",
            "attributes": {"identifier": "NEW-1", "currency": "USD"},
            "relationships": {
                "customer": {"data": {"type": "customers", "id": "1"}},
                "lineItems": {"data": [{"type": "orderlineitems", "id": "l"}]},
            },
        },
        "included": [line],
    }

    answer = shop.send("POST", "orders", document)

    assert answer.status_code == 201
    attributes = answer.json()["data"]["attributes"]
    assert Decimal(attributes["totalValue"]) - Decimal(attributes["subtotalValue"]) == Decimal(expected)
    assert answer.json()["included"][0]["attributes"]["productSku"] == "SKU-001"
