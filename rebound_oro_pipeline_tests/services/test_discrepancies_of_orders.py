"""Orders that changed after their first credit, and orders that came back whole: listed with both figures."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.services.operate_deed import Deed, OperatorError
from rebound_oro_pipeline.services.operate_discrepancies import DiscrepancyFilter, acknowledge, pick, reopen
from rebound_oro_pipeline.services.sync_health import Discrepancy, discrepancies, figures, record_sightings
from rebound_oro_pipeline.warehouse import reference
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.conftest import CloneDatabase
from rebound_oro_pipeline_tests.rules.by_hand import product
from rebound_oro_pipeline_tests.rules.price import Part, Row, Sale, order_document
from rebound_oro_pipeline_tests.rules.sql_runner import Landed, land
from rebound_oro_pipeline_tests.services.operators_shop import a_return

SHIRT = Row("SHIRT", Decimal(3), Decimal("10.00"), promotion=Decimal("3.00"))
HAT = Row("HAT", Decimal(2), Decimal("5.00"))
POT = Part("POT", Decimal(1), Decimal(12))
SET = Row("SET", Decimal(1), Decimal("20.00"), parts=(Part("CUP", Decimal(2), Decimal(4)), POT))
SALE = Sale("1", "ORD-1", (SHIRT, HAT, SET), shipping=Decimal("6.00"))
TAXED = replace(
    SALE,
    id="2",
    identifier="ORD-2",
    rows=tuple(replace(row, rate=Decimal("0.20")) for row in SALE.rows),
    includes_tax=True,
    shipping_includes_tax=True,
    shipping_rate=Decimal("0.20"),
)
Rows = dict[str, tuple[str, str]]


@pytest.fixture(scope="module")
def books(clone_database: CloneDatabase, template_database: str) -> Iterator[Landed]:
    """Yield books in which a shirt each of two orders was credited; one order's prices include its tax."""
    with clone_database(template_database) as url, connect(url) as conn:
        orders = [SALE, TAXED]
        returns = [a_return("R1"), a_return("R2", order_reference="ORD-2")]
        land(conn, map(order_document, orders), returns)
        there = Landed(conn, reference.save_policy(conn, Policy().document()))
        there.decide()
        conn.commit()
        yield there
        conn.rollback()


def with_row(sale: Sale, place: int, **changes: Any) -> Sale:
    rows = list(sale.rows)
    rows[place] = replace(rows[place], **changes)
    return replace(sale, rows=tuple(rows))


def of_orders(conn: psycopg.Connection[Any]) -> list[Discrepancy]:
    return [each for each in discrepancies(conn) if each.kind.startswith("order_")]


def listed(conn: psycopg.Connection[Any]) -> Rows:
    """Return difference and detail of each row, by its line or the order as a whole."""
    return {
        each.subject.partition(", ")[2] or "order": (f"{each.difference:.2f}", each.detail or "")
        for each in of_orders(conn)
    }


CHANGES: dict[str, tuple[Sale, Rows]] = {
    "a status, and the case of a SKU": (
        with_row(replace(SALE, internal_status="closed"), 0, sku="Shirt"),
        {},
    ),
    "another SKU at the same price": (
        with_row(SALE, 1, sku="CAP"),
        {
            "order": ("0.00", "lines that changed: 1"),
            "line 101 (HAT)": ("0.00", "SKU HAT → CAP"),
        },
    ),
    "prices of two lines against each other": (
        with_row(with_row(SALE, 0, value=Decimal("9.00")), 1, value=Decimal("6.50")),
        {
            "order": ("0.00", "lines that changed: 2"),
            "line 100 (SHIRT)": ("-3.00", "unit price 10 → 9"),
            "line 101 (HAT)": ("3.00", "unit price 5 → 6.5"),
        },
    ),
    "a quantity and its price": (
        with_row(SALE, 0, quantity=Decimal(6), value=Decimal("5.00")),
        {
            "order": ("0.00", "lines that changed: 1"),
            "line 100 (SHIRT)": ("0.00", "quantity 3 item → 6 item; unit price 10 → 5"),
        },
    ),
    "a unit": (
        with_row(SALE, 1, unit="kg"),
        {"order": ("0.00", "lines that changed: 1"), "line 101 (HAT)": ("0.00", "quantity 2 item → 2 kg")},
    ),
    "a discount moved to another line": (
        with_row(with_row(SALE, 0, promotion=Decimal(0)), 1, promotion=Decimal("3.00")),
        {
            "order": ("0.00", "lines that changed: 2"),
            "line 100 (SHIRT)": ("3.00", "discount 3 → 0"),
            "line 101 (HAT)": ("-3.00", "discount 0 → 3"),
        },
    ),
    "a discount against shipping": (
        replace(SALE, manual=((None, Decimal("1.00")),), shipping=Decimal("7.00")),
        {"order": ("0.00", "discounts 3 → 4; shipping 6 → 7")},
    ),
    "shipping alone": (
        replace(SALE, shipping=Decimal("4.00")),
        {"order": ("-2.00", "total 63 → 61; shipping 6 → 4")},
    ),
    "a line that is gone": (
        replace(SALE, rows=(SHIRT, HAT)),
        {
            "order": ("-20.00", "total 63 → 43; lines that changed: 1"),
            "line 102 (SET)": ("-20.00", "was removed"),
        },
    ),
    "a line that was added": (
        replace(SALE, rows=(*SALE.rows, Row("SOCK", Decimal(1), Decimal("4.00")))),
        {
            "order": ("4.00", "total 63 → 67; lines that changed: 1"),
            "line 103 (SOCK)": ("4.00", "was added"),
        },
    ),
    "what a set is made of": (
        with_row(SALE, 2, parts=(Part("MUG", Decimal(2), Decimal(4)), POT)),
        {
            "order": ("0.00", "lines that changed: 1"),
            "line 102 (SET)": (
                "0.00",
                "components cup (2 item at 4), pot (1 item at 12) → mug (2 item at 4), pot (1 item at 12)",
            ),
        },
    ),
    "nothing, where prices include tax": (replace(TAXED, internal_status="closed"), {}),
    "tax that moves between lines": (
        with_row(with_row(TAXED, 1, rate=Decimal(0)), 2, rate=Decimal("0.32")),
        {
            "order": ("0.00", "lines that changed: 2"),
            "line 201 (HAT)": ("0.00", "tax 1.67 → 0"),
            "line 202 (SET)": ("0.00", "tax 3.33 → 4.85"),
        },
    ),
}


@pytest.mark.parametrize(("sale", "expected"), CHANGES.values(), ids=CHANGES.keys())
def test_what_changed_is_listed_by_order_and_line(books: Landed, sale: Sale, expected: Rows) -> None:
    with books.undone():
        land(books.conn, [order_document(sale)], [])
        assert listed(books.conn) == expected
        assert {each.order_identifier for each in of_orders(books.conn)} <= {sale.identifier}


def test_prices_that_were_not_kept_are_not_compared(books: Landed) -> None:
    """Orders that changed before prices were kept: what else is known of their lines is compared all the same."""
    with books.undone():
        books.conn.execute("alter table ledger.order_items disable trigger user")
        books.conn.execute("update ledger.order_items set (unit_price, line_unit_price) = (null, null)")
        land(
            books.conn, [order_document(with_row(with_row(SALE, 0, value=Decimal("9.00")), 1, sku="CAP"))], []
        )
        assert listed(books.conn) == {
            "order": ("-3.00", "total 63 → 60; lines that changed: 1"),
            "line 101 (HAT)": ("0.00", "SKU HAT → CAP"),
        }


def test_the_money_of_an_order_is_counted_once(books: Landed) -> None:
    with books.undone():
        land(books.conn, [order_document(replace(SALE, rows=(SHIRT, HAT)))], [])
        record_sightings(books.conn)
        drift = {each.label: each.value for each in figures(books.conn) if each.figure == "drift_amount"}
        unsent = sum(
            each.difference for each in discrepancies(books.conn) if each.currency and "note" in each.kind
        )
        assert drift == {"USD": 20 - unsent}


@pytest.mark.parametrize(
    ("shipping", "short_by", "expected"),
    [
        ("pro_rata", "0.01", ("63.00", "0.01", "with shipping")),
        ("never", "0.02", ("57.00", "0.02", "without shipping")),
        ("pro_rata", "0", None),
        ("never", "0", None),
    ],
)
def test_an_order_that_came_back_whole_is_credited_in_full_or_listed(
    books: Landed, shipping: str, short_by: str, expected: tuple[str, str, str] | None
) -> None:
    conn = books.conn
    with books.undone():
        wanted = [{"quantity": "3"}, {"sku_code": "HAT", "quantity": "2"}, {"sku_code": "SET"}]
        land(
            conn,
            [order_document(replace(SALE, id="3", identifier="ORD-3"))],
            [a_return("R3", *wanted, order_reference="ORD-3")],
        )
        policy = Policy.model_validate({"credit": {"shipping": shipping}})
        Landed(conn, reference.save_policy(conn, policy.document())).decide()
        conn.execute("alter table ledger.credit_notes disable trigger user")
        conn.execute(
            "update ledger.credit_notes set net_amount = net_amount - %(by)s, total_amount = total_amount - %(by)s"
            " where return_id = 'R3'",
            {"by": Decimal(short_by)},
        )
        found = [
            (each.subject, f"{each.theirs:.2f}", f"{each.difference:.2f}", each.detail)
            for each in of_orders(conn)
        ]
        assert found == ([("ORD-3", *expected)] if expected else [])


def test_an_order_is_due_in_full_whichever_of_two_policies_gave_its_shipping(books: Landed) -> None:
    """Both credit it with the goods, and the note that completes the order brings what is left."""
    conn = books.conn
    with books.undone():
        land(
            conn,
            [order_document(replace(SALE, id="3", identifier="ORD-3"))],
            [a_return("R3", {"quantity": "3"}, order_reference="ORD-3")],
        )
        books.decide()
        land(
            conn,
            [],
            [
                a_return(
                    "R4", {"sku_code": "HAT", "quantity": "2"}, {"sku_code": "SET"}, order_reference="ORD-3"
                )
            ],
        )
        policy = Policy.model_validate({"credit": {"shipping": "on_complete_return"}})
        Landed(conn, reference.save_policy(conn, policy.document())).decide()
        assert of_orders(conn) == []
        conn.execute("alter table ledger.credit_notes disable trigger user")
        conn.execute(
            "update ledger.credit_notes"
            " set shipping_amount = shipping_amount - 0.01, total_amount = total_amount - 0.01 where return_id = 'R4'"
        )
        assert [(each.subject, f"{each.difference:.2f}") for each in of_orders(conn)] == [("ORD-3", "0.01")]


def test_what_an_order_comes_to_in_another_currency_is_not_subtracted(books: Landed) -> None:
    with books.undone():
        land(books.conn, [order_document(replace(SALE, currency="JPY"))], [])
        [found] = of_orders(books.conn)
        assert (found.currency, found.theirs, found.difference) == ("USD", None, -(found.ours or 0))
        assert found.detail == "currency USD → JPY"


def test_a_discrepancy_is_as_old_as_it_has_been_seen_without_a_break(books: Landed) -> None:
    conn = books.conn

    def seen(sale: Sale) -> dict[str, datetime]:
        land(conn, [order_document(sale)], [])
        record_sightings(conn)
        conn.execute("update reconciliation.sightings set first_seen_at = first_seen_at - interval '1 day'")
        return {each.subject: each.first_seen_at for each in of_orders(conn)}

    with books.undone():
        [(now,)] = conn.execute("select now()").fetchall()
        changed, other = replace(SALE, shipping=Decimal("4.00")), replace(SALE, shipping=Decimal("3.00"))
        days = [
            {subject: (now - at).days for subject, at in seen(sale).items()}
            for sale in (changed, other, SALE, changed)
        ]
        assert days == [{"ORD-1": 1}, {"ORD-1": 2}, {}, {"ORD-1": 1}]
        ages = {
            each.label: each.value for each in figures(conn) if each.figure == "oldest_discrepancy_seconds"
        }
        assert ages["order_changed_after_credit"] == 86400


def test_what_a_person_took_note_of_is_told_no_more_until_a_side_changes(books: Landed) -> None:
    conn, deed = books.conn, Deed("maria", "the customer agreed")
    changed, other = replace(SALE, shipping=Decimal("4.00")), replace(SALE, shipping=Decimal("3.00"))

    def after(sale: Sale) -> tuple[bool, dict[str, int]]:
        land(conn, [order_document(sale)], [])
        record_sightings(conn)
        [found] = of_orders(conn)
        told = {each.figure: int(each.value) for each in figures(conn) if each.label == found.kind}
        return found.is_acknowledged, told

    with books.undone():
        assert after(changed)[0] is False
        wanted = DiscrepancyFilter(order_identifier=" ord-1", kind="order_changed_after_credit")
        acknowledge(conn, pick(conn, wanted, acknowledged=False), deed)
        assert after(changed) == (True, {"discrepancies_acknowledged": 1})
        [found] = of_orders(conn)
        assert (found.acknowledged_by, found.acknowledged_why) == ("maria", "the customer agreed")
        assert after(other) == (False, {"discrepancies": 1, "oldest_discrepancy_seconds": 0})
        assert after(changed)[0] is True
        land(conn, [order_document(SALE)], [])
        record_sightings(conn)
        assert of_orders(conn) == []
        assert after(changed)[0] is False, "what comes back is a new one"
        acknowledge(conn, pick(conn, wanted, acknowledged=False), deed)
        reopen(conn, pick(conn, wanted, acknowledged=True), deed)
        assert after(changed)[0] is False
        [logged] = conn.execute(
            "select array_agg(action || ' by ' || actor order by action) from outbox.audit_log where subject = 'ORD-1'"
        ).fetchall()
        noted, taken_back = "discrepancy acknowledged by maria", "discrepancy reopened by maria"
        assert logged[0] == [noted, noted, taken_back]


def test_an_acknowledgement_names_what_is_there(books: Landed) -> None:
    wanted = DiscrepancyFilter(subjects=("ORD-77",))
    for acknowledged, state in ((False, "open"), (True, "acknowledged")):
        with pytest.raises(OperatorError, match=f"no {state} discrepancy is found under ORD-77"):
            pick(books.conn, wanted, acknowledged=acknowledged)


def test_what_is_not_answered_or_sent_within_the_agreed_time_is_listed(books: Landed) -> None:
    conn = books.conn

    def late(hours: int) -> list[tuple[str, str, str | None]]:
        given = {"hours": hours}
        conn.execute(
            "update landing.rebound_returns set landed_at = now() - make_interval(hours => %(hours)s)", given
        )
        conn.execute(
            "update ledger.credit_notes set decided_at = now() - make_interval(hours => %(hours)s)", given
        )
        return [(each.kind, each.subject, each.order_identifier) for each in discrepancies(conn)]

    unsent = [("note_not_in_oro_in_time", f"R{number}-ORD-{number}", f"ORD-{number}") for number in (1, 2)]
    with books.undone():
        conn.execute("alter table ledger.credit_notes disable trigger user")
        land(conn, [], [a_return("R8", current_tracking_status="created"), a_return("R9")])
        assert late(71) == []
        assert late(73) == [*unsent, ("return_without_an_answer", "R9 / R9:SHIRT:1", "ORD-1")]
        books.decide()
        assert late(71) == []
        assert ("return_without_an_answer", "R9 / R9:SHIRT:1", "ORD-1") not in late(73)


@pytest.mark.parametrize(
    ("number", "shirts", "expected"),
    [
        ("ORD-1-1", 3, [("ORD-1-1, line 100", 4, 3, "SHIRT: 3 on ORD-1-1, 1 on ORD-1")]),
        ("ORD-1-1", 2, []),
        ("ORD-7-1", 3, []),
        ("ORD-1-1", 0, []),
    ],
    ids=["more than were ordered", "no more than were ordered", "of no order that was split", "of one alone"],
)
def test_lines_that_an_order_and_its_sub_order_credit_both_are_listed(
    books: Landed, number: str, shirts: int, expected: list[tuple[str, int, int, str]]
) -> None:
    """OroCommerce gives a line to several orders: its `orders` are many."""
    part = order_document(Sale("9", number, (SHIRT,)))
    for line in (*part["data"]["relationships"]["lineItems"]["data"], *part["included"]):
        if line["id"] == "900":
            line["id"] = "100"
    with books.undone():
        credited = [a_return("R8", {"quantity": str(shirts)}, order_reference=number)] if shirts else []
        land(books.conn, [part], credited)
        books.decide()
        assert [
            (each.subject, each.ours, each.theirs, each.detail)
            for each in discrepancies(books.conn)
            if each.kind == "order_line_credited_on_both"
        ] == expected


LISTS_NOTHING = {
    "processed": ({"current_tracking_status": "processed"}, True),
    "delivered, the field under another name": (
        {"current_tracking_status": "delivered", "items": [{"sku_code": "SHIRT", "quantity": "1"}]},
        True,
    ),
    "a label from the box": ({"current_tracking_status": "created"}, False),
    "cancelled": ({"current_tracking_status": "cancelled"}, False),
}


@pytest.mark.parametrize("name", LISTS_NOTHING)
def test_a_processed_return_that_lists_nothing_is_listed(books: Landed, name: str) -> None:
    """It has no line that could wait, be held or be quarantined."""
    said, is_listed = LISTS_NOTHING[name]

    def listed() -> list[tuple[str, str | None]]:
        found = discrepancies(books.conn)
        return [(each.subject, each.detail) for each in found if each.kind == "return_without_lines"]

    with books.undone():
        land(books.conn, [], [{key: value for key, value in a_return("R8", **said).items() if key != "item"}])
        books.decide()
        assert listed() == ([("R8", f"status {said['current_tracking_status']}")] if is_listed else [])
        land(books.conn, [], [a_return("R8", current_tracking_status="delivered")])
        assert listed() == []


CORRECTED = {
    "damaged after it was restocked": ("restock", "damaged", {}, (1, 0)),
    "restocked after it was damaged": ("damaged", "restock", {}, (0, 1)),
    "not told any more": ("restock", None, {}, (1, 0)),
    "told under a SKU in other letters": ("restock", "damaged", {"sku_code": "shirt"}, (1, 0)),
    "not saleable either way": ("damaged", "destroy", {}, None),
    "the same": ("restock", "RESTOCK", {}, None),
}


@pytest.mark.parametrize("name", CORRECTED)
def test_units_on_the_wrong_shelf_are_listed(books: Landed, name: str) -> None:
    """Nothing takes them off it, for what was decided stays."""
    before, now, item, expected = CORRECTED[name]
    with books.undone():
        land(books.conn, [], [a_return("R3", {"final_disposition": before})])
        books.decide()
        land(books.conn, [], [a_return("R3", {"final_disposition": now, **item})])
        for _ in range(2):
            found = of_dispositions(books.conn)
            if expected is None:
                assert found == []
            else:
                detail = f"1 item of SHIRT credited as {before}, now {now or 'unknown'}"
                assert found == [("R3 / R3:SHIRT:1", "ORD-1", *expected, detail)]
            books.decide()


def test_each_unit_on_the_wrong_shelf_is_listed_once(books: Landed) -> None:
    """Components of a kit, units that came later, lines without stock, and a line that stands twice."""
    engraving = Row("ENGRAVING", Decimal(3), Decimal(3), free_form=True)
    kit = {"sku_code": "SET", "id": "K"}
    shirt = {"id": "L"}
    free = {"sku_code": "ENGRAVING", "id": "F", "final_disposition": "damaged"}
    damaged = {"final_disposition": "damaged"}
    with books.undone():
        sale = replace(SALE, id="3", identifier="ORD-3", rows=(*SALE.rows, engraving))
        first = a_return("R3", kit, shirt, free, order_reference="ORD-3")
        land(books.conn, [order_document(sale)], [first])
        books.decide()
        then = [
            kit | damaged,
            shirt | damaged | {"quantity": "2"},
            shirt,
            free | {"final_disposition": "restock"},
        ]
        land(books.conn, [], [a_return("R3", *then, order_reference="ORD-3")])
        books.decide()
        cups = "1 item of POT credited as restock, now damaged"
        assert of_dispositions(books.conn) == [
            ("R3 / K", "ORD-3", 3, 0, f"2 item of CUP credited as restock, now damaged; {cups}"),
            ("R3 / L", "ORD-3", 1, 0, "1 item of SHIRT credited as restock, now damaged"),
        ]
        land(books.conn, [], [first])
        assert of_dispositions(books.conn) == [], "of two units the damaged one is gone"
        both = a_return("R3", kit, shirt | {"quantity": "2"}, free, order_reference="ORD-3")
        land(books.conn, [], [both])
        assert of_dispositions(books.conn) == [
            ("R3 / L", "ORD-3", 0, 1, "1 item of SHIRT credited as damaged, now restock")
        ]


SHIRTS = {"quantity": "3", "id": "L1"}
DAMAGED = {"final_disposition": "damaged"}
TO_DAMAGED = "of SHIRT credited as restock, now damaged"
LISTED_SINCE: dict[str, tuple[list[dict[str, str]], list[dict[str, str]], list[tuple[Any, ...]]]] = {
    "split": (
        [SHIRTS],
        [SHIRTS | {"quantity": "1"}, SHIRTS | DAMAGED | {"quantity": "2", "id": "L2"}],
        [("R3 / L1", "ORD-3", 2, 0, f"2 item {TO_DAMAGED}")],
    ),
    "split in three": (
        [SHIRTS],
        [
            SHIRTS | {"quantity": "1"},
            SHIRTS | DAMAGED | {"quantity": "1", "id": "L2"},
            SHIRTS | {"quantity": "1", "id": "L3", "final_disposition": "destroy"},
        ],
        [("R3 / L1", "ORD-3", 2, 0, "2 item of SHIRT credited as restock, now damaged, destroy")],
    ),
    "moved to a line that was credited itself": (
        [SHIRTS | {"quantity": "2"}, SHIRTS | DAMAGED | {"quantity": "1", "id": "L2"}],
        [SHIRTS | {"quantity": "1"}, SHIRTS | DAMAGED | {"quantity": "2", "id": "L2"}],
        [("R3 / L1", "ORD-3", 1, 0, f"1 item {TO_DAMAGED}")],
    ),
    "moved back on the shelf": (
        [SHIRTS | DAMAGED],
        [SHIRTS | DAMAGED | {"quantity": "2"}, SHIRTS | {"quantity": "1", "id": "L2"}],
        [("R3 / L1", "ORD-3", 0, 1, "1 item of SHIRT credited as damaged, now restock")],
    ),
    "given another id": (
        [SHIRTS],
        [SHIRTS | DAMAGED | {"id": "L2"}],
        [("R3 / L1", "ORD-3", 3, 0, f"3 item {TO_DAMAGED}")],
    ),
    "merged": (
        [SHIRTS | {"quantity": "2"}, SHIRTS | DAMAGED | {"quantity": "1", "id": "L2"}],
        [SHIRTS],
        [("R3 / L2", "ORD-3", 0, 1, "1 item of SHIRT credited as damaged, now restock")],
    ),
    "changed places": (
        [SHIRTS | {"quantity": "1"}, SHIRTS | DAMAGED | {"quantity": "1", "id": "L2"}],
        [SHIRTS | DAMAGED | {"quantity": "1"}, SHIRTS | {"quantity": "1", "id": "L2"}],
        [],
    ),
    "split on the same shelf": (
        [SHIRTS | DAMAGED],
        [
            SHIRTS | DAMAGED | {"quantity": "1"},
            SHIRTS | {"quantity": "2", "id": "L2", "final_disposition": "destroy"},
        ],
        [],
    ),
    "fewer": ([SHIRTS], [SHIRTS | {"quantity": "1"}], []),
    "fewer, and another SKU for them": (
        [SHIRTS],
        [SHIRTS | {"quantity": "1"}, DAMAGED | {"sku_code": "HAT", "quantity": "2", "id": "L2"}],
        [],
    ),
    "more, of another disposition": (
        [SHIRTS | {"quantity": "1"}],
        [SHIRTS | {"quantity": "1"}, SHIRTS | DAMAGED | {"quantity": "2", "id": "L2"}],
        [],
    ),
    "a set, split": (
        [{"sku_code": "SET", "quantity": "2", "id": "K"}],
        [{"sku_code": "SET", "id": "K"}, DAMAGED | {"sku_code": "SET", "id": "K2"}],
        [
            (
                "R3 / K",
                "ORD-3",
                3,
                0,
                "2 item of CUP credited as restock, now damaged; 1 item of POT credited as restock, now damaged",
            )
        ],
    ),
    "another unit, split": (
        [{"sku_code": "TAPE", "quantity": "2", "unit_code": "box", "id": "T"}],
        [
            {"sku_code": "TAPE", "quantity": "12", "unit_code": "item", "id": "T"},
            DAMAGED | {"sku_code": "TAPE", "quantity": "12", "unit_code": "item", "id": "T2"},
        ],
        [("R3 / T", "ORD-3", 1, 0, "1 box of TAPE credited as restock, now damaged")],
    ),
    "its line lists another SKU": (
        [SHIRTS | {"quantity": "1"}],
        [{"sku_code": "HAT", "id": "L1"}, SHIRTS | DAMAGED | {"quantity": "1", "id": "L2"}],
        [("R3 / L1", "ORD-3", 1, 0, f"1 item {TO_DAMAGED}")],
    ),
    "withdrawn": ([SHIRTS], [SHIRTS | DAMAGED | {"status": "cancelled"}], []),
}


@pytest.mark.parametrize("name", LISTED_SINCE)
def test_units_that_moved_to_a_line_of_another_disposition_are_listed_once(books: Landed, name: str) -> None:
    """As what was credited is compared everywhere: by order, SKU and unit."""
    first, then, expected = LISTED_SINCE[name]
    tape = Row("TAPE", Decimal(2), Decimal(9), unit="box", product_id="7")
    two_sets = replace(SET, quantity=Decimal(2))
    sale = replace(SALE, id="3", identifier="ORD-3", rows=(SHIRT, HAT, two_sets, tape))
    status = then[0].get("status", "processed")
    with books.undone():
        units = product(7, "TAPE", item=(0, "1"), box=(0, "12"))
        land(books.conn, [order_document(sale)], [a_return("R3", *first, order_reference="ORD-3")], [units])
        books.decide()
        assert of_dispositions(books.conn) == []
        later = a_return("R3", *then, order_reference="ORD-3", current_tracking_status=status)
        land(books.conn, [], [later])
        for _ in range(2):
            assert of_dispositions(books.conn) == expected
            books.decide()
        land(books.conn, [], [a_return("R3", *first, order_reference="ORD-3")])
        assert of_dispositions(books.conn) == []


def of_dispositions(conn: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    found = discrepancies(conn, kinds=["disposition_changed_after_credit"])
    return sorted(
        (each.subject, each.order_identifier, each.ours, each.theirs, each.detail) for each in found
    )
