"""A later version of a return says something else: what was credited is never forgotten, no unit in two places."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.services.operate_again import Rules
from rebound_oro_pipeline.services.operate_deed import Deed
from rebound_oro_pipeline.services.operate_quarantine import QuarantineFilter, open_rows, settle
from rebound_oro_pipeline_tests.oracle.books import Books
from rebound_oro_pipeline_tests.oracle.decide import decide, world
from rebound_oro_pipeline_tests.prepared import models
from rebound_oro_pipeline_tests.rules.by_hand import came_back, day, item, product, row, sold
from rebound_oro_pipeline_tests.rules.deciding import DECIDED_AT, Document, seeds, tables
from rebound_oro_pipeline_tests.rules.outcomes import COLUMNS, Tables
from rebound_oro_pipeline_tests.rules.sql_runner import Landed, land, landed

HOUR = timedelta(hours=1)
ORDER = sold(1, row("Abc", "4", "3.00"), row("B", "4", "5.00"))


def decided_in_turn(
    conn: psycopg.Connection[Any],
    *versions: Document,
    orders: Sequence[Document] = (ORDER,),
    products: Sequence[Document] = (),
    aliases: Sequence[tuple[str, str]] = (),
) -> Tables:
    """Decide each version of a return an hour after the one before; the SQL and the oracle agree."""
    books = Books()
    with landed(conn, orders, [], products=products, aliases=aliases) as there:
        for number, version in enumerate(versions):
            land(conn, [], [version])
            at = DECIDED_AT + number * HOUR
            found = there.decide(decided_at=at)
            seen = world(orders, [version], products, aliases, {}, seeds())
            expected = tables(decide(seen, books, decided_at=at))
            assert {name: found.rows(name) for name in COLUMNS} == {
                name: expected.rows(name) for name in COLUMNS
            }
    return found


def reasons(found: Tables) -> list[tuple[str, str, Decimal]]:
    return [(each["return_line_key"], each["reason"], each["quantity"]) for each in found.quarantine]


def test_a_credited_line_that_the_hub_books_to_another_sku_is_told(
    rules_conn: psycopg.Connection[Any],
) -> None:
    """Without ids of its lines ReBound tells of a new line; of the old one there are fewer units than credited."""
    found = decided_in_turn(
        rules_conn,
        came_back("R1", "SO-1", item("Abc", "2")),
        came_back("R1", "SO-1", item("B", "2")),
        came_back("R1", "SO-1", item("B", "2")),
    )
    assert reasons(found) == [("R1:Abc:1", "received_quantity_decreased", 2)]
    assert "not in the return any more" in found.quarantine[0]["detail"]
    assert found.sums()["total_amount"] == 16


def test_a_credited_line_that_is_left_out_is_told_until_it_is_back(
    rules_conn: psycopg.Connection[Any],
) -> None:
    both = item("Abc", "2", id="L1"), item("B", "1", id="L2")
    first, without = came_back("R1", "SO-1", *both), came_back("R1", "SO-1", both[0])
    assert reasons(decided_in_turn(rules_conn, first, without)) == [("L2", "received_quantity_decreased", 1)]
    assert reasons(decided_in_turn(rules_conn, first, without, first)) == []


def test_a_credited_return_that_has_no_lines_any_more_is_told(rules_conn: psycopg.Connection[Any]) -> None:
    found = decided_in_turn(rules_conn, came_back("R1", "SO-1", item("Abc", "2")), came_back("R1", "SO-1"))
    assert reasons(found) == [("R1:Abc:1", "received_quantity_decreased", 2)]


def test_a_sku_in_other_letters_is_the_same_line(rules_conn: psycopg.Connection[Any]) -> None:
    found = decided_in_turn(
        rules_conn,
        came_back("R1", "SO-1", item("Abc", "2")),
        came_back("R1", "SO-1", item("ABC", "3")),
    )
    assert reasons(found) == []
    assert found.sums()["total_amount"] == 9


def test_letters_beyond_ascii_are_the_same_too(rules_conn: psycopg.Connection[Any]) -> None:
    found = decided_in_turn(
        rules_conn,
        came_back("R1", "SO-1", item("Hüt", "2")),
        came_back("R1", "SO-1", item("HÜT", "3")),
        orders=[sold(1, row("Hüt", "4", "3.00"))],
    )
    assert {each["return_line_key"] for each in found.credit_note_lines} == {"R1:Hüt:1"}


def test_which_of_two_lines_of_one_sku_it_is_does_not_depend_on_letters(
    rules_conn: psycopg.Connection[Any],
) -> None:
    found = decided_in_turn(
        rules_conn,
        came_back("R1", "SO-1", item("Abc", "1"), item("ABC", "1")),
        came_back("R1", "SO-1", item("Abc", "1"), item("abc", "1")),
    )
    assert (reasons(found), found.sums()["total_amount"]) == ([], 6)


def test_an_id_of_rebounds_in_other_letters_is_another_line(rules_conn: psycopg.Connection[Any]) -> None:
    found = decided_in_turn(
        rules_conn,
        came_back("R1", "SO-1", item("Abc", "1", id="aB")),
        came_back("R1", "SO-1", item("B", "1", id="Ab")),
    )
    assert reasons(found) == [("aB", "received_quantity_decreased", 1)]
    assert found.sums()["total_amount"] == 8


def test_what_was_credited_in_a_smaller_unit_leaves_whole_units_of_the_larger_one(
    rules_conn: psycopg.Connection[Any],
) -> None:
    """Six sixths of a set are one, however a sixth is rounded."""
    found = decided_in_turn(
        rules_conn,
        came_back("R1", "SO-1", item("T", "6", unit_code="item", id="L1")),
        came_back("R1", "SO-1", item("T", "3", unit_code="set", id="L1")),
        orders=[sold(1, row("T", "5", "60.00", unit="set", product_id="7"))],
        products=[product(7, "T", item=(0, "1"), set=(0, "6"))],
    )
    assert (reasons(found), found.sums()["total_amount"]) == ([], 180)


def test_a_line_with_an_id_that_is_of_another_sku_now_is_told(rules_conn: psycopg.Connection[Any]) -> None:
    found = decided_in_turn(
        rules_conn,
        came_back("R1", "SO-1", item("Abc", "2", id="L1")),
        came_back("R1", "SO-1", item("B", "2", id="L1")),
    )
    assert reasons(found) == [("L1", "received_quantity_decreased", 2)]
    assert found.quarantine[0]["detail"].startswith("the line is of another SKU")
    assert found.sums()["total_amount"] == 16


def test_a_code_that_turns_out_to_be_an_alias_is_the_same_line(rules_conn: psycopg.Connection[Any]) -> None:
    found = decided_in_turn(
        rules_conn,
        came_back("R1", "SO-1", item("OLD", "2", id="L1")),
        came_back("R1", "SO-1", item("Abc", "3", id="L1")),
        came_back("R1", "SO-1", item("OLDER", "3", id="L1")),
        aliases=[("OLD", "Abc"), ("OLDER", "Abc")],
    )
    assert (reasons(found), found.sums()["total_amount"]) == ([], 9)


def test_a_return_that_names_another_order_now_is_told(rules_conn: psycopg.Connection[Any]) -> None:
    found = decided_in_turn(
        rules_conn,
        came_back("R1", "SO-1", item("Abc", "2", id="L1")),
        came_back("R1", "SO-2", item("Abc", "2", id="L1")),
        orders=[ORDER, sold(2, row("Abc", "4", "1.00"))],
    )
    assert reasons(found) == [("L1", "received_quantity_decreased", 2)]
    assert "order SO-1" in found.quarantine[0]["detail"]
    assert [each["total_amount"] for each in found.credit_notes] == [6, 2]


def test_another_reference_of_the_same_order_changes_nothing(rules_conn: psycopg.Connection[Any]) -> None:
    order = sold(1, row("Abc", "4", "3.00"), po_number="PO-9")
    found = decided_in_turn(
        rules_conn,
        came_back("R1", "SO-1", item("Abc", "2")),
        came_back("R1", "po-9", item("Abc", "3")),
        orders=[order],
    )
    assert (reasons(found), found.sums()["total_amount"]) == ([], 9)


def test_a_reference_that_the_order_has_lost_is_still_that_of_its_credit(
    rules_conn: psycopg.Connection[Any],
) -> None:
    with landed(rules_conn, [ORDER], [came_back("R1", "SO-1", item("Abc", "2"))]) as there:
        there.decide()
        land(rules_conn, [sold(1, row("Abc", "4", "3.00"), identifier="NEW")], [])
        assert reasons(there.decide(decided_at=DECIDED_AT + HOUR)) == []


BOXES = sold(1, row("T", "5", "12.00", unit="box", product_id="7"))
UNITS = product(7, "T", item=(0, "1"), box=(0, "12"))


@pytest.mark.parametrize("first", [{"unit_code": "box"}, {}], ids=["box", "none"])
def test_the_same_goods_in_another_unit_are_credited_once(
    rules_conn: psycopg.Connection[Any], first: dict[str, str]
) -> None:
    found = decided_in_turn(
        rules_conn,
        came_back("R1", "SO-1", item("T", "2", **first)),
        came_back("R1", "SO-1", item("T", "24", unit_code="item")),
        came_back("R1", "SO-1", item("T", "36", unit_code="ITEM")),
        came_back("R1", "SO-1", item("T", "3", unit_code="box")),
        orders=[BOXES],
        products=[UNITS],
    )
    assert (reasons(found), found.sums()["total_amount"]) == ([], 36)


@pytest.mark.parametrize("named", [(None, "Box"), ("box", None)], ids=["named since", "not named any more"])
def test_the_unit_of_the_order_line_is_the_same_named_or_not_where_no_product_is_known(
    rules_conn: psycopg.Connection[Any], named: tuple[str | None, str | None]
) -> None:
    first, then = (came_back("R1", "SO-1", item("T", "2", unit_code=unit, id="L1")) for unit in named)
    found = decided_in_turn(rules_conn, first, then, orders=[BOXES])
    assert (reasons(found), found.sums()["total_amount"]) == ([], 24)


def test_a_unit_into_which_nothing_can_be_converted_is_told(rules_conn: psycopg.Connection[Any]) -> None:
    found = decided_in_turn(
        rules_conn,
        came_back("R1", "SO-1", item("T", "2", unit_code="box", id="L1")),
        came_back("R1", "SO-1", item("T", "2", unit_code="crate", id="L1")),
        orders=[BOXES],
        products=[UNITS],
    )
    assert sorted(reason for _, reason, _ in reasons(found)) == [
        "received_quantity_decreased",
        "unit_mismatch",
    ]


LISTED_OTHERWISE = {
    "split": ([item("Abc", "2")], [item("Abc", "1"), item("Abc", "1", final_disposition="damaged")]),
    "split, with ids": ([item("Abc", "2", id="L1")], [item("Abc", "1", id="L1"), item("Abc", "1", id="L2")]),
    "merged": ([item("Abc", "1"), item("Abc", "1")], [item("Abc", "2")]),
    "in another sequence": ([item("Abc", "1"), item("Abc", "2")], [item("Abc", "2"), item("Abc", "1")]),
    "ids are given": ([item("Abc", "2")], [item("Abc", "2", id="L1")]),
    "ids are gone": ([item("Abc", "2", id="L1")], [item("Abc", "2")]),
    "ids change places": (
        [item("Abc", "2", id="L1"), item("B", "1", id="L2")],
        [item("B", "1", id="L1"), item("Abc", "2", id="L2")],
    ),
}


@pytest.mark.parametrize("name", LISTED_OTHERWISE)
def test_as_many_units_of_a_sku_as_before_are_credited_once(
    rules_conn: psycopg.Connection[Any], name: str
) -> None:
    before, after = LISTED_OTHERWISE[name]
    versions = came_back("R1", "SO-1", *before), came_back("R1", "SO-1", *after)
    found = decided_in_turn(rules_conn, *versions, versions[1], versions[0])
    assert (reasons(found), len(found.credit_notes)) == ([], 1)


def test_of_lines_that_are_listed_otherwise_only_what_is_more_is_credited(
    rules_conn: psycopg.Connection[Any],
) -> None:
    found = decided_in_turn(
        rules_conn,
        came_back("R1", "SO-1", item("Abc", "2", id="L1")),
        came_back("R1", "SO-1", item("Abc", "1", id="L2"), item("Abc", "2", id="L3")),
    )
    assert (reasons(found), found.sums()["total_amount"]) == ([], 9)


def test_of_lines_that_are_listed_otherwise_what_is_less_is_told(rules_conn: psycopg.Connection[Any]) -> None:
    found = decided_in_turn(
        rules_conn,
        came_back("R1", "SO-1", item("Abc", "3", id="L1")),
        came_back("R1", "SO-1", item("Abc", "1", id="L2"), item("Abc", "1", id="L3")),
    )
    assert reasons(found) == [("L1", "received_quantity_decreased", 1)]


def test_what_a_person_rejected_is_not_rejected_in_another_unit(rules_conn: psycopg.Connection[Any]) -> None:
    order = sold(1, row("T", "4", "10.00", unit="box", product_id="7"))
    odd = came_back("R1", "SO-1", item("T", "5", unit_code="item", id="L1"))
    with landed(rules_conn, [order], [odd], products=[UNITS]) as there:
        there.decide()
        rules = Rules(models(), there.policy_version, DECIDED_AT, "op")
        settle(rules_conn, open_rows(rules_conn, QuarantineFilter()), "rejected", Deed("mia", "odd"), rules)
        assert there.tables().quarantine == []
        land(rules_conn, [], [came_back("R1", "SO-1", item("T", "1", unit_code="box", id="L1"))])
        assert there.decide(decided_at=DECIDED_AT + HOUR).sums()["total_amount"] == 10


@pytest.mark.parametrize(
    ("then", "credited", "told"),
    [("29", 20, []), ("24", 0, [("L1", "unit_mismatch", 19)])],
    ids=["two boxes are left", "no whole boxes are left"],
)
def test_what_a_person_took_out_has_to_fit_no_unit_any_more(
    rules_conn: psycopg.Connection[Any], then: str, credited: int, told: list[tuple[str, str, int]]
) -> None:
    """Five items are no box, and written off; of what comes after them whole boxes are credited."""
    order = sold(1, row("T", "4", "10.00", unit="box", product_id="7"))
    odd = came_back("R1", "SO-1", item("T", "5", unit_code="item", id="L1"))
    with landed(rules_conn, [order], [odd], products=[UNITS]) as there:
        there.decide()
        rules = Rules(models(), there.policy_version, DECIDED_AT, "op")
        deed = Deed("mia", "odd")
        settle(rules_conn, open_rows(rules_conn, QuarantineFilter()), "written_off", deed, rules)
        land(rules_conn, [], [came_back("R1", "SO-1", item("T", then, unit_code="item", id="L1"))])
        found = there.decide(decided_at=DECIDED_AT + HOUR)
        assert (found.sums()["total_amount"], reasons(found)) == (credited, told)


def test_a_credited_line_that_cannot_be_read_any_more_stays_credited(
    rules_conn: psycopg.Connection[Any],
) -> None:
    with landed(rules_conn, [ORDER], [came_back("R1", "SO-1", item("Abc", "2", id="L1"))]) as there:
        there.decide()
        land(rules_conn, [], [came_back("R1", "SO-1", item("", "3", id="L1"))])
        there.decide(decided_at=DECIDED_AT + HOUR)
        assert [(destination, units) for _, destination, units in places(there)] == [
            ("credited", Decimal(2)),
            ("quarantined", Decimal(1)),
        ]


def test_names_that_hold_the_mark_between_return_and_line_are_told_apart(
    rules_conn: psycopg.Connection[Any],
) -> None:
    returns = [
        came_back("A", "SO-1", item("NO", "1", id="B / C")),
        came_back("A / B", "SO-1", item("NO", "1", id="C")),
    ]
    with landed(rules_conn, [ORDER], returns) as there:
        assert {each["subject"] for each in there.decide().quarantine} == {"A / B / C", "A // B / C"}


def test_what_was_written_off_of_a_line_stays_so_in_other_letters(
    rules_conn: psycopg.Connection[Any],
) -> None:
    with landed(rules_conn, [ORDER], [came_back("R1", "SO-1", item("Abc", "6"))]) as there:
        (row_,) = there.decide().quarantine
        rules_conn.execute(
            "insert into reference.operator_decisions (subject, reason, return_id, return_line_key,"
            " registered_at, verdict, quantity, who, why, decided_at) values (%(subject)s, %(reason)s,"
            " %(return_id)s, %(return_line_key)s, %(registered_at)s, 'written_off', 2, 'mia', 'lost', %(at)s)",
            row_ | {"at": DECIDED_AT},
        )
        land(rules_conn, [], [came_back("R1", "SO-1", item("ABC", "6"))])
        assert there.decide(decided_at=DECIDED_AT + HOUR).quarantine == []


def test_what_a_person_rejected_stays_so_in_other_letters_where_nothing_was_credited(
    rules_conn: psycopg.Connection[Any],
) -> None:
    with landed(rules_conn, [ORDER], [came_back("R1", "SO-1", item("Hüt", "1"))]) as there:
        there.decide()
        rules = Rules(models(), there.policy_version, DECIDED_AT, "op")
        settle(rules_conn, open_rows(rules_conn, QuarantineFilter()), "rejected", Deed("mia", "odd"), rules)
        land(rules_conn, [], [came_back("R1", "SO-1", item("HÜT", "1"))])
        assert there.decide(decided_at=DECIDED_AT + HOUR).quarantine == []


def test_a_version_that_cannot_be_read_is_told_whichever_days_are_decided(
    rules_conn: psycopg.Connection[Any],
) -> None:
    """It lies where the version before it lies, which stands until it can be read."""
    first = came_back("R1", "SO-1", item("Abc", "1"), on=3)
    with landed(rules_conn, [ORDER], [first]) as there:
        there.decide([day(3)])
        land(rules_conn, [], [came_back("R1", "SO-1", item("Abc", "2"), on="soon")])
        for number, window in enumerate([day(20), day(3), day(20), day(3)], start=1):
            found = there.decide([window], DECIDED_AT + number * HOUR)
        assert [each["reason"] for each in found.quarantine] == ["malformed_document"]
        assert rules_conn.execute("select count(*) from ledger.quarantine").fetchone() == (1,)
        land(rules_conn, [], [came_back("R1", "SO-1", item("Abc", "2"), on=3)])
        assert there.decide([day(3)], DECIDED_AT + 9 * HOUR).quarantine == []


def test_units_of_a_line_that_is_left_out_are_in_one_place(rules_conn: psycopg.Connection[Any]) -> None:
    with landed(rules_conn, [ORDER], [came_back("R1", "SO-1", item("Abc", "2"))]) as there:
        there.decide()
        land(rules_conn, [], [came_back("R1", "SO-1", item("B", "2"))])
        there.decide(decided_at=DECIDED_AT + HOUR)
        assert places(there) == [
            ("B", "credited", Decimal(2)),
            ("Abc", "credited", Decimal(2)),
            ("Abc", "quarantined", Decimal(2)),
        ]


def places(there: Landed) -> list[tuple[str, str, Decimal]]:
    query = (
        "select sku, destination, quantity from marts.return_line_destinations order by position, destination"
    )
    return there.conn.execute(query).fetchall()


@contextmanager
def corrected(conn: psycopg.Connection[Any], first: Document, then: Document, on: int) -> Iterator[Landed]:
    """Decide the 20th with the first version, then only the day of the other."""
    with landed(conn, [ORDER], [first]) as there:
        there.decide([day(20)])
        land(conn, [], [then])
        there.decide([day(on)], decided_at=DECIDED_AT + HOUR)
        yield there


@pytest.mark.parametrize("first", ["yesterday", "2026-11-20T01:00:00Z"], ids=["malformed", "quarantined"])
def test_what_is_corrected_is_closed_although_it_moves_to_another_day(
    rules_conn: psycopg.Connection[Any], first: str
) -> None:
    wrong = came_back("R1", "SO-1", item("X" if "T" in first else "Abc", "1", id="L1"), on=first)
    right = came_back("R1", "SO-1", item("Abc", "1", id="L1"), on=3)
    with corrected(rules_conn, wrong, right, on=3) as there:
        assert reasons(there.tables()) == []
        assert places(there) == [("Abc", "credited", Decimal(1))]
        closed = rules_conn.execute("select count(*) from ledger.quarantine where resolved_at is not null")
        assert closed.fetchone() == (1,)


def test_what_is_held_is_closed_although_it_moves_to_another_day(
    rules_conn: psycopg.Connection[Any],
) -> None:
    early = came_back("R1", "NOWHERE", item("Abc", "1"), on=20)
    with corrected(rules_conn, early, came_back("R1", "SO-1", item("Abc", "1"), on=3), on=3) as there:
        assert there.tables().held == []
        assert places(there) == [("Abc", "credited", Decimal(1))]


@pytest.mark.parametrize("days", [(3, 5), (5, 3), (3, 5, 3)], ids=str)
def test_what_is_dated_anew_is_given_up_when_it_would_have_been(
    rules_conn: psycopg.Connection[Any], days: tuple[int, ...]
) -> None:
    """In whichever sequence its days are decided; and what was given up stays so."""
    order = sold(1, row("Abc", "4", "3.00"), shipping_status="not_shipped")
    with landed(rules_conn, [order], [came_back("R1", "SO-1", item("Abc", "2"), on=3)]) as there:
        there.decide([day(3)])
        land(rules_conn, [], [came_back("R1", "SO-1", item("Abc", "2"), on=5)])
        windows = [day(number) for number in days]
        assert len(there.decide(windows, DECIDED_AT + timedelta(days=13)).held) == 1
        for number in (15, 16):
            found = there.decide(windows, DECIDED_AT + timedelta(days=number))
            assert (found.held, reasons(found)) == ([], [("R1:Abc:1", "dispatch_timeout", 2)])
        assert found.quarantine[0]["opened_at"] == DECIDED_AT + timedelta(days=15)
        land(rules_conn, [], [came_back("R1", "SO-1", item("Abc", "2"), on=7)])
        found = there.decide([day(5), day(7), day(5)], DECIDED_AT + timedelta(days=17))
        assert (found.held, reasons(found)) == ([], [("R1:Abc:1", "dispatch_timeout", 2)])


def test_units_are_somewhere_when_only_the_old_day_is_decided(rules_conn: psycopg.Connection[Any]) -> None:
    """Also those of a line that is left out since: the new day says what became of it."""
    before = came_back("R1", "SO-1", item("Abc", "5", id="L1"), item("B", "1", id="L2"), on=3)
    with landed(rules_conn, [ORDER], [before]) as there:
        there.decide([day(3)])
        known = places(there)
        land(rules_conn, [], [came_back("R1", "SO-1", item("Abc", "5", id="L1"), on=5)])
        found = there.decide([day(3)], DECIDED_AT + HOUR)
        assert (reasons(found), places(there)) == ([("L1", "over_return", 1)], known)
        found = there.decide([day(5)], DECIDED_AT + 2 * HOUR)
        assert set(reasons(found)) == {("L1", "over_return", 1), ("L2", "received_quantity_decreased", 1)}
        assert {each["opened_at"] for each in found.quarantine} == {DECIDED_AT, DECIDED_AT + 2 * HOUR}
