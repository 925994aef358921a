"""Month-end: the same rows in CSV and Excel, and a trial total that ties to OroCommerce or names what does not."""

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from openpyxl import load_workbook

from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.services.ledger_export import export_ledger, month_window
from rebound_oro_pipeline.services.sync_health import discrepancies
from rebound_oro_pipeline_tests.rules.price import Row, Sale, order_document
from rebound_oro_pipeline_tests.services.operators_shop import a_return, open_shop, order

READ_BACK = """
insert into reconciliation.oro_credit_notes (
    credit_note_number, remote_id, order_id, currency, net_amount, discount_amount, tax_amount, shipping_amount,
    shipping_tax_amount, fee_amount, total_amount, read_at
)
select
    notes.credit_note_number, row_number() over (), notes.order_id, notes.currency, notes.net_amount,
    notes.discount_amount, notes.tax_amount, notes.shipping_amount, notes.shipping_tax_amount, notes.fee_amount,
    notes.total_amount, now()
from ledger.credit_notes as notes;
insert into landing.watermarks (stream, read_since, read_until, updated_at)
values ('reconciliation of credit notes', '-infinity', now() + interval '1 minute', now());
"""
SENT = """
update outbox.messages set state = 'sending', claimed_by = 'test', claimed_until = now();
update outbox.messages set state = 'confirmed', confirmed_at = now(), remote_id = notes.remote_id
from reconciliation.oro_credit_notes as notes where messages.business_key = notes.credit_note_number;
"""
COPY = """
insert into reconciliation.oro_credit_notes (credit_note_number, remote_id, order_id, currency, total_amount, read_at)
select credit_note_number, %s, order_id, currency, total_amount, read_at
from reconciliation.oro_credit_notes where credit_note_number = 'R2-ORD-1'
"""


@pytest.fixture
def shop(conn: psycopg.Connection) -> psycopg.Connection:
    """Two notes of 20.00 and 10.00, decided in November."""
    open_shop(conn, [order()], [a_return("R1", {"quantity": "2"}), a_return("R2", {"sku_code": " shirt"})])
    return conn


def test_a_month_ties_to_what_was_read_back(shop: psycopg.Connection, tmp_path: Path) -> None:
    shop.execute(READ_BACK)
    shop.execute(SENT)
    exported = export_ledger(shop, "2026-11", tmp_path)
    assert exported.ties
    [total] = exported.trial_totals
    assert (total["currency"], total["total_amount"], total["difference"]) == ("USD", Decimal("30.00"), 0)
    assert not exported.differences
    book = load_workbook(tmp_path / "ledger-2026-11.xlsx")
    for name in book.sheetnames:
        with (tmp_path / f"{name}-2026-11.csv").open(encoding="utf-8", newline="") as file:
            written = list(csv.reader(file))
        shown = [[cell.value for cell in row] for row in book[name].rows]
        assert [[_same(value) for value in row] for row in shown] == [
            [_same(value) for value in row] for row in written
        ]
    with (tmp_path / "credit_notes-2026-11.csv").open(encoding="utf-8", newline="") as file:
        amounts = [Decimal(row["total_amount"]) for row in csv.DictReader(file)]
    assert sum(amounts) == Decimal("30.00")


def _same(value: object) -> object:
    """Return what a cell says, whether it is a number or the text of one."""
    try:
        return Decimal(str(value)).normalize()
    except ArithmeticError:
        return "" if value is None else value


def test_a_note_deleted_in_oro_is_named_with_its_amount(shop: psycopg.Connection, tmp_path: Path) -> None:
    shop.execute(READ_BACK)
    shop.execute(SENT)
    shop.execute("delete from reconciliation.oro_credit_notes where credit_note_number = 'R2-ORD-1'")
    exported = export_ledger(shop, "2026-11", tmp_path)
    assert not exported.ties
    [total] = exported.trial_totals
    assert (total["verdict"], total["difference"]) == ("does not tie", Decimal("-10.00"))
    [difference] = exported.differences
    assert difference["credit_note_number"] == "R2-ORD-1"
    assert (difference["finding"], difference["difference"]) == ("missing_in_oro", Decimal("-10.00"))


@pytest.mark.parametrize("other_id", ["1", "9"], ids=["the older one", "the newer one"])
def test_of_two_notes_with_one_number_the_one_that_is_not_ours_is_all_of_the_difference(
    shop: psycopg.Connection, tmp_path: Path, other_id: str
) -> None:
    """The reconciliation says the same."""
    shop.execute(READ_BACK)
    shop.execute(
        "update reconciliation.oro_credit_notes set remote_id = '5' where credit_note_number like 'R2-%'"
    )
    shop.execute(SENT)
    shop.execute(COPY, (other_id,))
    exported = export_ledger(shop, "2026-11", tmp_path)
    [total] = exported.trial_totals
    assert (total["total_amount"], total["oro_total_amount"], total["difference"]) == (30, 40, 10)
    [difference] = exported.differences
    assert (difference["finding"], difference["oro_credit_note_id"]) == ("twice_in_oro", other_id)
    assert (difference["expected_total_amount"], difference["difference"]) == (0, 10)
    [found] = discrepancies(shop)
    assert (found.kind, found.subject) == ("note_twice_in_oro", f"R2-ORD-1 ({other_id})")
    assert (found.ours, found.theirs, found.difference) == (0, 10, 10)


def test_a_note_that_was_never_to_be_sent_and_is_there_is_all_of_the_difference(
    shop: psycopg.Connection, tmp_path: Path
) -> None:
    """The reconciliation says the same."""
    shop.execute(READ_BACK)
    shop.execute(SENT)
    shop.execute("alter table outbox.messages disable trigger user")
    shop.execute(
        "update outbox.messages set state = 'skipped', confirmed_at = null where business_key = 'R2-ORD-1'"
    )
    exported = export_ledger(shop, "2026-11", tmp_path)
    [total] = exported.trial_totals
    assert (total["never_sent_amount"], total["difference"], total["verdict"]) == (10, 10, "does not tie")
    [difference] = exported.differences
    assert (difference["finding"], difference["difference"]) == ("unexpected_in_oro", 10)
    assert [each.difference for each in discrepancies(shop)] == [10]


def test_a_note_that_was_sent_since_the_notes_were_read_back_is_not_said_to_be_missing(
    shop: psycopg.Connection, tmp_path: Path
) -> None:
    shop.execute(READ_BACK)
    shop.execute(SENT)
    shop.execute("delete from reconciliation.oro_credit_notes where credit_note_number = 'R2-ORD-1'")
    shop.execute("update landing.watermarks set read_until = now() - interval '1 hour'")
    exported = export_ledger(shop, "2026-11", tmp_path)
    assert [total["verdict"] for total in exported.trial_totals] == ["not read back yet"]
    assert [each["finding"] for each in exported.differences] == ["not_read"]
    assert discrepancies(shop) == []


def test_a_month_of_which_nothing_is_in_oro_does_not_tie(shop: psycopg.Connection, tmp_path: Path) -> None:
    shop.execute(READ_BACK)
    shop.execute(SENT)
    shop.execute("delete from reconciliation.oro_credit_notes")
    exported = export_ledger(shop, "2026-11", tmp_path)
    assert [total["verdict"] for total in exported.trial_totals] == ["does not tie"]
    assert {each["finding"] for each in exported.differences} == {"missing_in_oro"}


def test_a_note_that_differs_has_both_amounts_with_the_digits_of_the_note(
    shop: psycopg.Connection, tmp_path: Path
) -> None:
    shop.execute(READ_BACK)
    shop.execute(SENT)
    shop.execute(
        "update reconciliation.oro_credit_notes set differs_in = 'amounts', total_amount = 9.0000"
        " where credit_note_number = 'R2-ORD-1'"
    )
    export_ledger(shop, "2026-11", tmp_path)
    with (tmp_path / "differences-2026-11.csv").open(encoding="utf-8", newline="") as file:
        [difference] = csv.DictReader(file)
    amounts = [difference[name] for name in ("expected_total_amount", "oro_total_amount", "difference")]
    assert amounts == ["10.00", "9.00", "-1.00"]


def test_notes_from_before_the_cut_over_are_told_apart_and_the_others_tie(
    shop: psycopg.Connection, tmp_path: Path
) -> None:
    """They are another system's to credit: OroCommerce never gets them, and no difference is named for them."""
    shop.execute(READ_BACK)
    shop.execute("delete from reconciliation.oro_credit_notes where credit_note_number = 'R1-ORD-1'")
    shop.execute("alter table outbox.messages disable trigger user")
    shop.execute("update outbox.messages set state = 'skipped' where business_key like 'R1-%'")
    shop.execute(
        "update outbox.messages set state = 'confirmed', confirmed_at = now() where business_key like 'R2-%'"
    )
    exported = export_ledger(shop, "2026-11", tmp_path)
    [total] = exported.trial_totals
    assert (total["total_amount"], total["never_sent_amount"], total["oro_total_amount"]) == (30, 20, 10)
    assert (total["difference"], total["verdict"], exported.differences) == (0, "ties", ())
    shop.execute("delete from reconciliation.oro_credit_notes")
    shop.execute("update outbox.messages set state = 'skipped', confirmed_at = null")
    [total] = export_ledger(shop, "2026-11", tmp_path).trial_totals
    assert (total["never_sent_amount"], total["difference"], total["verdict"]) == (30, 0, "ties")


def test_a_month_that_was_not_read_back_does_not_pretend_to_tie(
    shop: psycopg.Connection, tmp_path: Path
) -> None:
    exported = export_ledger(shop, "2026-11", tmp_path)
    assert [total["verdict"] for total in exported.trial_totals] == ["not read back yet"]
    assert not exported.ties


def test_tax_by_rate_adds_up_to_the_trial_totals_and_says_where_no_rate_is_known(
    conn: psycopg.Connection, tmp_path: Path
) -> None:
    row = Row("SHIRT", Decimal(3), Decimal("10.00"), Decimal("0.08"))
    taxed = {"rows": (row,), "shipping": Decimal("5.00"), "shipping_rate": Decimal("0.08")}
    orders = [
        _with_rates(order_document(Sale(id="1", identifier="ORD-1", **taxed))),
        order_document(Sale(id="2", identifier="ORD-2", with_subtotals=False, **taxed)),
    ]
    returns = [a_return("R1", {"quantity": "3"}), a_return("R2", {"quantity": "3"}, order_reference="ORD-2")]
    open_shop(conn, orders, returns)
    exported = export_ledger(conn, "2026-11", tmp_path)
    found = {
        (row["applies_to"], row["rate"]): (row["tax_code"], row["taxable_amount"], row["tax_amount"])
        for row in exported.taxes_by_rate
    }
    goods, shipping = (Decimal("30.00"), Decimal("2.40")), (Decimal("5.00"), Decimal("0.40"))
    assert found.keys() == {
        ("goods", Decimal("0.08")),
        ("goods", None),
        ("shipping", Decimal("0.08")),
        ("shipping", None),
    }
    assert found["goods", None] == ("no rate known", *goods)
    assert found["shipping", None] == ("no rate known", *shipping)
    assert found["goods", Decimal("0.08")][1:] == goods
    assert found["shipping", Decimal("0.08")][1:] == shipping
    [total] = exported.trial_totals
    by_rate = sum(row["tax_amount"] for row in exported.taxes_by_rate)
    assert by_rate == total["tax_amount"] + total["shipping_tax_amount"] == Decimal("5.60")


def test_goods_without_tax_are_no_base_of_tax_whose_rate_is_not_known(
    conn: psycopg.Connection, tmp_path: Path
) -> None:
    """Nor are they where the rates are known."""
    rows = (
        Row("SHIRT", Decimal(3), Decimal("10.00"), Decimal("0.08")),
        Row("BOOK", Decimal(3), Decimal("20.00")),
    )
    untold = order_document(Sale(id="1", identifier="ORD-1", with_subtotals=False, rows=rows))
    open_shop(conn, [untold], [a_return("R1", {"quantity": "2"}, {"sku_code": "BOOK"})])
    [tax] = export_ledger(conn, "2026-11", tmp_path).taxes_by_rate
    assert (tax["taxable_amount"], tax["tax_amount"]) == (Decimal("20.00"), Decimal("1.60"))


def _with_rates(document: dict[str, Any]) -> dict[str, Any]:
    """Let the subtotals say at which rate the tax of 2.40 on goods and of 0.40 on shipping was charged."""
    tax = {"tax": "SALES", "rate": "0.08", "taxAmount": "2.40"}
    said: dict[str, Any] = {
        "Subtotal Tax": {"items": [{"taxes": [tax]}]},
        "Shipping Tax": {"shipping": {"excludingTax": "5.00", "taxAmount": "0.40"}, "taxes": [tax]},
    }
    for each in document["included"]:
        if each["type"] == "ordersubtotals" and each["attributes"]["label"] in said:
            each["attributes"]["data"] = said[each["attributes"]["label"]]
    return document


def test_a_note_names_its_parent_order_and_its_reasons(shop: psycopg.Connection, tmp_path: Path) -> None:
    export_ledger(shop, "2026-11", tmp_path)
    with (tmp_path / "credit_notes-2026-11.csv").open(encoding="utf-8", newline="") as file:
        note, _ = csv.DictReader(file)
    assert (note["order_identifier"], note["order_total_amount"]) == ("ORD-1", "30.00")
    assert note["reason_codes"] == "unwanted"


def test_reasons_tie_to_the_trial_totals_by_goods_and_fees(conn: psycopg.Connection, tmp_path: Path) -> None:
    """Shipping is a note's, and no line's."""
    row = Row("SHIRT", Decimal(3), Decimal("10.00"), Decimal("0.08"))
    sale = Sale("1", "ORD-1", (row,), shipping=Decimal("5.00"), shipping_rate=Decimal("0.08"))
    items = [{"quantity": "1"}, {"quantity": "2", "reason": [{"reason": "late"}]}]
    fees = {"restocking_fee": {"unwanted": {"percent": "10"}}, "goodwill": {"late": {"flat": "2.00"}}}
    open_shop(conn, [order_document(sale)], [a_return("R1", *items)], Policy.model_validate({"credit": fees}))
    [total] = export_ledger(conn, "2026-11", tmp_path).trial_totals
    with (tmp_path / "reasons-2026-11.csv").open(encoding="utf-8", newline="") as file:
        reasons = {each["reason_code"]: each for each in csv.DictReader(file)}
    assert {code: (each["goods_total_amount"], each["fee_amount"]) for code, each in reasons.items()} == {
        "unwanted": ("10.80", "1.08"),
        "late": ("21.60", "-2.00"),
    }
    goods = sum(Decimal(each["goods_total_amount"]) for each in reasons.values())
    fee = sum(Decimal(each["fee_amount"]) for each in reasons.values())
    assert (goods, fee) == (total["net_amount"] + total["tax_amount"], total["fee_amount"])
    assert total["total_amount"] == goods + total["shipping_amount"] + total["shipping_tax_amount"] - fee


def test_text_from_outside_is_never_more_than_text(conn: psycopg.Connection, tmp_path: Path) -> None:
    """A control character, which a workbook cannot hold, would else keep the whole month from being exported."""
    told = {"=1+1": "'=1+1", "too\x0bbig": "too\x0bbig", "-2.50": "-2.50"}
    open_shop(conn, [order()], [a_return("R1", *({"reason": [{"reason": each}]} for each in told))])
    export_ledger(conn, "2026-11", tmp_path)
    sheet = load_workbook(tmp_path / "ledger-2026-11.xlsx")["credit_note_lines"]
    reasons = [row[-1] for row in sheet.iter_rows(min_row=2)]
    assert {cell.value for cell in reasons} == {"=1+1", "too\ufffdbig", "-2.50"}
    assert {cell.data_type for cell in reasons} == {"s"}
    with (tmp_path / "credit_note_lines-2026-11.csv").open(encoding="utf-8", newline="") as file:
        assert {row["reason_code"] for row in csv.DictReader(file)} == set(told.values())


def test_a_month_without_notes_is_empty_and_ties(conn: psycopg.Connection, tmp_path: Path) -> None:
    exported = export_ledger(conn, "2026-12", tmp_path)
    assert exported.ties
    assert exported.trial_totals == ()


@pytest.mark.parametrize(("month", "days"), [("2026-12", 31), ("2028-02", 29)])
def test_a_month_ends_where_the_next_begins(month: str, days: int) -> None:
    window = month_window(month)
    assert (window.end - window.start).days == days
