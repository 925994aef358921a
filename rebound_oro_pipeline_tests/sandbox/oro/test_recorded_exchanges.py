"""The contract: what was recorded from a real OroCommerce is answered in the same way by the imitated one.

Ids, times and figures are compared too: the clock stands at the time of the recording, and the counters of ids
where they stood. What cannot be the same is named in `_OPEN`.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from rebound_oro_pipeline.sandbox.oro.records import KitItemRecord, ProductRecord, ShopTerms, UnitRecord
from rebound_oro_pipeline.sandbox.pricing import TaxRule

EXCHANGES = Path(__file__).parents[2] / "recorded" / "exchanges"

LEFT_OUT = {
    "webhook_delivery_default": "sent by the shop, not answered by it: see test_oro_sandbox_webhooks",
    "webhook_delivery_thin": "likewise",
}

_OPEN = {"access_token", "checksum", "aggregateTime"}
"""Values whose type alone is compared: secrets, hashes of Oro's own making, durations."""
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
"""Ids that are drawn at random."""
_HEADERS = ("Content-Type", "Location", "Allow", "X-Include-Total-Count", "WWW-Authenticate")

Setup = Callable[[Any], None]


def _names() -> list[str]:
    return sorted(path.stem for path in EXCHANGES.glob("*.json"))


@pytest.mark.parametrize("name", [name for name in _names() if name not in LEFT_OUT])
def test_a_recorded_exchange_is_answered_as_recorded(name: str, make_shop: Any) -> None:
    shop = make_shop(wait=0.05 if name == "batch_sync_fallback_to_async" else 5.0)
    SETUPS.get(name, _nothing)(shop)

    answer = shop.replay(name)

    expected = shop.exchange(name)["response"]
    assert answer.status_code == expected["status"]
    headers = {key.title(): value for key, value in expected["headers"].items()}
    assert {key: _unnamed(answer.headers.get(key)) for key in _HEADERS} == {
        key: _unnamed(headers.get(key.title())) for key in _HEADERS
    }
    if expected["body"] is None:
        assert answer.content == b""
    else:
        assert _differences(expected["body"], answer.json()) == []


def test_every_exchange_is_covered_or_left_out_for_a_reason() -> None:
    """A new recording must not go unnoticed, nor a reason outlive its recording."""
    assert set(LEFT_OUT) | set(SETUPS) <= set(_names())


# --- what the shop must hold before a request ----------------------------------------------------------------


def _nothing(shop: Any) -> None:
    """Give the shop what every recorded request takes for granted."""
    shop.store.add_customer({"name": "Customer"})
    shop.add_order(11, "EXT-11", internalStatus="closed", shippingStatus="shipped")


def _loaded(*names: str) -> Setup:
    def setup(shop: Any) -> None:
        _nothing(shop)
        shop.load(*names)

    return setup


def _then(setup: Setup, *names: str, **next_ids: int) -> Setup:
    """Set counters of ids after a set-up, then send other recorded requests."""

    def both(shop: Any) -> None:
        setup(shop)
        for type_name, number in next_ids.items():
            shop.next_id(type_name, number)
        for name in names:
            shop.replay(name)

    return both


def _carried_out(name: str, operation: int) -> Setup:
    """Send a recorded asynchronous batch, and let it end at the time at which it was recorded to have ended."""

    def setup(shop: Any) -> None:
        _then(_notes, asyncoperations=operation)(shop)
        shop.store.consuming = False
        shop.replay(name)
        shop.turn_to(f"{name}_operation")
        shop.store.consuming = True
        shop.wait_for_operation(str(operation))

    return setup


def _notes(shop: Any) -> None:
    """Store the notes CN-1 (id 1) and CN-2 (id 5) with their lines."""
    _nothing(shop)
    shop.load("note_find_by_number_list")


def _note_before_its_change(shop: Any) -> None:
    _notes(shop)
    shop.store.change("reboundcreditnotes", "1", {"returnId": "R-CN-1"})


def _levels(shop: Any) -> None:
    _nothing(shop)
    shop.load("levels_all")


def _level_1_at_9886(shop: Any) -> None:
    _levels(shop)
    shop.store.change("inventorylevels", "1", {"quantity": "9886"})


def _operation(number: int) -> Setup:
    def setup(shop: Any) -> None:
        _nothing(shop)
        with shop.store.write() as transaction:
            transaction.insert("asyncoperations", {"status": "success"}, {}, number)

    return setup


def _order_25_on_the_day_of_a_promotion(shop: Any) -> None:
    """Have a line promotion active that was not when the order was placed: 4.50 come off at the PATCH."""
    _loaded("create_order_tax_discount_shipping")(shop)
    attributes = shop.exchange("order_changed_after_placement")["response"]["body"]["included"]
    rows = [part["attributes"] for part in attributes if part["type"] == "ordersubtotals"]
    placed = {"Subtotal Tax": "24.8700", "Shipping Tax": "0.0000"}
    subtotals = [{**row, "amount": placed.get(row["label"], row["amount"])} for row in rows]
    with shop.store.write() as transaction:
        pricing = {"subtotals": subtotals, "discount_today": "4.50"}
        transaction.insert("orderpricing", pricing, record_id=25)


def _changed_order_25(shop: Any) -> None:
    _loaded("order_changed_after_placement")(shop)
    shop.store.change("orderpricing", "25", {"discount_today": "5.99"})


def _placing(shipping_taxed: bool, **next_ids: int) -> Setup:
    """Set the shop to tax everything at 9.5 %, with the products that the recorded orders name."""

    def setup(shop: Any) -> None:
        _nothing(shop)
        shop.add_products(range(1, 64))
        kit = ProductRecord(
            attributes={"sku": "SKU-064"},
            units=[UnitRecord(code="item")],
            kit_items=[
                KitItemRecord(label="Part 1", products=["32"]),
                KitItemRecord(label="Part 2", products=["42"]),
            ],
        )
        shop.store.add_product(kit)
        rule = TaxRule("TAX_A", Decimal("0.095"))
        shop.store.terms = ShopTerms(line_tax=rule, shipping_tax=rule if shipping_taxed else None)
        for type_name, number in next_ids.items():
            shop.next_id(type_name, number)

    return setup


def _170_orders(shop: Any) -> None:
    """170 orders, of which 5 and 6 are as recorded."""
    with shop.store.write() as transaction:
        for number in range(1, 171):
            transaction.insert(
                "orders", {"identifier": f"O-{number}", "updatedAt": "2026-01-01T00:00:00Z"}, {}, number
            )
    for row in shop.exchange("orders_page_with_links")["response"]["body"]["data"]:
        shop.store.change("orders", row["id"], row["attributes"])


def _orders_around_the_window(shop: Any) -> None:
    _nothing(shop)
    shop.add_order(25, "TAX-1")
    for row in shop.exchange("orders_window")["response"]["body"]["data"]:
        shop.add_order(int(row["id"]), f"O-{row['id']}")
        shop.store.change("orders", row["id"], row["attributes"])
    for number, moment in ((36, "2026-11-23T13:31:12Z"), (37, "2026-11-23T13:19:59Z")):
        shop.add_order(number, f"O-{number}")
        shop.store.change("orders", str(number), {"updatedAt": moment})


def _two_orders(shop: Any) -> None:
    _nothing(shop)
    shop.add_order(25, "TAX-1")
    shop.add_order(28, "KIT-1")


def _first_order(shop: Any) -> None:
    shop.load("limited_get_orders")


def _no_consumer(shop: Any) -> None:
    _nothing(shop)
    shop.store.consuming = False


_FIRST_BATCH = _then(_nothing, "batch_sync_create", reboundcreditnotes=12, reboundcreditnotelines=8)
_BY_SKU = _loaded("inventorylevels_by_sku_list")

SETUPS: Mapping[str, Setup] = {
    "async_errors_unpaged_500": _operation(21),
    "async_partial_failure": _then(_notes, asyncoperations=21),
    "async_partial_failure_errors": _carried_out("async_partial_failure", 21),
    "async_partial_failure_operation": _carried_out("async_partial_failure", 21),
    "async_upsert": _then(_notes, asyncoperations=22),
    "async_upsert_operation": _carried_out("async_upsert", 22),
    "batch_sync_create": _then(_nothing, reboundcreditnotes=12, reboundcreditnotelines=8),
    "batch_sync_fallback_to_async": _then(_no_consumer, asyncoperations=31),
    "batch_sync_one_duplicate": _then(_FIRST_BATCH, asyncoperations=9),
    "batch_sync_operation_gone": _then(_FIRST_BATCH, "batch_sync_one_duplicate", asyncoperations=9),
    "batch_sync_too_many": _then(_nothing, asyncoperations=13),
    "batch_sync_too_many_included": _then(_nothing, asyncoperations=14),
    "batch_sync_upsert": _then(_FIRST_BATCH, reboundcreditnotes=17),
    "create_order_invalid": _two_orders,
    "create_order_kit": _placing(shipping_taxed=True, orders=28, orderlineitems=108, orderaddresses=43),
    "create_order_shipping_tax": _placing(
        shipping_taxed=True, orders=29, orderlineitems=110, orderaddresses=45, orderdiscounts=3
    ),
    "create_order_tax_discount_shipping": _placing(
        shipping_taxed=False, orders=25, orderlineitems=102, orderaddresses=37
    ),
    "create_tracking": _two_orders,
    "err_wrong_content_type": _then(_nothing, reboundcreditnotes=2907),
    "include_without_field": _first_order,
    "inventorylevels_by_sku_list": _BY_SKU,
    **{
        f"level_patch_{kind}": _BY_SKU
        for kind in ("exponent", "huge", "negative", "number", "precision", "string", "text")
    },
    "levels_all": _levels,
    **{f"levels_batch_sync{kind}": _levels for kind in ("", "_one_bad", "_one_unknown", "_same_twice")},
    "limited_get_levels": _level_1_at_9886,
    "limited_get_orders": _first_order,
    "line_items_by_order": _loaded("line_items_by_order"),
    "note_create": _notes,
    "note_create_duplicate": _notes,
    "note_find_by_number": _notes,
    "note_find_by_number_list": _notes,
    "note_upsert_existing": _note_before_its_change,
    "note_upsert_existing_lines_upsert": _notes,
    "note_upsert_existing_with_lines": _notes,
    "note_upsert_new": _then(_nothing, reboundcreditnotes=5, reboundcreditnotelines=3),
    "note_validate_duplicate": _notes,
    "note_validate_only": _then(_notes, reboundcreditnotes=2935, reboundcreditnotelines=4436),
    **{name: _loaded(name) for name in _names() if name.startswith("order_") and name != "order_with_links"},
    "order_with_links": _loaded("order_eur"),
    "orders_by_identifier_case": _two_orders,
    "orders_by_identifier_list": _two_orders,
    "orders_page_with_links": _170_orders,
    "orders_window": _orders_around_the_window,
    "orders_window_range": _orders_around_the_window,
    "patch_internal_status_ignored": _changed_order_25,
    "patch_shipping_status": _order_25_on_the_day_of_a_promotion,
    "patch_shipping_status_relationship": _two_orders,
    "product_inventory_status": _loaded("product_inventory_status"),
    "products_by_sku_list": _loaded("products_by_sku_list"),
    "subtotals_of_order": _loaded("order_kit"),
    "webhooks_list": _loaded("webhook_create", "webhook_create_thin"),
}


# --- comparison ----------------------------------------------------------------------------------------------


def _differences(expected: object, actual: object, path: str = "") -> list[str]:
    """Return where two answers differ: in keys, JSON types or values."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        if expected.keys() != actual.keys():
            return [f"{path}: keys {sorted(expected.keys() ^ actual.keys())}"]
        return [
            line for key in expected for line in _differences(expected[key], actual[key], f"{path}/{key}")
        ]
    if isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            return [f"{path}: {len(expected)} items, {len(actual)} here"]
        if path.endswith("/included"):
            expected, actual = (sorted(side, key=_key) for side in (expected, actual))
        pairs = enumerate(zip(expected, actual, strict=True))
        return [line for number, pair in pairs for line in _differences(*pair, f"{path}/{number}")]
    return [] if _same(expected, actual, path) else [f"{path}: {expected!r}, {actual!r} here"]


def _key(resource: Mapping[str, Any]) -> tuple[str, str]:
    return resource["type"], resource["id"]


def _same(expected: object, actual: object, path: str) -> bool:
    if isinstance(expected, float) or (isinstance(actual, float) and isinstance(expected, int)):
        return isinstance(actual, (int, float)) and actual == pytest.approx(expected)
    if type(expected) is not type(actual):
        return False
    if "/links/" in path and isinstance(expected, str) and isinstance(actual, str):
        return _link(expected) == _link(actual)
    if isinstance(expected, str) and isinstance(actual, str):
        expected, actual = _unnamed(expected), _unnamed(actual)
    return path.rpartition("/")[2] in _OPEN or expected == actual


def _unnamed(text: str | None) -> str | None:
    return text and _UUID.sub("<uuid>", text)


def _link(address: str) -> tuple[str, list[tuple[str, str]]]:
    parts = urlsplit(address)
    return parts._replace(query="").geturl(), sorted(parse_qsl(parts.query))
