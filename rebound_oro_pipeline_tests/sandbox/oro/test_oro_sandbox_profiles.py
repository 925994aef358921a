"""What differs between the releases that the imitated shop can be."""

import json
from pathlib import Path
from typing import Any

import pytest

from rebound_oro_pipeline.sandbox.oro.records import LineRecord, OrderRecord

RECORDED = Path(__file__).parents[2] / "recorded"


def filled(make_shop: Any, profile: str) -> Any:
    shop = make_shop(profile=profile)
    line = LineRecord(attributes={"productSku": "A", "quantity": 1, "productUnitCode": "item"})
    subtotals = [{"orderSubtotalType": "subtotal", "label": "Subtotal", "amount": "1.0000"}]
    attributes = {
        "identifier": "O-1",
        "currency": "USD",
        "updatedAt": "2026-11-01T00:00:00Z",
        "discount": 1.5,
    }
    shop.store.add_order(OrderRecord(attributes=attributes, lines=[line], subtotals=subtotals))
    return shop


def order(shop: Any, query: str = "") -> dict[str, Any]:
    document: dict[str, Any] = shop.get(f"orders/1{query}").json()
    return document


@pytest.mark.parametrize(("profile", "file"), [("6.1", "orders.json"), ("6.0", "orders-6.0.json")])
def test_recorded_orders_are_shown_as_they_were_recorded(make_shop: Any, profile: str, file: str) -> None:
    """Every attribute of every record, and every relation that the file holds (addresses were left out)."""
    shop = make_shop(profile=profile)
    document = json.loads((RECORDED / file).read_text())
    shop.store.load_document(document)

    include = "lineItems,lineItems.kitItemLineItems,orderSubtotals,discounts,shippingTrackings"
    shown = shop.get(f"orders?page[size]=-1&include={include}").json()

    def by_key(parts: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
        return {(part["type"], part["id"]): part for part in parts}

    assert [row["id"] for row in shown["data"]] == [row["id"] for row in document["data"]]
    found = by_key([*shown["data"], *shown["included"]])
    expected = by_key([*document["data"], *document["included"]])
    assert found.keys() == expected.keys()
    for key, part in expected.items():
        assert found[key]["attributes"] == part["attributes"]
        relations = {name: found[key]["relationships"].get(name) for name in part["relationships"]}
        assert relations == part["relationships"]


@pytest.mark.parametrize(
    ("profile", "statuses"),
    [
        ("5.1", None),
        ("6.0", ["archived", "cancelled", "closed", "open", "shipped"]),
        ("6.1", ["cancelled", "closed", "open", "pending", "processing"]),
        ("7.0", ["cancelled", "closed", "open", "pending", "processing"]),
    ],
)
def test_the_status_model_is_the_releases(make_shop: Any, profile: str, statuses: list[str] | None) -> None:
    shop = filled(make_shop, profile)
    answer = shop.get("orderinternalstatuses")
    relations = order(shop)["data"]["relationships"]
    assert ("internalStatus" in relations) is (statuses is not None)
    assert ("shippingStatus" in relations) is (profile in {"6.1", "7.0"})
    assert shop.get("ordershippingstatuses").status_code == (200 if profile in {"6.1", "7.0"} else 404)
    if statuses is None:
        assert answer.status_code == 404
    else:
        assert [row["id"] for row in answer.json()["data"]] == statuses


@pytest.mark.parametrize(
    ("profile", "name"), [("5.1", "order"), ("6.0", "order"), ("6.1", "orders"), ("7.0", "orders")]
)
def test_a_line_points_to_one_order_or_to_many(make_shop: Any, profile: str, name: str) -> None:
    shop = filled(make_shop, profile)
    reference = {"type": "orders", "id": "1"}
    line = shop.get(f"orderlineitems?filter[{name}]=1").json()["data"][0]
    assert line["relationships"][name] == {"data": reference if name == "order" else [reference]}
    assert len({"order", "orders"} & line["relationships"].keys()) == 1


@pytest.mark.parametrize("profile", ["5.1", "6.0"])
def test_before_6_1_subtotals_are_ignored_in_silence_and_unknown_by_name(
    make_shop: Any, profile: str
) -> None:
    shop = filled(make_shop, profile)
    assert "included" not in order(shop, "?include=orderSubtotals")
    assert "orderSubtotals" not in order(shop)["data"]["relationships"]
    assert shop.get("ordersubtotals?filter[order]=1").status_code == 404


def test_5_1_shows_no_figures_of_promotions_and_no_row_totals(make_shop: Any) -> None:
    shop = filled(make_shop, "5.1")
    assert "discount" not in order(shop)["data"]["attributes"]
    line = shop.get("orderlineitems").json()["data"][0]["attributes"]
    assert not [name for name in line if name.startswith("rowTotal")]


def test_5_1_filters_orders_by_creation_but_not_by_change(make_shop: Any) -> None:
    shop = filled(make_shop, "5.1")
    assert shop.get("orders?filter[createdAt][gte]=2020-01-01T00:00:00Z").status_code == 200
    for query in ("filter[updatedAt][gte]=2020-01-01T00:00:00Z", "sort=updatedAt", "filter[external]=no"):
        assert shop.get(f"orders?{query}").status_code == 400


@pytest.mark.parametrize(
    ("profile", "shown"),
    [("5.1", set()), ("6.0", {"uuid"}), ("6.1", {"externalId"}), ("7.0", {"externalId"})],
)
def test_ids_of_other_systems_are_the_releases(make_shop: Any, profile: str, shown: set[str]) -> None:
    shop = filled(make_shop, profile)
    shop.add_products(range(1, 2))
    assert {"uuid", "externalId"} & order(shop)["data"]["attributes"].keys() == shown
    level = shop.get("inventorylevels/1").json()["data"]["attributes"]
    assert ("externalId" in level) is ("externalId" in shown)


def test_7_0_takes_pages_of_statuses_and_subtotals_again(make_shop: Any) -> None:
    shop = filled(make_shop, "7.0")
    assert len(shop.get("orderinternalstatuses?page[size]=2").json()["data"]) == 2
    assert len(shop.get("ordersubtotals?filter[order]=1&page[size]=1").json()["data"]) == 1


@pytest.mark.parametrize(("profile", "shown"), [("6.0", 2), ("6.1", 5), ("7.0", 2)])
def test_lists_of_statuses_that_take_pages_have_pages_of_the_default_size(
    make_shop: Any, monkeypatch: pytest.MonkeyPatch, profile: str, shown: int
) -> None:
    """Which matters in shops whose administrators have added statuses: the default is ten rows."""
    monkeypatch.setattr("rebound_oro_pipeline.sandbox.oro.query.DEFAULT_PAGE_SIZE", 2)
    answer = make_shop(profile=profile).get("orderinternalstatuses", **{"X-Include": "totalCount"})
    assert (len(answer.json()["data"]), answer.headers["X-Include-Total-Count"]) == (shown, "5")


def test_closed_orders_are_locked_since_6_1(make_shop: Any) -> None:
    notes = {"data": {"type": "orders", "id": "1", "attributes": {"customerNotes": "x"}}}
    for profile, status in (("6.0", 200), ("6.1", 403)):
        shop = make_shop(profile, profile=profile)
        line = LineRecord(attributes={"productSku": "A", "quantity": 1, "value": "1.0000"})
        shop.store.add_order(
            OrderRecord(attributes={"currency": "USD"}, lines=[line], customer="1", internal_status="closed")
        )
        assert shop.send("PATCH", "orders/1", notes).status_code == status


def test_before_6_0_the_synchronous_mode_is_not_understood(make_shop: Any) -> None:
    shop = filled(make_shop, "5.1")
    answer = shop.send("PATCH", "reboundcreditnotes", shop.batch(shop.note("N", "1")), headers=None)
    assert answer.status_code == 202


def test_before_6_1_a_dry_run_is_no_dry_run(make_shop: Any) -> None:
    """`meta.validate` is unknown there, so the note is written: a push must ask for the release first."""
    shop = filled(make_shop, "6.0")
    document = shop.note("N", "1")
    document["data"]["meta"] = {"validate": True}
    assert shop.send("POST", "reboundcreditnotes", document).status_code == 201
    assert shop.store.count("reboundcreditnotes") == 1


def test_a_release_that_is_not_known_is_an_error(make_shop: Any) -> None:
    with pytest.raises(KeyError):
        make_shop(profile="4.2")
