"""What the shop holds against what was decided, without regard to what we believe to have sent."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import islice
from typing import Any

import httpx
import psycopg
import pytest

from rebound_oro_pipeline.clients.errors import ServerError
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.credit_note_names import LINE_FIELDS, CreditNoteNames
from rebound_oro_pipeline.services import reconcile_credit_notes as reconciling
from rebound_oro_pipeline.services.oro_documents import StoredNote, UnreadableNote, list_notes
from rebound_oro_pipeline.services.push_credit_notes import push_credit_notes
from rebound_oro_pipeline.services.push_inventory_levels import push_inventory_levels
from rebound_oro_pipeline.services.reconcile_credit_notes import reconcile_credit_notes
from rebound_oro_pipeline.services.reconcile_inventory import reconcile_inventory
from rebound_oro_pipeline.warehouse import outbox
from rebound_oro_pipeline_tests.services.push.shop_at_work import (
    AT_ONCE,
    DAY,
    Box,
    Shop,
    put_delta,
    put_note,
    states,
)


def decide_note(box: Box, number: str, order_id: str, lines: int = 1) -> None:
    """Write a note into the ledger, as `put_note` writes it into the outbox."""
    box.execute(
        "insert into reference.policies (document, document_hash) values ('{}', 'h') on conflict do nothing"
    )
    [(policy,)] = box.execute("select policy_version from reference.policies").fetchall()
    box.execute(
        """
        insert into ledger.orders (order_id, order_identifier, currency, digits, total_value, net_amount,
            discount_amount, tax_amount, shipping_amount, shipping_tax_amount, prices_include_tax, promotion_reading,
            document_hash, decision_id, policy_version)
        values (%s, 'O-1', 'USD', 2, 100, 100, 0, 0, 0, 0, false, 1, '', 1, %s)
        on conflict do nothing
        """,
        (order_id, policy),
    )
    box.execute(
        """
        insert into ledger.credit_notes (credit_note_number, return_id, order_id, sequence, order_identifier, currency,
            net_amount, discount_amount, tax_amount, shipping_amount, shipping_tax_amount, fee_amount, total_amount,
            shipping_base_amount, registered_at, decided_at, decision_id, policy_version)
        values (%s, %s, %s, 1, 'O-1', 'USD', 10 * %s, 0, 1.9 * %s, 5, 0.95, 1, 11.9 * %s + 4.95, 0, %s, %s, 1, %s)
        """,
        (number, f"R-{number}", order_id, lines, lines, lines, DAY, DAY, policy),
    )
    box.execute(
        """
        insert into ledger.credit_note_lines (credit_note_number, position, return_id, return_line_key, order_id,
            order_line_id, sku, quantity, net_amount, discount_amount, tax_amount, total_amount, fee_amount,
            registered_at)
        select %s, line, %s, %s || line, %s, '1', 'SKU-1', 2, 10, 0, 1.9, 11.9, 1, %s
        from generate_series(1, %s) as line
        """,
        (number, f"R-{number}", f"R-{number}:", order_id, DAY, lines),
    )


def undecide(box: Box, number: str) -> None:
    """Make a note one that nobody here decided."""
    box.execute("alter table ledger.credit_note_lines disable trigger user")
    box.execute("alter table ledger.credit_notes disable trigger user")
    box.execute("delete from ledger.credit_note_lines where credit_note_number = %s", (number,))
    box.execute("delete from ledger.credit_notes where credit_note_number = %s", (number,))


def findings(box: Box) -> dict[str, str]:
    return dict(box.execute("select credit_note_number, finding from reconciliation.credit_notes").fetchall())


@pytest.fixture
def sent(shop: Shop, oro: OroClient, box: Box, database_url: str) -> list[str]:
    """Return the numbers of notes that were decided and sent."""
    numbers = ["CN-1", "CN-2", "CN-3", "CN-4", "CN-5"]
    for number in numbers:
        decide_note(box, number, shop.order_id)
        put_note(box, number, shop.order_id)
    push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    return numbers


def test_every_kind_of_difference_is_found(shop: Shop, oro: OroClient, box: Box, sent: list[str]) -> None:
    records = {
        note.attributes["creditNoteNumber"]: str(note.id) for note in shop.store.records("reboundcreditnotes")
    }
    shop.store.change("reboundcreditnotes", records["CN-2"], {"totalAmount": "1.0000"})
    lines = {
        line.attributes["returnLineKey"]: str(line.id)
        for line in shop.store.records("reboundcreditnotelines")
    }
    shop.store.change("reboundcreditnotelines", lines["CN-3:1"], {"quantity": 7})
    with shop.store.write() as transaction:
        transaction.delete("reboundcreditnotes", int(records["CN-4"]))
        other = transaction.insert("orders", {"identifier": "O-2", "currency": "USD"}, {})
    shop.store.change("reboundcreditnotes", records["CN-5"], relations={"order": str(other)})
    decide_note(box, "CN-6", shop.order_id)
    put_note(box, "CN-6", shop.order_id)
    decide_note(box, "CN-7", shop.order_id)
    put_note(box, "CN-7", shop.order_id)
    box.execute("update outbox.messages set state = 'abandoned' where business_key = 'CN-7'")
    reconciled = reconcile_credit_notes(oro, box)
    assert findings(box) == {
        "CN-1": "equal",
        "CN-2": "amounts_differ",
        "CN-3": "lines_differ",
        "CN-4": "missing_in_oro",
        "CN-5": "order_differs",
        "CN-6": "not_sent_yet",
        "CN-7": "abandoned",
    }
    assert reconciled.read == 4
    assert sum(reconciled.findings.values()) == 7


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sku": "OTHER"}, "line CN-1:1: SKU 'OTHER' instead of 'SKU-1'"),
        (
            {"netAmount": "5.0000", "taxAmount": "6.9000"},
            "line CN-1:1: net amount 5 instead of 10; line CN-1:1: tax amount 6.9 instead of 1.9",
        ),
        ({"returnLineKey": "zzz"}, "no line CN-1:1"),
    ],
)
def test_lines_that_add_up_as_before_and_are_others_are_found(
    shop: Shop,
    oro: OroClient,
    box: Box,
    database_url: str,
    sent: list[str],
    changes: dict[str, str],
    words: str,
) -> None:
    """As the push compares them: a recheck says the same."""
    [line] = [
        line
        for line in shop.store.records("reboundcreditnotelines")
        if line.attributes["returnLineKey"] == "CN-1:1"
    ]
    shop.store.change("reboundcreditnotelines", str(line.id), changes)
    reconcile_credit_notes(oro, box)
    assert findings(box).pop("CN-1") == "lines_differ"
    [(told,)] = box.execute(
        "select differences from reconciliation.credit_notes where finding = 'lines_differ'"
    ).fetchall()
    assert told == words
    outbox.recheck(box, "oro_credit_note", ["CN-1"], actor="mia", reason="as the reconciliation says")
    push_credit_notes(oro, database_url, run_id="2", rules=AT_ONCE)
    assert states(box)["CN-1"] == "rejected"


def stumble_over(shop: Shop, number: str) -> None:
    """Answer 500 to every page with this note in it, as OroCommerce does, but where hardly anything of it is asked."""

    def stumble(request: httpx.Request, response: httpx.Response) -> httpx.Response | None:
        numbers = [each["attributes"]["creditNoteNumber"] for each in response.json()["data"]]
        is_brief = request.url.params["fields[reboundcreditnotes]"] == "creditNoteNumber"
        return None if is_brief or number not in numbers else httpx.Response(500, request=request)

    shop.network.spoil = stumble


def test_a_note_that_oro_cannot_give_is_told_and_the_others_are_compared(
    shop: Shop, oro: OroClient, box: Box, sent: list[str]
) -> None:
    stumble_over(shop, "CN-3")
    reconciled = reconcile_credit_notes(oro, box)
    assert findings(box) == {**dict.fromkeys(sent, "equal"), "CN-3": "unreadable_in_oro"}
    assert reconciled.read == 5
    [(ours, theirs, detail)] = box.execute(
        "select decided_total_amount, oro_total_amount, differences from reconciliation.credit_notes"
        " where finding = 'unreadable_in_oro'"
    ).fetchall()
    assert (ours, theirs) == (Decimal("16.85"), None)
    assert detail.startswith("$: OroCommerce cannot give it, its own log says why: oro: GET")
    shop.network.spoil = None
    reconcile_credit_notes(oro, box)
    assert set(findings(box).values()) == {"equal"}


def test_a_note_with_what_is_no_amount_is_told_and_the_others_are_compared(
    shop: Shop, oro: OroClient, box: Box, sent: list[str]
) -> None:
    [record] = [
        note
        for note in shop.store.records("reboundcreditnotes")
        if note.attributes["creditNoteNumber"] == "CN-3"
    ]
    shop.store.change("reboundcreditnotes", str(record.id), {"totalAmount": "n/a"})
    reconcile_credit_notes(oro, box)
    assert findings(box) == {**dict.fromkeys(sent, "equal"), "CN-3": "unreadable_in_oro"}


def test_a_note_that_nobody_here_decided_and_oro_cannot_give_is_not_said_to_hang_on_no_order(
    shop: Shop, oro: OroClient, box: Box, sent: list[str]
) -> None:
    undecide(box, "CN-3")
    stumble_over(shop, "CN-3")
    reconcile_credit_notes(oro, box)
    assert findings(box)["CN-3"] == "unreadable_in_oro"


def test_quantities_that_moved_between_lines_are_found(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    decide_note(box, "CN-1", shop.order_id, lines=2)
    put_note(box, "CN-1", shop.order_id, lines=2)
    push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    reconcile_credit_notes(oro, box)
    assert findings(box) == {"CN-1": "equal"}
    for line, quantity in zip(shop.store.records("reboundcreditnotelines"), (1, 3), strict=True):
        shop.store.change("reboundcreditnotelines", str(line.id), {"quantity": quantity})
    reconcile_credit_notes(oro, box)
    assert findings(box) == {"CN-1": "lines_differ"}


def test_fields_that_an_entity_does_not_have_are_not_compared(
    shop: Shop, oro: OroClient, box: Box, sent: list[str]
) -> None:
    for line in shop.store.records("reboundcreditnotelines"):
        shop.store.change("reboundcreditnotelines", str(line.id), {"netAmount": "1", "taxAmount": "10.9"})
    amounts = {"net_amount", "tax_amount"}
    fields = {name: called for name, called in LINE_FIELDS.items() if name not in amounts}
    assert reconcile_credit_notes(oro, box, names=CreditNoteNames(line_fields=fields)).findings == {
        "equal": 5
    }
    assert reconcile_credit_notes(oro, box).findings == {"lines_differ": 5}


def test_notes_are_compared_however_many_there_are(
    shop: Shop, oro: OroClient, box: Box, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "COMPARED_AT_ONCE", 2)
    [*_, last] = shop.store.records("reboundcreditnotelines")
    shop.store.change("reboundcreditnotelines", str(last.id), {"sku": "OTHER"})
    assert reconcile_credit_notes(oro, box).findings == {"equal": 4, "lines_differ": 1}


def test_what_was_read_is_kept_while_the_rest_is_read(
    oro: OroClient, box: Box, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million notes fit neither into memory nor into one value of PostgreSQL."""
    monkeypatch.setattr(reconciling, "COMPARED_AT_ONCE", 2)
    kept: list[int] = []

    def listed(*arguments: Any) -> Iterator[StoredNote | UnreadableNote]:
        for note in list_notes(*arguments):
            kept.extend(box.execute("select count(*) from reconciliation.oro_credit_notes").fetchone() or ())
            yield note

    monkeypatch.setattr(reconciling, "list_notes", listed)
    assert reconcile_credit_notes(oro, box).read == 5
    assert kept == [0, 0, 2, 2, 4]


def test_a_reading_that_ends_in_the_middle_leaves_what_was_read_before(
    shop: Shop, oro: OroClient, box: Box, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reconcile_credit_notes(oro, box)
    monkeypatch.setattr(reconciling, "COMPARED_AT_ONCE", 2)

    def cut_off(*arguments: Any) -> Iterator[StoredNote | UnreadableNote]:
        yield from islice(list_notes(*arguments), 3)
        raise ServerError("oro: out of order")

    monkeypatch.setattr(reconciling, "list_notes", cut_off)
    with pytest.raises(ServerError, match="out of order"):
        reconcile_credit_notes(oro, box)
    assert set(findings(box).values()) == {"equal"}


def test_two_readings_at_once_keep_each_note_once(
    oro: OroClient, box: Box, sent: list[str], database_url: str
) -> None:
    def read() -> int:
        with psycopg.connect(database_url, autocommit=True) as conn:
            return reconcile_credit_notes(oro, conn).read

    with ThreadPoolExecutor(2) as pool:
        assert [each.result() for each in [pool.submit(read), pool.submit(read)]] == [5, 5]
    assert set(findings(box).values()) == {"equal"}


def test_a_note_that_is_not_ours_is_found_when_everything_is_read(
    shop: Shop, oro: OroClient, box: Box, sent: list[str]
) -> None:
    undecide(box, "CN-1")
    reconciled = reconcile_credit_notes(oro, box)
    assert reconciled.findings == {"equal": 4, "not_ours": 1}


def test_stock_is_reconciled_by_units_decided_and_units_written(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    for key, sku, quantity in (("N1:1", "SKU-1", "2"), ("N2:1", "SKU-1", "3"), ("N3:1", "SKU-2", "1")):
        put_delta(box, key, sku, quantity)
    put_delta(box, "N4:1", "SKU-3", "0.5")
    push_inventory_levels(oro, database_url, run_id="1", rules=AT_ONCE)
    put_delta(box, "N5:1", "SKU-4", "1")
    shop.sell("SKU-2")
    reconciled = reconcile_inventory(oro, box)
    rows = box.execute(
        "select sku, quantity_decided, quantity_written, quantity_now, finding from reconciliation.inventory order by 1"
    ).fetchall()
    assert rows == [
        ("SKU-1", Decimal(5), Decimal(5), Decimal(1005), "equal"),
        ("SKU-2", Decimal(1), Decimal(1), Decimal(1000), "moved_since"),
        ("SKU-3", Decimal("0.5"), Decimal(0), None, "refused"),
        ("SKU-4", Decimal(1), Decimal(0), None, "not_sent_yet"),
    ]
    assert reconciled.read == 2
