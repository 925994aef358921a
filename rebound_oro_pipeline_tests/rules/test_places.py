"""Where a return line goes, situation by situation, as the prose of the rules says: by the oracle and by the SQL."""

import csv
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline_tests.rules.deciding import SEEDS, decide_with_oracle
from rebound_oro_pipeline_tests.rules.generate import Habits, catalogue, shop
from rebound_oro_pipeline_tests.rules.laws import POLICIES, by_oracle, oracle_of
from rebound_oro_pipeline_tests.rules.outcomes import Tables
from rebound_oro_pipeline_tests.rules.price import Part, Row, Sale, order_document
from rebound_oro_pipeline_tests.rules.sql_runner import decide_with_sql

ALIASES = (("OLD-001", "SKU-001"),)
CREDITED, HELD, NOWHERE = "credited", "held", "nowhere"
PARTS = (Part("SKU-002", Decimal(2), Decimal(10)), Part("SKU-003", Decimal(1), Decimal(10)))
KIT = {"rows": (Row("KIT", Decimal(2), Decimal(30), parts=PARTS),)}


@dataclass(frozen=True)
class Situation:
    """One line of two units of SKU-001 on an order of five, changed in one respect, and the place it must go to."""

    name: str
    place: str
    reason: str | None = None
    units: str = "2"
    sale: Mapping[str, Any] = field(default_factory=dict)
    item: Mapping[str, Any] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)

    def order(self, number: int) -> dict[str, Any]:
        row = Row("SKU-001", Decimal(5), Decimal("12.34"), Decimal("0.19"), product_id="1")
        return order_document(
            Sale(id=str(number), identifier=f"ORDER-{number}", **{"rows": (row,), **self.sale})
        )

    def return_(self, number: int) -> dict[str, Any]:
        item = {
            "sku_code": "SKU-001",
            "quantity": "2",
            "final_disposition": "restock",
            "reason": [{"reason": "unwanted"}],
        }
        return {
            "id": f"R{number}",
            "order_reference": f"ORDER-{number}",
            "date_added": "2026-11-02 08:00:00",
            "current_tracking_status": "processed",
            "item": [item | dict(self.item)],
        } | dict(self.document)


def _line(quantity: str = "5", unit: str = "item") -> dict[str, Any]:
    return {"rows": (Row("SKU-001", Decimal(quantity), Decimal("12.34"), unit=unit, product_id="1"),)}


TAX_UNKNOWN = {"with_row_totals": False, "total_off_by": Decimal(20)}
NO_STATUS = {"shipping_status": None, "internal_status": "open"}
SITUATIONS = (
    Situation("plain", CREDITED),
    Situation("processed and then delivered", CREDITED, document={"current_tracking_status": "delivered"}),
    Situation(
        "blanks and case do not count",
        CREDITED,
        item={"sku_code": " sku-001 ", "final_disposition": "RESTOCK"},
    ),
    Situation(
        "by PO number", CREDITED, document={"order_reference": " po-five "}, sale={"po_number": "PO-FIVE"}
    ),
    Situation("by external id", CREDITED, document={"order_reference": "EXT"}, sale={"external_id": "ext"}),
    Situation(
        "a reference that the policy does not ask for",
        HELD,
        "unknown_order",
        document={"order_reference": "EXT-2"},
        sale={"external_id": "ext-2"},
        policy={"order_reference": ["identifier"]},
    ),
    Situation("an alias", CREDITED, item={"sku_code": "old-001"}),
    Situation("received counts", CREDITED, units="1", item={"quantity_received": "1"}),
    Situation("more received than announced", CREDITED, units="3", item={"quantity_received": "3"}),
    Situation("nothing received", NOWHERE, item={"quantity_received": "0"}),
    Situation("not at the milestone", NOWHERE, document={"current_tracking_status": "at_hub"}),
    Situation(
        "an earlier milestone",
        CREDITED,
        document={"current_tracking_status": "at_hub"},
        policy={"credit": {"milestone": "at_hub"}},
    ),
    Situation("withdrawn", NOWHERE, document={"current_tracking_status": "cancelled"}),
    Situation("no quantity", "quarantine", "malformed_document", "none", item={"quantity": None}),
    Situation(
        "half a date", "quarantine", "malformed_document", "none", document={"date_added": "2026-13-01"}
    ),
    Situation("unknown status", "quarantine", "unknown_status", document={"current_tracking_status": "lost"}),
    Situation("no status", "quarantine", "unknown_status", document={"current_tracking_status": None}),
    Situation(
        "unknown disposition", "quarantine", "unknown_disposition", item={"final_disposition": "eaten"}
    ),
    Situation("no disposition", "quarantine", "unknown_disposition", item={"final_disposition": ""}),
    Situation("an unknown reason where it does not matter", CREDITED, item={"reason": [{"reason": "whim"}]}),
    Situation(
        "an unknown reason where it decides on shipping",
        "quarantine",
        "unknown_reason",
        item={"reason": [{"reason": "whim"}]},
        policy={"credit": {"shipping": "by_reason"}},
    ),
    Situation("an order that nobody knows", HELD, "unknown_order", document={"order_reference": "NOSUCH"}),
    Situation("no reference", HELD, "unknown_order", document={"order_reference": None}),
    Situation("cancelled order", "quarantine", "order_cancelled", sale={"internal_status": "cancelled"}),
    Situation("pending order", HELD, "not_confirmed", sale={"internal_status": "pending"}),
    Situation("internal status null", HELD, "not_confirmed", sale={"internal_status": None}),
    Situation("not shipped", HELD, "not_dispatched", sale={"shipping_status": "not_shipped"}),
    Situation("partially shipped", CREDITED, sale={"shipping_status": "partially_shipped"}),
    Situation(
        "partially shipped where that is not enough",
        HELD,
        "not_dispatched",
        sale={"shipping_status": "partially_shipped"},
        policy={"gate": {"partially_shipped": "hold"}},
    ),
    Situation("shipping status null, open", HELD, "not_dispatched", sale=NO_STATUS),
    Situation("shipping status null, closed", CREDITED, sale=NO_STATUS | {"internal_status": "closed"}),
    Situation(
        "shipping status null, tracked",
        CREDITED,
        sale=NO_STATUS | {"trackings": 1},
        policy={"gate": {"when_status_missing": "tracking_is_dispatched"}},
    ),
    Situation("6.0, shipped", CREDITED, sale={"version": "6.0", "internal_status": "shipped"}),
    Situation("6.0, open", HELD, "not_dispatched", sale={"version": "6.0", "internal_status": "open"}),
    Situation("5.1, no status at all", HELD, "not_dispatched", sale={"version": "5.1"}),
    Situation(
        "a total that nothing explains",
        "quarantine",
        "order_does_not_add_up",
        sale={"total_off_by": Decimal(-9)},
    ),
    Situation("a cent off", CREDITED, sale={"total_off_by": Decimal("0.01")}),
    Situation("tax that no row tells", "quarantine", "tax_unresolvable", sale=TAX_UNKNOWN),
    Situation(
        "tax that no row tells, by value",
        CREDITED,
        sale=TAX_UNKNOWN,
        policy={"tax": {"without_rows": "by_value"}},
    ),
    Situation("another currency", "quarantine", "currency_mismatch", item={"currency": "EUR"}),
    Situation("a SKU of the catalogue", "quarantine", "unknown_sku", item={"sku_code": "SKU-009"}),
    Situation("a SKU of nowhere", "quarantine", "unknown_sku", item={"sku_code": "NOSUCH"}),
    Situation("a unit that nobody knows", "quarantine", "unit_mismatch", item={"unit_code": "pallet"}),
    Situation("half an item", "quarantine", "unit_mismatch", "0.5", item={"quantity": "0.5"}),
    Situation(
        "two sets of an order in items",
        CREDITED,
        units="12",
        item={"unit_code": "set"},
        sale=_line(quantity="20"),
    ),
    Situation(
        "an item of an order in boxes",
        "quarantine",
        "unit_mismatch",
        item={"unit_code": "item"},
        sale=_line(unit="box"),
    ),
    Situation("seven of five", "quarantine", "over_return", "2", item={"quantity": "7"}),
    Situation("whole kits", CREDITED, item={"sku_code": "KIT"}, sale=KIT),
    Situation(
        "a kit and a half",
        "quarantine",
        "unit_mismatch",
        "1.5",
        item={"sku_code": "KIT", "quantity": "1.5"},
        sale=KIT,
    ),
    Situation(
        "a component of a kit",
        CREDITED,
        units="4",
        item={"sku_code": "SKU-002", "quantity": "4"},
        sale=KIT,
    ),
)

WORDS = {
    "no quantity": "item[0].quantity: is missing",
    "half a date": "date_added: is not a date and time: '2026-13-01'; write 2026-10-30 or 2026-10-30T14:05:00+01:00",
    "unknown status": "status 'lost' is not in the list",
    "no status": "no status is given",
    "unknown disposition": "disposition 'eaten' is not in the list",
    "no disposition": "no disposition is given",
    "an unknown reason where it decides on shipping": "reason 'whim' is not in the list",
    "cancelled order": "order {order} is cancelled",
    "a total that nothing explains": "goods 61.7, shipping 0 and tax 11.72 do not explain the total 64.42 USD",
    "tax that no row tells": "tax of 31.72 was charged, but no line says how much of it is its own",
    "another currency": "the return is in EUR, order {order} in USD",
    "a SKU of the catalogue": "SKU SKU-009 is in the catalogue, but not on order {order}",
    "a SKU of nowhere": "SKU NOSUCH is neither in the catalogue nor on order {order}",
    "a unit that nobody knows": "2 pallet of SKU SKU-001 do not fit the unit on order {order}",
    "half an item": "0.5 units of SKU SKU-001 do not fit the unit on order {order}",
    "an item of an order in boxes": "2 item of SKU SKU-001 do not fit the unit on order {order}",
    "a kit and a half": "1.5 units of SKU KIT do not fit the unit on order {order}",
    "seven of five": "2 of 7 units of SKU SKU-001 exceed what was ordered on {order} and not yet credited",
}
"""What the quarantine says of each situation that ends there, beside the reason."""


def place(tables: Tables, number: int) -> tuple[str, str | None, str]:
    """Return place, reason and units of the one line of a return."""
    quarantined = [row for row in tables.quarantine if row["return_id"] == f"R{number}"]
    held = [row for row in tables.held if row["return_id"] == f"R{number}"]
    lines = [
        row for row in tables.credit_note_lines if row["credit_note_number"] == f"R{number}-ORDER-{number}"
    ]
    for name, rows in (("quarantine", quarantined), (HELD, held)):
        if rows:
            quantity = rows[0]["quantity"]
            return name, rows[0]["reason"], "none" if quantity is None else f"{quantity.normalize():f}"
    units = sum((row["quantity"] for row in lines), Decimal(0))
    return (CREDITED, None, f"{units.normalize():f}") if lines else (NOWHERE, None, "")


def expected(situation: Situation) -> tuple[str, str | None, str]:
    if situation.place in (CREDITED, NOWHERE):
        return situation.place, None, situation.units if situation.place == CREDITED else ""
    return situation.place, situation.reason, situation.units


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_the_oracle_puts_the_line_there(situation: Situation) -> None:
    tables = decide_with_oracle(
        [situation.order(1)],
        [situation.return_(1)],
        products=catalogue(),
        aliases=ALIASES,
        policy=situation.policy,
    )
    assert place(tables, 1) == expected(situation)


def test_the_sql_puts_every_line_there(rules_conn: psycopg.Connection[Any]) -> None:
    """All situations of one policy are decided together."""
    by_policy: dict[str, list[Situation]] = defaultdict(list)
    for situation in SITUATIONS:
        by_policy[json.dumps(situation.policy)].append(situation)
    for policy, situations in by_policy.items():
        numbered = list(enumerate(situations, start=1))
        tables = decide_with_sql(
            rules_conn,
            [situation.order(number) for number, situation in numbered],
            [situation.return_(number) for number, situation in numbered],
            products=catalogue(),
            aliases=ALIASES,
            policy=json.loads(policy),
        )
        for number, situation in numbered:
            assert place(tables, number) == expected(situation), situation.name
            if situation.place == "quarantine":
                [row] = [row for row in tables.quarantine if row["return_id"] == f"R{number}"]
                assert row["detail"] == WORDS[situation.name].format(order=f"ORDER-{number}")


def test_several_orders_by_one_reference_are_nobodys(rules_conn: psycopg.Connection[Any]) -> None:
    """Waiting would not help: the line is quarantined at once, as unknown_order, and the detail says ambiguous."""
    plain = SITUATIONS[0]
    orders = [plain.order(1), plain.order(2)]
    for order in orders:
        order["data"]["attributes"]["identifier"] = "SAME"
    returns = [plain.return_(1) | {"order_reference": "same"}]
    for tables in (decide_with_oracle(orders, returns), decide_with_sql(rules_conn, orders, returns)):
        assert place(tables, 1) == ("quarantine", "unknown_order", "2")
        assert tables.quarantine[0]["detail"].startswith("ambiguous")


def test_of_a_line_that_stands_twice_the_first_counts(rules_conn: psycopg.Connection[Any]) -> None:
    plain = SITUATIONS[0]
    document = plain.return_(1)
    (item,) = document["item"]
    document["item"] = [item | {"id": "L1"}, item | {"id": "L2"}, item | {"id": "L1", "quantity": "3"}, item]
    for tables in (
        decide_with_oracle([plain.order(1)], [document]),
        decide_with_sql(rules_conn, [plain.order(1)], [document]),
    ):
        rows = {(row["return_line_key"], row["reason"], row["quantity"]) for row in tables.quarantine}
        assert rows == {
            ("L1", "duplicate_line", Decimal(3)),
            ("R1:SKU-001:4", "over_return", Decimal(1)),
        }


def test_generated_shops_show_every_reason_of_a_decision() -> None:
    """A generator that no longer makes some situation would let the laws pass without looking at it."""
    reasons: set[str] = set()
    explained: set[tuple[int, int, bool]] = set()
    for number, policy in enumerate(POLICIES):
        made = shop(number, 300, Habits(mild=number == 3))
        seen = oracle_of(made, policy)
        tables = by_oracle(seen)
        reasons |= {row["reason"] for row in (*tables.quarantine, *tables.held)}
        explained |= {
            (whole.digits, whole.reading, whole.includes_tax)
            for whole in seen.explained.values()
            if not isinstance(whole, str)
        }
    with (SEEDS / "quarantine_reasons.csv").open(encoding="utf-8", newline="") as file:
        known = {row["reason"] for row in csv.DictReader(file)}
    later = {"received_quantity_decreased", "dispatch_timeout", "push_rejected", "stock_write_ambiguous"}
    assert reasons | later == known | {"not_confirmed", "not_dispatched"}
    assert {digits for digits, _, _ in explained} == {0, 2, 3, 4}
    assert {(reading, includes_tax) for _, reading, includes_tax in explained} >= {
        (1, False), (1, True), (2, False), (2, True),
    }  # fmt: skip
