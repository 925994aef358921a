"""Discrepancies the month of trouble does not have: gone, given up, hidden behind open deltas, explained by sales."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.services.land_changed_oro_orders import STREAM
from rebound_oro_pipeline.services.push_credit_notes import push_credit_notes
from rebound_oro_pipeline.services.push_inventory_levels import push_inventory_levels
from rebound_oro_pipeline.services.reconcile_credit_notes import reconcile_credit_notes
from rebound_oro_pipeline.services.reconcile_inventory import land_sales, reconcile_inventory
from rebound_oro_pipeline.services.sync_health import discrepancies
from rebound_oro_pipeline.warehouse import outbox, watermarks
from rebound_oro_pipeline_tests.services.push.shop_at_work import (
    AT_ONCE,
    ONE_TRY,
    Box,
    Shop,
    answer,
    lost,
    make_due,
    open_shop,
    put_delta,
    put_note,
    states,
)
from rebound_oro_pipeline_tests.services.push.test_reconcile import decide_note

SOLD = """
insert into landing.oro_orders (
    order_id, currency, subtotal_value, total_value, order_discounts_amount, internal_status, has_internal_status,
    has_shipping_status, has_shipping_trackings, has_subtotals, created_at, document, document_hash, source, landed_at,
    landed_by
) values (%(order_id)s, 'USD', 1, 1, 0, %(status)s, true, true, false, false, %(at)s, '{}', '', 'api', now(), 'test');
"""
LINE = """
insert into landing.oro_order_lines (
    order_id, order_line_id, position, product_sku, is_free_form, quantity, product_unit_code, value
) values (%(order_id)s, '1', 1, 'SKU-1', false, %(quantity)s, 'item', 1)
"""


@pytest.fixture
def written(shop: Shop, oro: OroClient, box: Box, database_url: str) -> Box:
    """One level was raised from 1000 to 1005."""
    put_delta(box, "N1:1", "SKU-1", "5")
    push_inventory_levels(oro, database_url, run_id="1", rules=AT_ONCE)
    return box


def kinds(box: Box, oro: OroClient) -> list[tuple[str, str]]:
    reconcile_inventory(oro, box)
    reconcile_credit_notes(oro, box)
    return [(each.kind, f"{each.difference:f}") for each in discrepancies(box)]


def sell(box: Box, quantity: int, order_id: str, status: str = "open") -> None:
    given = {
        "order_id": order_id,
        "quantity": quantity,
        "status": status,
        "at": datetime.now(UTC),
    }
    box.execute(SOLD, given)
    box.execute(LINE, given)


def test_a_level_as_we_left_it_is_no_discrepancy(written: Box, oro: OroClient) -> None:
    assert kinds(written, oro) == []


def test_a_level_read_before_our_last_write_says_nothing_of_that_write(
    written: Box, oro: OroClient, database_url: str
) -> None:
    """Stock is pushed all day, and levels are read once a day."""
    know_orders(written)
    assert kinds(written, oro) == []
    put_delta(written, "N2:1", "SKU-1", "10")
    push_inventory_levels(oro, database_url, run_id="2", rules=AT_ONCE)
    assert discrepancies(written) == []
    assert level_findings(written) == ["not_read"]
    assert land_sales(oro, written, Policy(), run_id="2") is None
    assert kinds(written, oro) == []
    assert level_findings(written) == ["equal"]


def test_a_level_written_while_the_levels_are_read_is_not_taken_for_read_since(
    written: Box, oro: OroClient, shop: Shop, database_url: str
) -> None:
    know_orders(written)
    put_delta(written, "N2:1", "SKU-1", "10")

    def push(_: httpx.Request) -> None:
        with shop.client() as another:
            push_inventory_levels(another, database_url, run_id="2", rules=AT_ONCE)

    shop.network.after("GET", "/inventorylevels", push)
    assert kinds(written, oro) == []
    assert level_findings(written) == ["not_read"]
    assert kinds(written, oro) == []
    assert level_findings(written) == ["equal"]


def level_findings(box: Box) -> list[str]:
    return [finding for (finding,) in box.execute("select finding from reconciliation.inventory")]


def know_orders(box: Box, *, since: datetime | None = None, until: datetime | None = None) -> None:
    """Have all orders landed that were placed in a time; by default in any that a test is about."""
    now = datetime.now(UTC)
    watermarks.advance(
        box, STREAM, until or now + timedelta(hours=1), since=since or now - timedelta(hours=1)
    )


@pytest.mark.parametrize("status", ["open", "cancelled"])
def test_sales_since_our_write_explain_a_level_cancelled_or_not(
    written: Box, oro: OroClient, shop: Shop, status: str
) -> None:
    """OroCommerce puts nothing back when an order is cancelled."""
    know_orders(written)
    shop.sell("SKU-1", 3)
    assert kinds(written, oro) == [("level_moved_unexplained", "-3")]
    sell(written, 2, "901", status=status)
    assert kinds(written, oro) == [("level_moved_unexplained", "-1")]
    sell(written, 1, "902", status=status)
    assert kinds(written, oro) == []


def test_orders_placed_before_our_write_or_after_the_reading_explain_nothing(
    written: Box, oro: OroClient, shop: Shop
) -> None:
    know_orders(written)
    shop.sell("SKU-1", 1)
    sell(written, 1, "901")
    assert kinds(written, oro) == []
    time.sleep(0.01)
    sell(written, 2, "902")
    shop.sell("SKU-1", 2)
    assert discrepancies(written) == []
    assert kinds(written, oro) == []
    written.execute("update landing.oro_orders set created_at = created_at - interval '1 day'")
    assert kinds(written, oro) == [("level_moved_unexplained", "-3")]


def test_a_level_that_fell_is_unexplained_only_where_all_orders_since_our_write_are_known(
    written: Box, oro: OroClient, shop: Shop
) -> None:
    [(written_at,)] = written.execute("select last_written_at from reconciliation.inventory").fetchall()
    shop.sell("SKU-1", 3)
    assert kinds(written, oro) == []
    [(read_at,)] = written.execute("select read_at from reconciliation.inventory").fetchall()
    instant = timedelta(microseconds=1)
    know_orders(written, since=written_at, until=read_at - instant)
    assert discrepancies(written) == []
    know_orders(written, since=written_at, until=read_at)
    assert [each.difference for each in discrepancies(written)] == [-3]
    written.execute("update landing.watermarks set read_since = read_since + %s", (instant,))
    assert discrepancies(written) == []


def test_a_level_that_rose_is_unexplained_whatever_was_sold(written: Box, oro: OroClient, shop: Shop) -> None:
    shop.store.change("inventorylevels", shop.level_id("SKU-1"), {"quantity": "1006"})
    assert kinds(written, oro) == [("level_moved_unexplained", "1")]
    sell(written, 2, "901")
    assert kinds(written, oro) == [("level_moved_unexplained", "3")]


def test_the_orders_up_to_the_reading_are_landed_where_a_level_fell(
    written: Box, oro: OroClient, shop: Shop
) -> None:
    assert kinds(written, oro) == []
    assert land_sales(oro, written, Policy(), run_id="2") is None
    shop.sell("SKU-1", 3)
    assert kinds(written, oro) == []
    landed = land_sales(oro, written, Policy(), run_id="2")
    assert landed is not None
    assert [(each.kind, each.difference) for each in discrepancies(written)] == [
        ("level_moved_unexplained", -3)
    ]


def test_a_level_that_moved_is_seen_although_more_waits_to_be_written(
    written: Box, oro: OroClient, shop: Shop
) -> None:
    know_orders(written)
    put_delta(written, "N2:1", "SKU-1", "1")
    written.execute("update outbox.messages set remote_id = %s", (shop.level_id("SKU-1"),))
    shop.store.change("inventorylevels", shop.level_id("SKU-1"), {"quantity": "900"})
    assert kinds(written, oro) == [("level_moved_unexplained", "-105")]


def test_a_level_that_is_gone_is_named(written: Box, oro: OroClient, shop: Shop) -> None:
    with shop.store.write() as transaction:
        transaction.delete("inventorylevels", int(shop.level_id("SKU-1")))
    assert kinds(written, oro) == [("level_gone", "-1005")]


def test_a_note_that_was_given_up_stays_named(written: Box, oro: OroClient, shop: Shop) -> None:
    decide_note(written, "CN-1", shop.order_id)
    put_note(written, "CN-1", shop.order_id)
    written.execute("update outbox.messages set state = 'abandoned' where business_key = 'CN-1'")
    assert kinds(written, oro) == [("note_abandoned", "-16.85")]


def test_a_note_that_was_given_up_and_is_there_all_the_same_is_named(
    written: Box, oro: OroClient, shop: Shop, database_url: str
) -> None:
    decide_note(written, "CN-1", shop.order_id)
    put_note(written, "CN-1", shop.order_id)
    shop.network.after("POST", "/reboundcreditnotes", lost)
    shop.network.before("GET", "/reboundcreditnotes", answer(503), times=2)
    push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    outbox.abandon(written, "oro_credit_note", ["CN-1"], actor="mia", reason="credited by hand")
    push_credit_notes(oro, database_url, run_id="2", rules=AT_ONCE)
    assert kinds(written, oro) == [("note_unexpected_in_oro", "16.85")]
    [found] = discrepancies(written)
    [note] = shop.store.records("reboundcreditnotes")
    assert found.subject == f"CN-1 ({note.id})"
    assert found.ours == 0
    assert (found.detail or "").startswith("abandoned: could not be read back")
    with shop.store.write() as transaction:
        transaction.delete("reboundcreditnotes", note.id)
    assert kinds(written, oro) == [("note_abandoned", "-16.85")]


@pytest.mark.parametrize("changes", [{}, {"totalAmount": "1.0000"}])
def test_a_note_that_was_never_to_be_sent_and_is_there_all_the_same_is_named(
    written: Box, oro: OroClient, shop: Shop, database_url: str, changes: dict[str, str]
) -> None:
    decide_note(written, "CN-1", shop.order_id)
    put_note(written, "CN-1", shop.order_id)
    push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    written.execute("alter table outbox.messages disable trigger user")
    written.execute(
        "update outbox.messages set state = 'skipped', confirmed_at = null where business_key = 'CN-1'"
    )
    [note] = shop.store.records("reboundcreditnotes")
    shop.store.change("reboundcreditnotes", str(note.id), changes)
    assert [kind for kind, _ in kinds(written, oro)] == ["note_unexpected_in_oro"]


def test_both_sides_have_the_digits_of_their_currency_and_more_only_where_one_would_be_cut_off(
    written: Box, oro: OroClient, shop: Shop, database_url: str
) -> None:
    """OroCommerce stores four digits whatever the currency."""
    decide_note(written, "CN-1", shop.order_id)
    put_note(written, "CN-1", shop.order_id)
    push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    [note] = shop.store.records("reboundcreditnotes")

    def both_sides(total: str) -> list[str]:
        shop.store.change("reboundcreditnotes", str(note.id), {"totalAmount": total})
        reconcile_credit_notes(oro, written)
        [found] = discrepancies(written)
        return [
            f"{amount:f}" for amount in (found.ours, found.theirs, found.difference) if amount is not None
        ]

    assert both_sides("12.0000") == ["16.85", "12.00", "-4.85"]
    assert both_sides("16.8450") == ["16.850", "16.845", "-0.005"]
    shop.store.change("inventorylevels", shop.level_id("SKU-1"), {"quantity": "1006.0000000000"})
    reconcile_inventory(oro, written)
    [found] = discrepancies(written, kinds=["level_moved_unexplained"])
    assert (f"{found.ours:f}", f"{found.theirs:f}", f"{found.difference:f}") == ("1005", "1006", "1")


def test_a_note_whose_lines_add_up_as_before_says_what_differs(
    written: Box, oro: OroClient, shop: Shop, database_url: str
) -> None:
    decide_note(written, "CN-1", shop.order_id)
    put_note(written, "CN-1", shop.order_id)
    push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    assert kinds(written, oro) == []
    [line] = shop.store.records("reboundcreditnotelines")
    shop.store.change("reboundcreditnotelines", str(line.id), {"sku": "OTHER"})
    assert [kind for kind, _ in kinds(written, oro)] == ["note_lines_differ"]
    [found] = discrepancies(written)
    assert found.detail == "line CN-1:1: SKU 'OTHER' instead of 'SKU-1'"


def test_a_level_whose_writes_are_not_what_was_confirmed_is_named(written: Box, oro: OroClient) -> None:
    written.execute("update outbox.level_writes set quantity_before = quantity_before - 1")
    assert kinds(written, oro) == [("level_books_differ", "1")]


KIT = """
insert into landing.oro_order_kit_items (
    order_id, order_line_id, kit_item_line_id, product_sku, quantity, product_unit_code, value, sort_order
) values (%(order_id)s, '1', %(item)s, %(sku)s, %(quantity)s, 'item', 1, 0)
"""


@dataclass(frozen=True)
class Queued:
    """A shop whose queue stands, and in it a batch that raises two levels from 1000 to 1005."""

    shop: Shop
    oro: OroClient
    box: Box
    database_url: str

    def flow(self) -> None:
        """Let the queue carry the batch out, and the push read the levels, a minute after they were read before it."""
        self.shop.store.consuming = True
        self.box.execute("update outbox.level_writes set started_at = started_at - interval '1 minute'")
        self.box.execute("update landing.oro_orders set created_at = created_at - interval '30 seconds'")
        make_due(self.box)
        assert push_inventory_levels(self.oro, self.database_url, run_id="2", rules=AT_ONCE).remaining == 0

    def found(self) -> list[tuple[str, str]]:
        return kinds(self.box, self.oro)


@pytest.fixture
def queued(tmp_path: Path, box: Box, database_url: str) -> Iterator[Queued]:
    (tmp_path / "queued").mkdir()
    with open_shop(tmp_path / "queued", wait=0.05) as shop, shop.client() as oro:
        shop.store.consuming = False
        for number in (1, 2):
            put_delta(box, f"N{number}:1", f"SKU-{number}", "5")
        assert push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY).unknown == 2
        yield Queued(shop, oro, box, database_url)


def test_a_sale_that_a_queued_write_overwrote_is_told_with_its_order(queued: Queued) -> None:
    """The level itself shows nothing: it stands where our write left it."""
    queued.shop.sell("SKU-1", 3)
    sell(queued.box, 3, "901")
    queued.flow()
    assert queued.shop.level("SKU-1") == 1005
    assert queued.found() == [("level_sale_overwritten", "3")]
    [found] = discrepancies(queued.box)
    level_id = queued.shop.level_id("SKU-1")
    assert found.subject.startswith(f"SKU-1, item (level {level_id}, write ")
    assert (found.ours, found.theirs, found.order_identifier) == (1002, 1005, "id 901")
    assert (found.detail or "").startswith("ordered while our write waited, from ")
    assert (found.detail or "").endswith(" UTC: id 901")


def test_sales_that_a_queued_write_overwrote_are_added_up(queued: Queued) -> None:
    for order_id, quantity in (("901", 3), ("902", 1)):
        sell(queued.box, quantity, order_id)
    sell(queued.box, 1, "903")
    for item, sku in (("1", "SKU-1"), ("2", "SKU-9")):
        given = {"order_id": "903", "item": item, "sku": sku, "quantity": 2}
        queued.box.execute(KIT, given)
    queued.flow()
    assert queued.found() == [("level_sale_overwritten", "6")]
    [found] = discrepancies(queued.box)
    assert found.order_identifier is None
    assert (found.detail or "").endswith(" UTC: id 901, id 902, id 903")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("orders.created_at", "orders.created_at - interval '45 seconds'"),
        ("orders.created_at", "now()"),
        ("lines.product_sku", "'SKU-9'"),
        ("lines.product_unit_code", "'kg'"),
    ],
    ids=["before the level was read", "when it was found written", "another SKU", "another unit"],
)
def test_what_was_sold_otherwise_was_not_overwritten(queued: Queued, column: str, value: str) -> None:
    sell(queued.box, 3, "901")
    queued.flow()
    assert queued.found() == [("level_sale_overwritten", "3")]
    table, _, name = column.partition(".")
    if table == "orders":
        queued.box.execute(f"update landing.oro_orders as orders set {name} = {value}")  # type: ignore[arg-type]
    else:
        queued.box.execute(f"update landing.oro_order_lines as lines set {name} = {value}")  # type: ignore[arg-type]
    assert queued.found() == []


def test_a_sale_after_the_queue_was_at_it_leaves_the_write_to_a_person_and_tells_no_overwritten_one(
    queued: Queued,
) -> None:
    """The level shows neither quantity then, so that nobody can say which came first."""
    queued.shop.store.consuming = True
    while queued.shop.level("SKU-1") != Decimal(1005):
        time.sleep(0.01)
    queued.shop.sell("SKU-1", 3)
    sell(queued.box, 3, "901")
    queued.flow()
    assert [kind for kind, _ in queued.found()] == []
    assert states(queued.box)["N1:1"] == "rejected"


def test_orders_are_landed_where_a_write_waited_and_until_they_are_known(queued: Queued) -> None:
    queued.flow()
    assert queued.found() == []
    know_orders(queued.box, until=datetime.now(UTC) - timedelta(seconds=30))
    assert land_sales(queued.oro, queued.box, Policy(), run_id="2") is not None
    assert land_sales(queued.oro, queued.box, Policy(), run_id="2") is None


def test_a_level_that_was_set_right_after_an_overwritten_sale_is_no_new_discrepancy(queued: Queued) -> None:
    """The remedy of one must not raise the other."""
    know_orders(queued.box)
    queued.shop.sell("SKU-1", 3)
    sell(queued.box, 3, "901")
    queued.flow()
    queued.shop.store.change("inventorylevels", queued.shop.level_id("SKU-1"), {"quantity": "1002"})
    assert queued.found() == [("level_sale_overwritten", "3")]
    queued.shop.store.change("inventorylevels", queued.shop.level_id("SKU-1"), {"quantity": "1001"})
    assert sorted(queued.found()) == [("level_moved_unexplained", "-4"), ("level_sale_overwritten", "3")]
