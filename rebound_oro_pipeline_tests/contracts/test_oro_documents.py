"""OroCommerce documents at the door: those of a real shop, and what may be wrong with them."""

import copy
import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebound_oro_pipeline.contracts.documents import parse
from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.oro import (
    LevelDocument,
    OrderDocument,
    ProductDocument,
    read_levels,
    read_orders,
    read_products,
)

RECORDED = Path(__file__).parents[1] / "recorded"
WITH_LINES = [
    path.stem
    for path in sorted((RECORDED / "exchanges").glob("*order_*.json"))
    if '"orderlineitems"' in path.read_text(encoding="utf-8")
    and path.stem not in {"order_with_links", "limited_get_orders", "line_items_by_order"}
]


def answer(name: str) -> Any:
    return parse((RECORDED / "exchanges" / f"{name}.json").read_bytes())["response"]["body"]


def orders(document: Any) -> list[OrderDocument]:
    found = list(read_orders(document))
    assert all(isinstance(each, OrderDocument) for each in found), found
    return found  # type: ignore[return-value]


def fault(document: Any) -> Fault:
    (found,) = read_orders(document)
    assert isinstance(found, Fault), found
    return found


@pytest.fixture
def kit() -> dict[str, Any]:
    """Return the recorded order with a kit, to be spoilt."""
    return copy.deepcopy(answer("order_kit"))


def included(document: dict[str, Any], resource_type: str) -> list[dict[str, Any]]:
    return [each for each in document["included"] if each["type"] == resource_type]


@pytest.mark.parametrize(("name", "count"), [("orders", 60), ("orders-6.0", 30)])
def test_the_recorded_orders_are_read_without_a_fault(name: str, count: int) -> None:
    document = parse((RECORDED / f"{name}.json").read_bytes())
    found = orders(document)
    assert len(found) == count
    assert sum(len(order.lines) for order in found) == len(included(document, "orderlineitems"))
    assert sum(len(line.kit_items) for order in found for line in order.lines) == len(
        included(document, "orderproductkititemlineitems")
    )
    assert sum(len(order.subtotals) for order in found) == len(included(document, "ordersubtotals"))


@pytest.mark.parametrize("name", WITH_LINES)
def test_every_recorded_exchange_with_an_order_and_its_lines_is_read(name: str) -> None:
    assert orders(answer(name))


def test_enough_exchanges_were_found() -> None:
    assert len(WITH_LINES) >= 17


def test_an_order_of_six_one_is_read_as_it_stands() -> None:
    order = orders(answer("order_kit"))[0]
    assert order.model_dump(exclude={"lines", "subtotals", "document", "document_hash"}) == {
        "order_id": "28",
        "identifier": "KIT-1",
        "po_number": "PO-KIT-1",
        "external_id": None,
        "customer_id": "1",
        "currency": "USD",
        "subtotal_value": Decimal("112.4700"),
        "total_value": Decimal("142.1300"),
        "total_discounts_amount": None,
        "discount": Decimal(0),
        "shipping_discount": Decimal(0),
        "subtotal_with_discounts": Decimal("112.4700"),
        "order_discounts_amount": Decimal(0),
        "estimated_shipping_cost_amount": None,
        "overridden_shipping_cost_amount": Decimal("17.3300"),
        "internal_status": "open",
        "shipping_status": "not_shipped",
        "has_internal_status": True,
        "has_shipping_status": True,
        "has_shipping_trackings": False,
        "has_subtotals": True,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
    }
    kit_line = next(line for line in order.lines if line.kit_items)
    assert sum(item.value * item.quantity for item in kit_line.kit_items) <= kit_line.value


def test_an_order_of_six_zero_has_neither_shipping_status_nor_subtotals() -> None:
    order = orders(parse((RECORDED / "orders-6.0.json").read_bytes()))[0]
    assert (order.internal_status, order.has_internal_status) == ("shipped", True)
    assert (order.shipping_status, order.has_shipping_status) == (None, False)
    assert (order.subtotals, order.has_subtotals) == ((), False)


def test_a_status_that_is_null_is_told_from_one_that_is_not_there(kit: dict[str, Any]) -> None:
    kit["data"]["relationships"]["shippingStatus"]["data"] = None
    (order,) = orders(kit)
    assert (order.shipping_status, order.has_shipping_status) == (None, True)


def test_lines_come_in_the_sequence_of_the_relation(kit: dict[str, Any]) -> None:
    relation = kit["data"]["relationships"]["lineItems"]["data"]
    relation.reverse()
    (order,) = orders(kit)
    assert [line.order_line_id for line in order.lines] == [each["id"] for each in relation]
    assert [line.position for line in order.lines] == [1, 2]


def test_a_line_names_its_order_as_one_or_as_many(kit: dict[str, Any]) -> None:
    """To-one before 6.1, to-many since."""
    for line in included(kit, "orderlineitems"):
        line["relationships"]["order"] = {"data": line["relationships"].pop("orders")["data"][0]}
    assert len(orders(kit)[0].lines) == 2


def test_a_line_of_another_order_is_a_fault(kit: dict[str, Any]) -> None:
    included(kit, "orderlineitems")[0]["relationships"]["orders"]["data"][0]["id"] = "29"
    assert fault(kit).message.endswith("belongs to order 29")


def test_discounts_are_summed_as_amounts() -> None:
    """A percentage has the amount 0 there; the second reading of the promotions needs just this sum."""
    found = orders(parse((RECORDED / "orders.json").read_bytes()))
    assert {order.order_discounts_amount for order in found if order.total_discounts_amount is None} == {0}
    assert any(order.order_discounts_amount > 0 for order in found)
    assert all(order.order_discounts_amount <= (order.total_discounts_amount or 0) for order in found)


def test_only_free_form_product_makes_a_line_free_form(kit: dict[str, Any]) -> None:
    """The product is null, too, where the permission to see products is missing."""
    first, second = included(kit, "orderlineitems")
    first["relationships"]["product"]["data"] = None
    second["attributes"]["freeFormProduct"] = "Engraving"
    by_id = {line.order_line_id: line for line in orders(kit)[0].lines}
    assert (by_id[first["id"]].is_free_form, by_id[first["id"]].product_id) == (False, None)
    assert by_id[second["id"]].is_free_form


def test_amounts_may_be_numbers_or_texts(kit: dict[str, Any]) -> None:
    kit["data"]["attributes"] |= {"totalValue": 155, "discount": Decimal("4.4955"), "shippingDiscount": "0.5"}
    (order,) = orders(kit)
    assert (order.total_value, order.discount, order.shipping_discount) == (
        Decimal(155),
        Decimal("4.4955"),
        Decimal("0.5"),
    )


def test_a_binary_float_is_refused_with_the_remedy(kit: dict[str, Any]) -> None:
    """It is the reader's mistake, not the shop's: somewhere JSON was parsed without Decimal."""
    kit["data"]["attributes"]["discount"] = 4.4955
    assert fault(kit).message == "is not an exact number but 4.4955; read numbers as exact decimals"


def test_subtotals_that_were_not_included_are_not_there(kit: dict[str, Any]) -> None:
    kit["included"] = [each for each in kit["included"] if each["type"] != "ordersubtotals"]
    (order,) = orders(kit)
    assert (order.has_subtotals, order.subtotals) == (False, ())


def test_subtotals_do_not_make_another_order_of_it(kit: dict[str, Any]) -> None:
    """Oro computes them when asked: the discount one changes when a promotion ends, the order does not."""
    (asked,) = orders(kit)
    for subtotal in included(kit, "ordersubtotals"):
        subtotal["attributes"]["amount"] = "0.0000"
    (changed,) = orders(kit)
    del kit["data"]["relationships"]["orderSubtotals"]
    (not_asked,) = orders(kit)
    assert asked.document_hash == changed.document_hash == not_asked.document_hash
    kit["data"]["attributes"]["totalValue"] = "1.0000"
    assert orders(kit)[0].document_hash != asked.document_hash


def test_every_order_carries_a_document_of_its_own() -> None:
    """One order in a page, or alone: the same text, and it can be read again."""
    document = parse((RECORDED / "orders.json").read_bytes())
    for order in orders(document)[:5]:
        own = parse(order.document)
        lines = {each["id"] for each in included(own, "orderlineitems")}
        assert lines == {line.order_line_id for line in order.lines}
        assert orders(own) == [order]


def spoil_line(kit: dict[str, Any]) -> None:
    included(kit, "orderlineitems")[0]["attributes"]["quantity"] = "a few"


def drop_line(kit: dict[str, Any]) -> None:
    kit["included"].remove(included(kit, "orderlineitems")[0])


def drop_kit_item(kit: dict[str, Any]) -> None:
    kit["included"].remove(included(kit, "orderproductkititemlineitems")[0])


def add_discount(kit: dict[str, Any]) -> None:
    kit["data"]["relationships"]["discounts"]["data"] = [{"type": "orderdiscounts", "id": "5"}]


def repeat_line(kit: dict[str, Any]) -> None:
    relation = kit["data"]["relationships"]["lineItems"]["data"]
    relation.append(relation[0])


def break_relation(kit: dict[str, Any]) -> None:
    kit["data"]["relationships"]["lineItems"]["data"][1] = {"type": "orderlineitems"}


def drop_relation(kit: dict[str, Any]) -> None:
    del kit["data"]["relationships"]["lineItems"]


def drop_total(kit: dict[str, Any]) -> None:
    del kit["data"]["attributes"]["totalValue"]


def blank_currency(kit: dict[str, Any]) -> None:
    kit["data"]["attributes"]["currency"] = " "


def spoil_kit_item(kit: dict[str, Any]) -> None:
    included(kit, "orderproductkititemlineitems")[0]["attributes"]["quantity"] = -1


def spoil_precision(kit: dict[str, Any]) -> None:
    included(kit, "orderproductkititemlineitems")[0]["attributes"]["productUnitPrecision"] = 200_000


def spoil_attributes(kit: dict[str, Any]) -> None:
    kit["data"]["attributes"] = []


@pytest.mark.parametrize(
    ("spoil", "path", "message"),
    [
        (spoil_line, r"lineItems\[[01]\]\.attributes\.quantity", "is not an exact number but 'a few'"),
        (drop_line, r"lineItems\[[01]\]", "is not included; ask with include=lineItems"),
        (
            drop_kit_item,
            r"lineItems\[[01]\]\.kitItemLineItems\[[01]\]",
            "is not included; ask with include=kitItemLineItems",
        ),
        (
            spoil_kit_item,
            r"lineItems\[[01]\]\.kitItemLineItems\[[01]\]\.attributes\.quantity",
            "is negative: -1",
        ),
        (
            spoil_precision,
            r"lineItems\[[01]\]\.kitItemLineItems\[[01]\]\.attributes\.productUnitPrecision",
            "less than or equal to 10",
        ),
        (add_discount, r"discounts\[0\]", "orderdiscounts 5 is not included; ask with include=discounts"),
        (repeat_line, r"lineItems\[2\]", "is listed twice"),
        (break_relation, r"relationships\.lineItems", "holds something without type and id"),
        (drop_relation, r"relationships\.lineItems", "is missing; name lineItems in fields[orders]"),
        (drop_total, r"attributes\.totalValue", "is missing"),
        (blank_currency, r"attributes\.currency", "is missing"),
        (spoil_attributes, r"attributes", "is not an object but a list"),
    ],
)
def test_a_fault_makes_the_whole_order_a_fault_and_says_where(
    kit: dict[str, Any], spoil: Callable[[dict[str, Any]], None], path: str, message: str
) -> None:
    """Nothing can be credited from an order of which a line is missing."""
    spoil(kit)
    found = fault(kit)
    assert re.fullmatch(path, found.path)
    assert message in found.message
    assert (found.source_system, found.resource, found.document_key) == ("oro", "orders", "28")
    assert json.loads(found.document)["data"]["id"] == "28"


def test_one_faulty_order_does_not_stop_the_others() -> None:
    document = parse((RECORDED / "orders.json").read_bytes())
    document["data"][3]["attributes"]["subtotalValue"] = None
    found = list(read_orders(document))
    assert [isinstance(each, Fault) for each in found] == [index == 3 for index in range(60)]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({}, "data"),
        ([], "data"),
        (None, "data"),
        ({"data": [7]}, "data[0]"),
        ({"data": {"type": "orders"}}, "data[0]"),
        ({"data": {"type": "products", "id": "1"}}, "data[0]"),
        ({"errors": [{"title": "x"}]}, "data"),
    ],
)
def test_what_is_no_document_of_orders_is_a_fault(document: Any, path: str) -> None:
    found = fault(document)
    assert (found.path, found.document_id) == (path, None)


def test_an_empty_list_is_no_fault() -> None:
    assert list(read_orders({"data": []})) == []


def test_products_are_read_with_their_units() -> None:
    first, *_ = read_products(answer("products_by_sku_list"))
    assert isinstance(first, ProductDocument)
    assert first.model_dump(exclude={"document", "document_hash"}) == {
        "product_id": "9",
        "sku": "SKU-009",
        "product_type": "simple",
        "status": "enabled",
        "inventory_status": "in_stock",
        "updated_at": None,
        "units": (
            {"unit_code": "set", "unit_precision": 0, "conversion_rate": Decimal(1)},
            {"unit_code": "item", "unit_precision": 0, "conversion_rate": Decimal("0.1")},
        ),
    }


def test_a_product_without_its_units_is_a_fault() -> None:
    document = answer("products_by_sku_list")
    document["included"] = []
    (first, *_) = read_products(document)
    assert isinstance(first, Fault)
    assert first.path == "unitPrecisions[0]"


@pytest.mark.parametrize("precision", [-1, 11, 200_000])
def test_a_product_with_a_precision_that_no_quantity_has_is_a_fault(precision: int) -> None:
    """PostgreSQL cannot round to it: one such product would end the decision of everything else."""
    document = answer("products_by_sku_list")
    included(document, "productunitprecisions")[0]["attributes"]["precision"] = precision
    [found] = [each for each in read_products(document) if isinstance(each, Fault)]
    assert found.path == "unitPrecisions[0].attributes.precision"


def test_levels_are_read_with_what_is_included() -> None:
    first, *_ = read_levels(answer("inventorylevels_by_sku_list"))
    assert first == LevelDocument.model_construct(
        level_id="9", product_id="9", sku="SKU-009", unit_code=None, quantity=Decimal(1119)
    )


def test_a_level_may_be_negative() -> None:
    """Oro checks neither the sign nor the precision of a level."""
    (level,) = read_levels(answer("level_patch_negative"))
    assert isinstance(level, LevelDocument)
    assert level.quantity == -5


RESOURCES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["orders", "orderlineitems", 7]),
        "id": st.sampled_from(["1", "2", 3, "", None]),
        "attributes": st.one_of(
            st.none(),
            st.dictionaries(
                st.sampled_from(
                    ["currency", "totalValue", "subtotalValue", "quantity", "value", "createdAt"]
                ),
                st.one_of(
                    st.none(), st.text(), st.integers(), st.sampled_from(["USD", "1.50", "NaN"]), st.floats()
                ),
            ),
        ),
        "relationships": st.dictionaries(
            st.sampled_from(["lineItems", "discounts", "orders", "kitItemLineItems", "customer"]),
            st.one_of(
                st.none(),
                st.fixed_dictionaries(
                    {"data": st.lists(st.just({"type": "orderlineitems", "id": "2"}), max_size=2)}
                ),
                st.fixed_dictionaries({"data": st.one_of(st.none(), st.just({"id": "1"}))}),
            ),
        ),
    },
)


@given(
    st.fixed_dictionaries(
        {"data": st.lists(RESOURCES, max_size=3), "included": st.lists(RESOURCES, max_size=3)}
    )
)
def test_reading_never_raises_whatever_the_resources(document: dict[str, Any]) -> None:
    assert len(list(read_orders(document))) == len(document["data"])
