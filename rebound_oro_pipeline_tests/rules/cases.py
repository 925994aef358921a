"""Figures of other systems' public test suites and bug reports, as orders of ours with what must be credited.

Each case is restated for OroCommerce: the order is priced forward with the figures that the source names; what the
source does not name is chosen and said so in the note. `expected` holds sums over all notes of the case; `notes` the
totals note by note, `lines` the totals of note lines by SKU. `DIFFERENT` lists where our figures lie elsewhere on
purpose; `NOT_APPLICABLE` what has no counterpart here, with the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rebound_oro_pipeline_tests.rules.price import Part, Row, Sale

SYLIUS = "Sylius/RefundPlugin@99c0f78a features/"
DISTRIBUTOR = "Sylius/Sylius@0cfa2d6a src/Sylius/Component/Core/spec/Distributor/"
MAGENTO_TAX = "magento/magento2@05dc95c6 .../Test/Unit/Model/Order/Creditmemo/Total/TaxTest.php"
MAGENTO_DISCOUNT = "magento/magento2@8619a959 .../Model/Order/Creditmemo/Total/DiscountTest.php"
MEDUSA = "medusajs/medusa@59e67478 integration-tests/api/__tests__/returns/"
SOLIDUS = "solidusio/solidus@1f5bf5c6 core/spec/models/spree/"
SALEOR = "saleor/saleor@723cd4eb .../test_order_actions_create_fulfillments_for_returned_products.py"
ODOO = "odoo/odoo@00ce3720 addons/account/tests/test_account_move_out_refund.py"

NO_SHIPPING: Mapping[str, Any] = {"credit": {"shipping": "never"}}
ALL_BACK = "all"

Item = tuple[str, str] | tuple[str, str, Mapping[str, Any]]


@dataclass(frozen=True)
class Case:
    """An order, its returns (lists of SKU and quantity), and what must come out; `note` says what was restated."""

    id: str
    source: str
    sale: Mapping[str, Any]
    returns: Sequence[Sequence[Item]] | str
    expected: Mapping[str, Any]
    note: str = ""
    policy: Mapping[str, Any] = field(default_factory=dict)

    def order(self, number: int) -> Sale:
        """Return the order to be priced."""
        return Sale(id=str(number), identifier=f"CASE-{self.id}", **self.sale)

    def documents(self, number: int) -> list[dict[str, Any]]:
        """Return the ReBound documents, a minute apart."""
        rows = self.order(number).rows
        whole: Sequence[Sequence[Item]] = [[(row.sku or "", str(row.quantity)) for row in rows]]
        return [
            {
                "id": f"R{number}x{place}",
                "order_reference": f"case-{self.id}",
                "date_added": f"2026-11-01T10:{place:02d}:00Z",
                "current_tracking_status": "processed",
                "item": [_item(*each) for each in items],
            }
            for place, items in enumerate(whole if isinstance(self.returns, str) else self.returns)
        ]


def _item(sku: str, quantity: str, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "sku_code": sku,
        "quantity": quantity,
        "final_disposition": "restock",
        "reason": [{"reason": "unwanted"}],
    } | dict(more or {})


def _row(
    sku: str, quantity: str, price: str, rate: str = "0", off: str = "0", parts: Sequence[Part] = ()
) -> Row:
    return Row(sku, Decimal(quantity), Decimal(price), Decimal(rate), Decimal(off), parts=tuple(parts))


def _sale(*rows: Row, **more: Any) -> dict[str, Any]:
    texts = {
        name: Decimal(value) if isinstance(value, str) and name in _AMOUNTS else value
        for name, value in more.items()
    }
    return {"rows": rows} | texts


_AMOUNTS = ("shipping", "shipping_discount", "shipping_rate", "order_promotion", "total_off_by")


def _manual(amount: str) -> tuple[tuple[None, Decimal], ...]:
    return ((None, Decimal(amount)),)


def _rate(tax: str, base: str) -> Decimal:
    """Return the rate that makes this tax of this amount."""
    return Decimal(tax) / Decimal(base)


_TSHIRTS = _row("TSHIRT", "2", "10.00")
_SALEOR = _sale(
    _row("SKU_AA", "3", "10.00", "0.23"),
    _row("SKU_B", "2", "20.00", "0.23"),
    shipping="10.00",
    shipping_rate="0.23",
)
_FORTY_OFF = _sale(
    _row("product", "2", "100.00", "0.10", "80.00"),
    after_promotions=True,
    shipping="100.00",
    shipping_discount="40.00",
    shipping_rate="0.06",
)
_WEIGHTS = (_row("A", "1", "43.00"), _row("B", "1", "14.00"), _row("C", "1", "23.00"))

CASES: tuple[Case, ...] = (
    Case(
        "SYL-02",
        SYLIUS + "refunding_multiple_order_units_from_different_items.feature",
        _sale(_TSHIRTS, _row("PORTALGUN", "3", "100.00"), shipping="0.00"),
        [[("TSHIRT", "1"), ("PORTALGUN", "1")]],
        {"total": "110.00"},
    ),
    Case(
        "SYL-05",
        SYLIUS + "refunding_order_shipping_cost.feature",
        _sale(_row("TSHIRT", "1", "10.00"), shipping="10.00", shipping_rate="0.23"),
        ALL_BACK,
        {"shipping": "10.00", "shipping_tax": "2.30", "total": "22.30"},
        "the source refunds shipping alone (12.30); here it goes with the goods",
    ),
    Case(
        "SYL-06",
        SYLIUS + "refunding_order_shipping_cost.feature",
        _sale(_TSHIRTS, shipping="30.00", shipping_rate=_rate("2.30", "30.00")),
        ALL_BACK,
        {"shipping": "30.00", "shipping_tax": "2.30", "total": "52.30"},
        "two shipments there, one shipping price here; their 32.30 goes with the goods",
    ),
    Case(
        "SYL-07",
        SYLIUS + "refunding_order_shipping_cost_with_promotion_applied.feature",
        _sale(_TSHIRTS, shipping="20.00", shipping_discount="10.00"),
        ALL_BACK,
        {"shipping": "10.00", "total": "30.00"},
        "only the half of shipping that was paid",
    ),
    Case(
        "SYL-09",
        SYLIUS + "refunding_order_shipping_cost_with_promotion_applied.feature",
        _sale(_TSHIRTS, shipping="30.00", shipping_discount="15.00", shipping_rate=_rate("1.15", "30.00")),
        ALL_BACK,
        {"shipping": "15.00", "shipping_tax": "1.15", "total": "36.15"},
        "two discounted shipments there, one price here; their 16.15 goes with the goods",
    ),
    Case(
        "SYL-10",
        SYLIUS + "refunding_order_shipping_cost_with_promotion_applied.feature",
        _sale(_row("TSHIRT", "3", "10.00"), shipping="20.00", shipping_discount="20.00"),
        ALL_BACK,
        {"shipping": "0.00", "total": "30.00"},
        "shipping that was free is not credited",
    ),
    Case(
        "SYL-19",
        SYLIUS + "refunding_single_order_unit.feature",
        _sale(_TSHIRTS, shipping="0.00"),
        [[("TSHIRT", "1")], [("TSHIRT", "2")]],
        {"notes": ["10.00", "10.00"], "quarantined": {"over_return": "1"}},
        "a unit once credited is never credited again",
    ),
    Case(
        "SYL-20",
        SYLIUS + "refunding_single_order_unit_with_promotion_applied.feature",
        _sale(_row("TSHIRT", "2", "10.00", off="2.00"), shipping="0.00"),
        [[("TSHIRT", "1")]],
        {"total": "9.00", "discount": "1.00"},
    ),
    Case(
        "SYL-21",
        SYLIUS + "refunding_single_order_unit_with_taxes_applied.feature",
        _sale(_row("TSHIRT", "2", "10.00", "0.10"), shipping="0.00"),
        [[("TSHIRT", "1")]],
        {"total": "11.00", "tax": "1.00"},
    ),
    Case(
        "SYL-22",
        SYLIUS + "refunding_order_units.feature",
        _sale(_row("SWORD", "3", "33.68"), manual=_manual("1.89"), shipping="0.00"),
        [[("SWORD", "1")], [("SWORD", "1")], [("SWORD", "1")]],
        {"total": "99.15", "discount": "1.89"},
        "unit by unit here, so that the discount must come out whole",
    ),
    Case(
        "SYL-26",
        SYLIUS + "viewing_details_of_credit_memo_with_included_taxes.feature",
        _sale(
            _row("PHPTEE", "1", "11.00", "0.10"),
            _row("MUG", "1", "24.00", "0.20"),
            includes_tax=True,
            shipping="11.50",
            shipping_rate="0.15",
            shipping_includes_tax=True,
        ),
        ALL_BACK,
        {
            "net": "30.00",
            "tax": "5.00",
            "shipping": "10.00",
            "shipping_tax": "1.50",
            "total": "46.50",
            "lines": {"PHPTEE": "11.00", "MUG": "24.00"},
        },
    ),
    Case(
        "SYL-28",
        SYLIUS + "viewing_details_of_credit_memo_with_multiple_shipments.feature",
        _sale(_row("TSHIRT", "2", "10.00", "0.10"), shipping="30.00", shipping_rate=_rate("2.30", "30.00")),
        ALL_BACK,
        {"net": "20.00", "tax": "2.00", "shipping": "30.00", "shipping_tax": "2.30", "total": "54.30"},
        "two shipments there, one shipping price here",
    ),
    Case(
        "SYL-29",
        SYLIUS + "viewing_details_of_credit_memo_with_multiple_shipments.feature",
        _sale(
            _row("TSHIRT", "2", "10.00", "0.10"),
            order_promotion="4.00",
            after_promotions=True,
            shipping="30.00",
            shipping_discount="15.00",
            shipping_rate=_rate("1.15", "30.00"),
        ),
        ALL_BACK,
        {"net": "16.00", "tax": "1.60", "shipping": "15.00", "shipping_tax": "1.15", "total": "33.75"},
    ),
    Case(
        "SYL-30",
        SYLIUS + "viewing_details_of_credit_memo_with_promotion_applied.feature",
        _sale(
            _row("PHPTEE", "4", "10.00", "0.10"),
            order_promotion="3.99",
            after_promotions=True,
            shipping="11.50",
            shipping_discount="5.75",
            shipping_rate=_rate("0.75", "10.75"),
            shipping_includes_tax=True,
        ),
        ALL_BACK,
        {"net": "36.01", "tax": "3.60", "shipping": "5.00", "shipping_tax": "0.75", "total": "45.36"},
        "one line of 36.01 here where the source shows 27.00 and 9.01",
    ),
    Case(
        "SYL-31",
        DISTRIBUTOR + "ProportionalIntegerDistributorSpec.php",
        _sale(*_WEIGHTS, manual=_manual("3.00")),
        ALL_BACK,
        {"discount": "3.00", "discounts": {"A": "1.61", "B": "0.53", "C": "0.86"}},
        "weights 4300, 1400, 2300 as prices",
    ),
    Case(
        "SYL-33",
        DISTRIBUTOR + "IntegerDistributorSpec.php",
        _sale(_row("A", "3", "100.00"), manual=_manual("10.00")),
        [[("A", "1")], [("A", "1")], [("A", "1")]],
        {"discount": "10.00", "note_discounts": ["3.33", "3.34", "3.33"]},
        "1000 over three equal units",
    ),
    Case(
        "VEN-01",
        "vendure-ecommerce/vendure@1633446f .../order-calculator/prorate.spec.ts",
        _sale(*_WEIGHTS, manual=_manual("2.99")),
        ALL_BACK,
        {"discount": "2.99", "discounts": {"A": "1.61", "B": "0.52", "C": "0.86"}},
    ),
    Case(
        "VEN-09",
        "vendurehq/vendure PR 4867",
        _sale(_row("A", "1", "50.00"), _row("B", "1", "10.00"), manual=_manual("10.00")),
        [[("A", "1")], [("B", "1")]],
        {"notes": ["41.67", "8.33"]},
        "the discount of a line leaves with it",
    ),
    Case(
        "MAG-01",
        MAGENTO_TAX,
        _sale(
            _row("item_1", "1", "99.00", "0.0819"),
            _row("item_2", "2", "99.00", "0.0819"),
            round_items=True,
            shipping="30.00",
            shipping_rate=_rate("2.45", "30.00"),
        ),
        [[("item_1", "1"), ("item_2", "1")]],
        {"tax": "16.22", "lines": {"item_1": "107.11", "item_2": "107.11"}},
        "the invoiced units as ordered ones; shipping not, because the source gives all of it with a part of the goods",
        NO_SHIPPING,
    ),
    Case(
        "MAG-06",
        MAGENTO_TAX,
        _sale(_row("item_1", "3", "50.00", "0.0825"), shipping="0.00"),
        [[("item_1", "1")], [("item_1", "1")], [("item_1", "1")]],
        {"tax": "12.38", "note_taxes": ["4.13", "4.12", "4.13"], "total": "162.38"},
        "12.38 over three units",
    ),
    Case(
        "MAG-07",
        MAGENTO_TAX,
        _sale(
            _row("item_1", "1", "100.00", "0.10", "100.00"),
            _row("item_2", "1", "100.00", "0.10", "100.00"),
            includes_tax=True,
            shipping="0.00",
        ),
        [[("item_1", "1")]],
        {"tax": "0.00", "total": "0.00"},
        "never negative",
    ),
    Case(
        "MAG-09",
        MAGENTO_DISCOUNT,
        _FORTY_OFF,
        [[("product", "1")]],
        {"shipping": "0.00", "discount": "40.00", "tax": "6.00", "total": "66.00"},
        "the discount of shipping does not leak into the goods",
        NO_SHIPPING,
    ),
    Case(
        "MAG-10",
        MAGENTO_DISCOUNT,
        _FORTY_OFF,
        [[("product", "1")], [("product", "1")]],
        {"shipping": "60.00", "discount": "80.00", "tax": "12.00", "shipping_tax": "6.00", "total": "198.00"},
        "their shipping 100.00 less 40.00 of their discount 120.00 is our 60.00",
    ),
    Case(
        "MAG-12",
        "magento/magento2@043981cc .../Test/Mftf/Test/AdminCheckingCreditMemoTotalsTest.xml",
        _sale(_row("product", "1", "100.00", "0.0825"), shipping="5.00", shipping_rate="0.0825"),
        ALL_BACK,
        {"total": "108.25", "shipping": "0.00", "shipping_tax": "0.00"},
        "without shipping its tax drops out too",
        NO_SHIPPING,
    ),
    Case(
        "MAG-14",
        "magento/magento2@2b605aa9 .../Test/Mftf/Test/AdminCheckNewCreditMemoTotalsForFranceTest.xml",
        _sale(_row("product", "1", "560.00")),
        ALL_BACK,
        {"net": "560.00", "fee": "5.00", "total": "555.00"},
        "fee and refund adjustment as restocking fee and goodwill",
        {"credit": {"restocking_fee": {"unwanted": {"flat": "10.31"}}, "goodwill": {"*": {"flat": "5.31"}}}},
    ),
    Case(
        "MED-01",
        MEDUSA + "index.js",
        _sale(_row("test-item", "2", "10.00", "0.125"), shipping="0"),
        [[("test-item", "1")]],
        {"total": "11.25"},
    ),
    Case(
        "MED-03",
        MEDUSA + "index.js",
        _sale(_row("test-item", "2", "10.00", "0.20"), shipping="0"),
        [[("test-item", "1")]],
        {"fee": "11.25", "total": "0.75"},
        "their fee for the way back, gross, as a flat restocking fee",
        {"credit": {"restocking_fee": {"*": {"flat": "11.25"}}}},
    ),
    Case(
        "MED-04",
        MEDUSA + "index.js",
        _sale(_row("test-item", "2", "10.00", "0.20", "2.00"), after_promotions=True, shipping="0"),
        [[("test-item", "1")]],
        {"total": "10.80"},
    ),
    Case(
        "MED-05",
        MEDUSA + "index.js",
        _sale(_row("test-item", "2", "44526.00", "0.20", "90.23"), after_promotions=True, shipping="0"),
        [[("test-item", "1")], [("test-item", "1")]],
        {"notes": ["53377.07", "53377.05"], "total": "106754.12"},
        "the line whose price is stated, alone",
    ),
    Case(
        "MED-06",
        MEDUSA + "ff-tax-inclusive-pricing.js",
        _sale(_row("test-item", "2", "11.25", "0.125"), includes_tax=True, shipping="0"),
        [[("test-item", "1")]],
        {"net": "10.00", "tax": "1.25", "total": "11.25"},
        "tax that is in the price is not added again",
    ),
    Case(
        "MED-08",
        MEDUSA + "ff-tax-inclusive-pricing.js",
        _sale(_row("test-item", "2", "12.00", "0.20"), includes_tax=True, shipping="0"),
        [[("test-item", "1")]],
        {"fee": "10.00", "total": "2.00"},
        "their fee for the way back as a flat restocking fee",
        {"credit": {"restocking_fee": {"unwanted": {"flat": "10.00"}}}},
    ),
    Case(
        "MED-09",
        "medusajs/medusa@59e67478 packages/core/utils/src/totals/__tests__/totals.ts",
        _sale(_row("item", "2", "50.00", "0.10", "20.00"), after_promotions=True, shipping="0"),
        [[("item", "1")], [("item", "1", {"final_disposition": "damaged"})], [("item", "1")]],
        {"notes": ["44.00", "44.00"], "quarantined": {"over_return": "1"}, "restocked": "1"},
        "sound and damaged units are worth the same; nothing is left afterwards",
    ),
    Case(
        "MED-11",
        "medusajs/medusa PR 15929, issue 15885",
        _sale(_row("item", "2", "100.00", "0.10", "20.00"), after_promotions=True, shipping="0"),
        [[("item", "1")], [("item", "1")]],
        {"notes": ["99.00", "99.00"]},
        "the discount is not taxed twice",
    ),
    Case(
        "SOL-01",
        SOLIDUS + "calculator/refunds/default_refund_amount_spec.rb",
        _sale(_row("v", "3", "100.00"), shipping="0"),
        [[("v", "1")]],
        {"total": "100.00"},
    ),
    Case(
        "SOL-02",
        SOLIDUS + "calculator/refunds/default_refund_amount_spec.rb",
        _sale(_row("v", "3", "100.00"), manual=_manual("10.00"), shipping="0"),
        [[("v", "1")], [("v", "2")]],
        {"notes": ["96.67", "193.33"]},
        "96.666… there, not rounded by the unit",
    ),
    Case(
        "SOL-03",
        SOLIDUS + "calculator/refunds/default_refund_amount_spec.rb",
        _sale(_row("v", "3", "100.00"), shipping="50.00", shipping_discount="50.00"),
        [[("v", "1")]],
        {"total": "100.00"},
        "a discount on shipping does not touch the goods; the price of shipping is chosen",
    ),
    Case(
        "SOL-07",
        SOLIDUS + "distributed_amounts_handler_spec.rb",
        _sale(
            _row("a", "3", "50.00"), _row("b", "1", "50.00"), _row("c", "2", "50.00"), manual=_manual("15.00")
        ),
        ALL_BACK,
        {"discounts": {"a": "7.50", "b": "2.50", "c": "5.00"}},
    ),
    Case(
        "SOL-08",
        SOLIDUS + "return_item_spec.rb",
        _sale(_row("v", "1", "10.00", "1"), includes_tax=True),
        ALL_BACK,
        {"net": "5.00", "tax": "5.00", "total": "10.00"},
    ),
    Case(
        "SPR-04",
        "spree/spree@cee28a23 spree/core/spec/workflows/spree/returns/lifecycle_spec.rb",
        _sale(_row("item", "3", "10.00"), _row("other", "1", "10.00")),
        [[("item", "3", {"quantity_received": "2"}), ("other", "1", {"quantity_received": "0"})]],
        {"total": "20.00", "restocked": "2"},
        "received counts, not announced; the price is chosen",
    ),
    Case(
        "SAL-01",
        SALEOR,
        _SALEOR,
        [[("SKU_AA", "2"), ("SKU_B", "2")]],
        {"total": "73.80", "shipping": "0.00"},
        policy=NO_SHIPPING,
    ),
    Case(
        "ODO-02",
        ODOO,
        _sale(
            _row("product_a", "4", "500.00", "0.15", "1000.00"),
            _row("product_b", "1", "200.00", "0.30"),
            after_promotions=True,
        ),
        ALL_BACK,
        {"net": "1200.00", "tax": "210.00", "total": "1410.00"},
    ),
    Case(
        "ODO-03",
        ODOO,
        _sale(
            _row("product_a", "1", "1000.00", "0.15", "1000.00"),
            _row("product_b", "1", "200.00", "0.30"),
            after_promotions=True,
        ),
        ALL_BACK,
        {
            "net": "200.00",
            "tax": "60.00",
            "total": "260.00",
            "lines": {"product_a": "0.00", "product_b": "260.00"},
        },
    ),
    Case(
        "ODO-05",
        ODOO,
        _sale(
            _row("product_a", "1", "1000.00", "0.15"), _row("product_b", "1", "200.00", "0.30"), shipping="0"
        ),
        ALL_BACK,
        {"net": "1200.00", "tax": "210.00", "total": "1410.00"},
        "in the order's currency; the company's currency is the ledger system's affair",
    ),
    Case(
        "ODO-06",
        ODOO,
        _sale(
            _row("product_a", "1", "999.99", "0.15"),
            _row("product_b", "1", "200.00", "0.30"),
            total_off_by="0.01",
        ),
        ALL_BACK,
        {"net": "1199.99", "tax": "210.01", "total": "1410.00"},
        "the cent of cash rounding, a line of its own there, stays with the goods' tax here",
    ),
    Case(
        "ISS-01",
        "frappe/erpnext issue 41343",
        _sale(_row("A", "10", "82.50", off="123.70"), currency="EUR"),
        [[("A", "3")], [("A", "7")]],
        {"total": "701.30"},
        "15 % off, rounded by the unit: what was charged counts, nothing is worked out again",
    ),
    Case(
        "ISS-05",
        "magento/magento2 issue 14713",
        _sale(_row("100", "1", "100.00", "0.10"), _row("101", "1", "100.00", "0.11")),
        [[("101", "1")]],
        {"tax": "11.00"},
        "each line its own tax; the prices are chosen",
    ),
    Case(
        "ISS-06",
        "magento/magento2 issue 13153",
        _sale(_row("all", "1", "104.00", "0.07", "104.00"), includes_tax=True),
        ALL_BACK,
        {"total": "0.00"},
        "never negative",
    ),
    Case(
        "ISS-08",
        "solidusio-contrib/solidus_product_assembly issue 61",
        _sale(
            _row(
                "KIT",
                "1",
                "159.99",
                "0.06",
                parts=(
                    Part("A", Decimal(2), Decimal("43.39")),
                    Part("B", Decimal(20), Decimal("3.66"), sort_order=1),
                ),
            )
        ),
        [[("A", "2")], [("B", "20")]],
        {"total": "169.59"},
        "components must not lose the kit's cent",
    ),
    Case(
        "ISS-09",
        "PrestaShop/PrestaShop issue 40271",
        _sale(_row("p", "9", "13.956300"), currency="EUR"),
        [[("p", "4")], [("p", "5")]],
        {"total": "125.61"},
        "the paid total follows from the unit price of six decimals",
    ),
    Case(
        "ISS-10",
        "woocommerce/woocommerce-ios PR 17630",
        _sale(_row("p", "1", "1.00", "0.13"), includes_tax=True),
        ALL_BACK,
        {"net": "0.88", "tax": "0.12", "total": "1.00"},
    ),
    Case(
        "ISS-12",
        "vendurehq/vendure issue 3885",
        _sale(_row("PIZZA", "5", "5.50"), manual=_manual("2.75"), shipping="0.50", currency="EUR"),
        [[("PIZZA", "2")]],
        {"total": "9.90"},
        "the discount is not judged anew",
        NO_SHIPPING,
    ),
    Case(
        "ISS-13",
        "spree/spree PR 14467",
        _sale(_row("a", "1", "1.00"), _row("b", "1", "1.00"), manual=_manual("0.97")),
        [[("a", "1")], [("b", "1")]],
        {"total": "1.03"},
        "the cap of 1.03 as what was paid",
    ),
    Case(
        "ISS-14",
        "odoo/odoo issue 196382",
        _sale(
            _row("p1", "10", "30.75", "0.15", "15.37"),
            _row("p2", "1", "70.00", "0.15", "3.50"),
            after_promotions=True,
            round_items=True,
        ),
        ALL_BACK,
        {"net": "358.63", "tax": "53.80", "total": "412.43"},
        "the invoice's own figures, however they were rounded",
    ),
    Case(
        "ISS-15",
        "OpenMage/magento-lts issue 4396",
        _sale(_row("item", "4", "100.00"), order_promotion="82.00", currency="SEK"),
        ALL_BACK,
        {"total": "318.00"},
        "what was paid after the coupon; the prices are chosen",
    ),
)

DIFFERENT: Mapping[str, str] = {
    "SYL-30": "theirs gives 1.00, 1.00, 1.00, 0.99 of the discount to the units; ours cuts at cumulative units",
    "SYL-31": "1.62, 0.52, 0.86 there (the odd cent to the first), 1.61, 0.53, 0.86 here; the same sum",
    "SYL-33": "3.34, 3.33, 3.33 there, 3.33, 3.34, 3.33 here; the same sum",
    "MAG-06": "4.13, 4.13, 4.12 there (the last takes the remainder), 4.13, 4.12, 4.13 here; the same sum",
    "MED-05": "53377.06 twice there; net and tax are cut each by itself here, so 53377.07 and 53377.05; the same sum",
    "SOL-02": "96.666… kept unrounded there; 96.67 on the note here, and the rest with the next one",
    "ODO-06": "an extra line there; with the goods' tax here",
}
"""Cases whose sums agree and whose odd cents lie elsewhere, on purpose."""

NOT_APPLICABLE: Mapping[str, str] = {
    "SYL-03": "refunds shipping alone; a return always has goods",
    "SYL-04": "refunds all of shipping with a part of the goods; none of the four policies does",
    "SYL-14": "refunds by amount; amounts are never given here, units are",
    "SYL-15": "refunds by amount (a negative one); a negative quantity is malformed_document",
    "SYL-17": "refunds shipping by amount",
    "SYL-18": "refunds shipping by amount",
    "SYL-24": "refunds by amount",
    "SYL-32": "distributes a negative total; OroCommerce has no negative discounts",
    "VEN-08": "refunds by amount",
    "MAG-02": "two currencies on one order; OroCommerce's orders have one",
    "MAG-05": "compensation of discounted tax, a figure that OroCommerce does not keep",
    "MED-10": "refunds by amount",
    "SOL-04": "an exchange; OroCommerce has none, a new order is one's own affair",
    "SPR-01": "a payment shared by several orders; payments are not ours",
    "SPR-02": "a payment shared by several orders; payments are not ours",
    "SPR-03": "a payment shared by several orders; payments are not ours",
    "SAL-02": "all of shipping with a part of the goods; none of the four policies does",
    "SAL-03": "an exchange, and all of shipping with a part of the goods",
    "SAL-04": "refunds by amount",
}
"""Cases without a counterpart, with the reason."""
