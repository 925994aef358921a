"""The proof of the sandbox's pricing: 90 orders recorded from a real OroCommerce, recomputed."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rebound_oro_pipeline.sandbox.pricing import (
    Component,
    LinePromotion,
    ManualDiscount,
    OrderInput,
    OrderLine,
    PricedOrder,
    Promotions,
    ShippingCost,
    ShopSettings,
    TaxRule,
    TaxSettings,
    price_order,
)
from rebound_oro_pipeline.sandbox.pricing_documents import (
    discount_attributes,
    line_attributes,
    order_attributes,
    subtotals,
)
from rebound_oro_pipeline.sandbox.pricing_promotions import ShippingPromotion

RECORDED = Path(__file__).parents[1] / "recorded"
RATES = {code: Decimal(rate) for code, rate in {"A": "0.095", "C": "0.08", "D": "0.09", "E": "0.075"}.items()}
NO_TAX_OR_RATES = (None, *(TaxRule(f"TAX_{code}", rate) for code, rate in RATES.items()))

ORDER_25 = Decimal("0.25")
LINE_15 = LinePromotion(fraction=Decimal("0.15"), unit_code="item")
TAXES = {
    "0": TaxSettings(),
    "1": TaxSettings(),
    "2": TaxSettings(after_promotions=True),
    "3": TaxSettings(round_on="item"),
    "4": TaxSettings(start_with="row"),
    "5": TaxSettings(start_with="row", round_on="item", after_promotions=True),
    "6": TaxSettings(prices_include_tax=True),
    "7": TaxSettings(start_with="row", prices_include_tax=True, shipping_includes_tax=True),
    "8": TaxSettings(
        round_on="item", prices_include_tax=True, shipping_includes_tax=True, after_promotions=True
    ),
    "9": TaxSettings(start_with="row", round_on="item", shipping_includes_tax=True),
}
ORDER_PROMOTION = "1247"
LINE_PROMOTION = "3458"
SHIPPING_MATCHES_FROM = 21
"""The shipping promotion is for a segment of products: an order with only product 18 did not get it."""

SHOWN_LATER = ("Discount",)
"""Subtotals that Oro computes when asked: the order promotion had ended by then, so it is shown as 0."""


@dataclass(frozen=True)
class Recorded:
    """One recorded order with what hangs on it."""

    order: dict[str, Any]
    lines: list[dict[str, Any]]
    kit_items: list[list[dict[str, Any]]]
    discounts: list[dict[str, Any]]
    subtotals: list[dict[str, Any]]

    @property
    def name(self) -> str:
        return str(self.order["identifier"])

    @property
    def setting(self) -> str:
        return self.name.split("-")[1]

    @property
    def tax_data(self) -> dict[str, Any]:
        return next(row["data"] for row in self.subtotals if row["label"] == "Subtotal Tax")


def recorded(file: str) -> Iterator[Recorded]:
    document = json.loads((RECORDED / file).read_text())
    included = {(row["type"], row["id"]): row for row in document["included"]}

    def related(row: dict[str, Any], relation: str) -> list[dict[str, Any]]:
        references = row["relationships"].get(relation, {"data": []})["data"]
        return [included[reference["type"], reference["id"]] for reference in references]

    for order in document["data"]:
        lines = related(order, "lineItems")
        product = [line["relationships"]["product"]["data"] for line in lines]
        yield Recorded(
            order=order["attributes"],
            lines=[
                {**line["attributes"], "product": item and item["id"]}
                for line, item in zip(lines, product, strict=True)
            ],
            kit_items=[[part["attributes"] for part in related(line, "kitItemLineItems")] for line in lines],
            discounts=[row["attributes"] for row in related(order, "discounts")],
            subtotals=[row["attributes"] for row in related(order, "orderSubtotals")],
        )


def settings(case: Recorded) -> ShopSettings:
    products = {line["product"] for line in case.lines if line["product"]}
    shipping = ShippingPromotion(
        amount=Decimal(10),
        currency="USD",
        above=Decimal(999),
        products={product for product in products if int(product) >= SHIPPING_MATCHES_FROM},
    )
    return ShopSettings(
        taxes=TAXES[case.setting],
        promotions=Promotions(
            order=ORDER_25 if case.setting in ORDER_PROMOTION else None,
            line=LINE_15 if case.setting in LINE_PROMOTION else None,
            shipping=shipping if case.name.startswith("A") else None,
        ),
    )


def order_input(
    case: Recorded, line_rules: Sequence[TaxRule | None], shipping_rule: TaxRule | None
) -> OrderInput:
    overridden = case.order["overriddenShippingCostAmount"]
    cost = overridden or case.order["estimatedShippingCostAmount"]
    return OrderInput(
        currency=case.order["currency"],
        lines=[
            OrderLine(
                value=Decimal(line["value"]),
                quantity=Decimal(str(line["quantity"])),
                unit_code=line["productUnitCode"],
                product=line["product"],
                tax=rule,
                components=[
                    Component(value=Decimal(part["value"]), quantity=Decimal(str(part["quantity"])))
                    for part in parts
                ],
            )
            for line, parts, rule in zip(case.lines, case.kit_items, line_rules, strict=True)
        ],
        shipping=cost
        and ShippingCost(amount=Decimal(cost), tax=shipping_rule, overridden=overridden is not None),
        discounts=[
            ManualDiscount(description=row["description"], fraction=Decimal(str(row["percent"])))
            if row["orderDiscountType"].endswith("percent")
            else ManualDiscount(description=row["description"], amount=Decimal(row["amount"]))
            for row in case.discounts
        ],
    )


def line_rules_of_subtotals(case: Recorded) -> list[TaxRule | None]:
    return [
        TaxRule(item["taxes"][0]["tax"], Decimal(item["taxes"][0]["rate"])) if item["taxes"] else None
        for item in case.tax_data["items"]
    ]


def line_rules_by_search(case: Recorded) -> list[TaxRule | None]:
    """Find the one rate that gives a line's two row totals."""
    tried = [
        price_order(order_input(case, [rule] * len(case.lines), None), settings(case))
        for rule in NO_TAX_OR_RATES
    ]
    found = []
    for number, line in enumerate(case.lines):
        fitting = [
            rule
            for rule, priced in zip(NO_TAX_OR_RATES, tried, strict=True)
            if line_attributes(priced, number).items() <= line.items()
        ]
        assert fitting, f"{case.name}: no rate gives line {number}"
        found.append(fitting[0])
    return found


def recompute(case: Recorded) -> PricedOrder:
    """Price the order at its lines' rates and at the rate of shipping that gives its total."""
    rules = line_rules_of_subtotals(case) if case.subtotals else line_rules_by_search(case)
    tried = [price_order(order_input(case, rules, rule), settings(case)) for rule in NO_TAX_OR_RATES]
    on_shipping = next(
        (Decimal(row["amount"]) for row in case.subtotals if row["label"] == "Shipping Tax"), None
    )
    for priced in tried:
        shipping_tax = Decimal(subtotals(priced)[-2]["amount"])
        if priced.total == Decimal(case.order["totalValue"]) and on_shipping in (None, shipping_tax):
            return priced
    pytest.fail(f"{case.name}: no rate of shipping gives {case.order['totalValue']}")


CASES = [case for file in ("orders.json", "orders-6.0.json") for case in recorded(file)]


def test_there_are_ninety_recorded_orders() -> None:
    """So that the proof below cannot become empty."""
    assert len(CASES) == 90


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_recorded_order_is_priced_to_its_recorded_figures(case: Recorded) -> None:
    """Every figure: totals, discounts, rows, manual discounts, and each subtotal with its tax data."""
    priced = recompute(case)
    for name, value in order_attributes(priced).items():
        assert value == case.order[name], name
    for number, line in enumerate(case.lines):
        computed = line_attributes(priced, number)
        assert computed == {name: line[name] for name in computed}, f"line {number}"
    for computed, row in zip(discount_attributes(priced), case.discounts, strict=True):
        assert computed == row | {"percent": pytest.approx(row["percent"], rel=1e-12)}
    if case.subtotals:
        ended = {"amount": "0.0000", "signedAmount": "0.0000", "visible": False}
        computed_rows = [row | ended if row["label"] in SHOWN_LATER else row for row in subtotals(priced)]
        assert computed_rows == case.subtotals


def exchange(name: str) -> Recorded:
    document = json.loads((RECORDED / "exchanges" / f"{name}.json").read_text())["response"]["body"]
    order, included = document["data"], document["included"]
    by_type = {
        kind: [row for row in included if row["type"] == kind]
        for kind in ("orderlineitems", "orderproductkititemlineitems", "orderdiscounts", "ordersubtotals")
    }
    lines = sorted(by_type["orderlineitems"], key=lambda row: int(row["id"]))
    return Recorded(
        order=order["attributes"],
        lines=[
            {**line["attributes"], "product": line["relationships"]["product"]["data"]["id"]}
            for line in lines
        ],
        kit_items=[
            [
                part["attributes"]
                for part in by_type["orderproductkititemlineitems"]
                if part["relationships"]["lineItem"]["data"]["id"] == line["id"]
            ]
            for line in lines
        ],
        discounts=[row["attributes"] for row in by_type["orderdiscounts"]],
        subtotals=[row["attributes"] for row in by_type["ordersubtotals"]],
    )


FIRST_LINE_15 = Promotions(line=LINE_15)
ORDER_PROMOTED = Promotions(order=ORDER_25)
SHIPPING_PROMOTED = Promotions(
    shipping=ShippingPromotion(amount=Decimal(10), currency="USD", above=Decimal(999))
)


@pytest.mark.parametrize(
    ("name", "shop"),
    [
        ("order_eur", ShopSettings()),
        ("order_jpy_two_decimals", ShopSettings()),
        ("order_kit", ShopSettings()),
        ("order_prices_incl_tax", ShopSettings(taxes=TAXES["6"], promotions=ORDER_PROMOTED)),
        ("order_promo_line15", ShopSettings(promotions=FIRST_LINE_15)),
        ("order_promo_line15_taxafter", ShopSettings(taxes=TAXES["2"], promotions=FIRST_LINE_15)),
        ("order_promo_order25", ShopSettings(promotions=ORDER_PROMOTED)),
        ("order_promo_order25_taxafter", ShopSettings(taxes=TAXES["2"], promotions=ORDER_PROMOTED)),
        ("order_promo_shipping", ShopSettings(promotions=SHIPPING_PROMOTED)),
        ("order_shipping_tax", ShopSettings()),
        ("order_start_item", ShopSettings(taxes=TAXES["3"], promotions=ORDER_PROMOTED)),
        ("order_start_item_row", ShopSettings(taxes=TAXES["9"], promotions=ORDER_PROMOTED)),
        (
            "order_tax_off",
            ShopSettings(taxes=replace(TaxSettings(), enabled=False), promotions=ORDER_PROMOTED),
        ),
    ],
)
def test_an_order_shown_right_after_it_was_placed_has_the_recorded_subtotals(
    name: str, shop: ShopSettings
) -> None:
    """Here the promotions were active when the subtotals were read, so their rows hold the discounts."""
    case = exchange(name)
    if name == "order_start_item_row":
        shop = replace(shop, taxes=replace(shop.taxes, shipping_includes_tax=False))
    rule = TaxRule("TAX_A", RATES["A"])
    charged = name != "order_promo_shipping"
    order = order_input(case, [rule] * len(case.lines), rule if charged else None)
    priced = price_order(order, shop)
    assert order_attributes(priced).items() <= case.order.items()
    assert subtotals(priced) == case.subtotals
    for number, line in enumerate(case.lines):
        assert line_attributes(priced, number).items() <= line.items()
