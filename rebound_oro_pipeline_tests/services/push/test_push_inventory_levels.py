"""Stock goes back on its level, added up and by as many as can be, and by nothing that was read too long ago."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from rebound_oro_pipeline.clients.errors import Forbidden, MalformedAnswer, NotAllowed
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.sandbox.oro.records import KitItemRecord, ProductRecord, UnitRecord
from rebound_oro_pipeline.services import oro_levels
from rebound_oro_pipeline.services.push_inventory_levels import push_inventory_levels
from rebound_oro_pipeline.services.sending import SendingRules
from rebound_oro_pipeline.warehouse import level_writes
from rebound_oro_pipeline_tests.services.push.levels_at_work import BATCH, SINGLE, busy, writes
from rebound_oro_pipeline_tests.services.push.shop_at_work import (
    AT_ONCE,
    ONE_TRY,
    Box,
    Network,
    Shop,
    answer,
    error,
    make_due,
    put_delta,
    states,
)


def no_included(document: dict[str, Any]) -> None:
    del document["included"]


def no_attributes(document: dict[str, Any]) -> None:
    """PHP writes an object without members as an empty list."""
    for record in document["included"]:
        record["attributes"] = []


def test_deltas_of_one_level_are_added_up_and_a_second_run_changes_nothing(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_delta(box, "N1:1", "SKU-1", "2")
    put_delta(box, "N2:1", "SKU-1", "3")
    put_delta(box, "N3:1", "SKU-2", "1")
    put_delta(box, "N4:1", "SKU-2", "0.125", unit_code="kg")
    first = push_inventory_levels(oro, database_url, run_id="1", rules=AT_ONCE)
    second = push_inventory_levels(oro, database_url, run_id="2", rules=AT_ONCE)
    assert (shop.level("SKU-1"), shop.level("SKU-2"), shop.level("SKU-2", "kg")) == (
        Decimal(1005),
        Decimal(1001),
        Decimal("10.625"),
    )
    assert (first.confirmed, first.write_requests, first.remaining) == (4, 1, 0)
    assert (second.confirmed, second.write_requests) == (0, 0)
    assert sorted(writes(box)) == [
        ("10.5", "10.625", "confirmed"),
        ("1000", "1001", "confirmed"),
        ("1000", "1005", "confirmed"),
    ]


def test_more_levels_than_a_batch_takes_go_in_several(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    for number in range(1, 10):
        put_delta(box, f"N{number}:1", f"SKU-{number}", "1")
    rules = SendingRules(claim_limit=4, workers=1)
    counts = push_inventory_levels(oro, database_url, run_id="1", rules=rules)
    assert (counts.confirmed, counts.write_requests) == (9, 3)


def test_the_product_is_taken_from_the_order_where_it_is_known(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    """A SKU may have been renamed since the order; the product is the same."""
    product = shop.store.find("products", "sku", "SKU-3")
    assert product is not None
    put_delta(box, "N1:1", "OLD-SKU", "2", product_id=str(product.id))
    put_delta(box, "N2:1", "SKU-3", "3")
    push_inventory_levels(oro, database_url, run_id="1", rules=AT_ONCE)
    assert shop.level("SKU-3") == Decimal(1005)


@pytest.mark.parametrize(
    ("sku", "unit", "quantity", "words"),
    [
        ("SKU-1", "item", "1.5", "does not fit the unit item"),
        ("SKU-1", "kg", "0.0001", "does not fit the unit kg"),
        ("SKU-1", "item", "0", "is not positive"),
        ("SKU-1", "item", "-1", "is not positive"),
        ("SKU-1", "item", "9999999999", "does not fit OroCommerce's column"),
        ("SKU-1", "box", "1", "0 levels of product"),
        ("SKU-99", "item", "1", "is the permission to view products or inventory levels missing?"),
        ("SKU,1", "item", "1", "holds a comma"),
        ("KIT", "item", "1", "is a kit"),
    ],
)
def test_what_the_shop_would_take_without_a_word_is_refused_before(
    sku: str,
    unit: str,
    quantity: str,
    words: str,
    shop: Shop,
    oro: OroClient,
    box: Box,
    database_url: str,
) -> None:
    """OroCommerce checks neither sign nor precision, and hides what a missing permission hides."""
    kit = ProductRecord(
        attributes={"sku": "KIT"},
        units=[UnitRecord(code="item", quantity="0")],
        kit_items=[KitItemRecord(label="part", products=["1"])],
    )
    shop.store.add_product(kit)
    put_delta(box, "bad:1", sku, quantity, unit_code=unit)
    put_delta(box, "good:1", "SKU-2", "1")
    push_inventory_levels(oro, database_url, run_id="1", rules=AT_ONCE)
    assert states(box) == {"bad:1": "rejected", "good:1": "confirmed"}
    assert words in error(box, "bad:1")
    reason = box.execute("select subject, reason, quantity::text from push.refusals").fetchone()
    assert reason == ("bad:1", "push_rejected", quantity)


def test_a_delta_that_fits_is_not_held_up_by_one_of_the_same_level_that_does_not(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_delta(box, "bad:1", "SKU-1", "1.5")
    put_delta(box, "good:1", "SKU-1", "2")
    push_inventory_levels(oro, database_url, run_id="1", rules=AT_ONCE)
    assert states(box) == {"bad:1": "rejected", "good:1": "confirmed"}
    assert shop.level("SKU-1") == Decimal(1002)


def test_one_level_that_is_refused_does_not_hold_up_the_batch(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    for number in (1, 2, 3):
        put_delta(box, f"N{number}:1", f"SKU-{number}", "5")
    gone = shop.level_id("SKU-2")

    def remove(_: httpx.Request) -> None:
        with shop.store.write() as transaction:
            transaction.delete("inventorylevels", int(gone))

    shop.network.before(*BATCH, remove)
    counts = push_inventory_levels(oro, database_url, run_id="1", rules=AT_ONCE)
    assert (counts.confirmed, counts.rejected, counts.remaining) == (2, 1, 0)
    assert "not found" in error(box, "N2:1")
    assert (shop.level("SKU-1"), shop.level("SKU-3")) == (Decimal(1005), Decimal(1005))


def test_a_level_that_fails_while_others_pass_is_refused_after_so_many_writes_and_not_before(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_delta(box, "bad:1", "SKU-1", "5")
    put_delta(box, "good:1", "SKU-2", "5")
    bad = ("PATCH", f"/inventorylevels/{shop.level_id('SKU-1')}")
    shop.network.before(*bad, answer(500), times=99)
    rules = SendingRules(
        mode="single", first_delay=0.0, longest_delay=0.0, workers=1, attempts_at_most=3, patience=5.0
    )
    push_inventory_levels(oro, database_url, run_id="1", rules=rules)
    assert states(box) == {"bad:1": "rejected", "good:1": "confirmed"}
    assert "has not set the level in 3 attempts" in error(box, "bad:1")
    # The first one failed before anything had passed.
    assert shop.network.count(*bad) == 4
    assert writes(box)[0] == ("1000", "1005", "not_written")


def test_a_level_that_is_the_first_of_each_run_is_refused_for_what_passed_after_it(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    """What is in doubt is looked at before anything else is sent."""
    put_delta(box, "bad:1", "SKU-1", "5")
    bad = ("PATCH", f"/inventorylevels/{shop.level_id('SKU-1')}")
    shop.network.before(*bad, answer(500), times=99)
    rules = replace(ONE_TRY, mode="single", attempts_at_most=3)
    seen = []
    for run in range(6):
        if run > 1:
            put_delta(box, f"good:{run}", "SKU-2", "5")
        push_inventory_levels(oro, database_url, run_id=f"{run}", rules=rules)
        make_due(box)
        seen.append(states(box)["bad:1"])
    # Twice nothing passes, three times others do; then it is not written any more.
    assert seen == ["unknown"] * 5 + ["rejected"]
    assert shop.network.count(*bad) == 5


@pytest.mark.parametrize(("status", "requests"), [(429, 3), (400, 5)], ids=["unseen", "without a name"])
def test_a_batch_that_is_refused_twice_is_split_only_where_it_was_looked_at(
    status: int, requests: int, shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    for number in (1, 2, 3):
        put_delta(box, f"N{number}:1", f"SKU-{number}", "5")
    shop.network.before(*BATCH, answer(status), times=2)
    counts = push_inventory_levels(oro, database_url, run_id="1", rules=AT_ONCE)
    assert (counts.confirmed, counts.write_requests) == (3, requests)


def test_two_processes_at_once_add_every_delta_once(shop: Shop, box: Box, database_url: str) -> None:
    """Also where a product goes by two names, so that two keys meet at one level."""
    product = shop.store.find("products", "sku", "SKU-1")
    assert product is not None
    for number in range(40):
        put_delta(box, f"A{number}:1", f"SKU-{number % 8 + 1}", "1")
        put_delta(box, f"B{number}:1", f"OLD-{number}", "1", product_id=str(product.id))
    rules = SendingRules(claim_limit=3, workers=2, first_delay=0.02, longest_delay=0.1)

    def push(name: str) -> None:
        with shop.client(network=Network()) as oro:
            push_inventory_levels(oro, database_url, run_id=name, rules=rules)

    processes = [threading.Thread(target=push, args=(name,)) for name in ("one", "two")]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert set(states(box).values()) == {"confirmed"}
    assert shop.level("SKU-1") == Decimal(1045)
    assert [shop.level(f"SKU-{number}") for number in range(2, 9)] == [Decimal(1005)] * 7
    assert box.execute("select count(*) from outbox.level_writes where state <> 'confirmed'").fetchone() == (
        0,
    )


def test_a_level_is_written_by_one_worker_at_a_time(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_delta(box, "N1:1", "SKU-1", "5")
    product = shop.store.find("products", "sku", "SKU-1")
    assert product is not None
    with level_writes.locked(box, [f"{product.id}/item"]):
        counts = push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
    assert (counts.put_off, counts.write_requests, shop.level("SKU-1")) == (1, 0, Decimal(1000))


def test_a_limited_user_is_told_and_nothing_is_lost(shop: Shop, box: Box, database_url: str) -> None:
    for number in (1, 2):
        put_delta(box, f"N{number}:1", f"SKU-{number}", "5")
    with shop.client("limited") as oro, pytest.raises(Exception, match="No access to this type of entities"):
        push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
    make_due(box)
    with shop.client() as oro:
        counts = push_inventory_levels(oro, database_url, run_id="2", rules=AT_ONCE)
    assert (counts.confirmed, counts.remaining) == (2, 0)


def test_a_permission_that_a_batch_lacks_by_record_rejects_none_of_its_deltas(
    shop: Shop, box: Box, database_url: str
) -> None:
    for number in (1, 2, 3):
        put_delta(box, f"N{number}:1", f"SKU-{number}", "5")
    rights = {"products": ("view",), "inventorylevels": ("view",), "asyncoperations": ("view", "create")}
    shop.store.add_client("batches only", "secret", rights)
    with (
        shop.client("batches only") as oro,
        pytest.raises(Forbidden, match="No access to this type of entit"),
    ):
        push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
    assert set(states(box).values()) == {"pending"}


def test_a_shop_that_lets_no_level_be_changed_rejects_no_delta(
    shop: Shop, box: Box, database_url: str
) -> None:
    """The action is switched off in the shop's api.yml, or a proxy before it lets no PATCH pass."""
    for number in (1, 2, 3):
        put_delta(box, f"N{number}:1", f"SKU-{number}", "5")
    shop.network.before("PATCH", "/inventorylevels", answer(405, Allow="OPTIONS, GET"), times=9)
    with shop.client() as oro, pytest.raises(NotAllowed, match="allowed are OPTIONS, GET"):
        push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
    assert set(states(box).values()) == {"pending"}


@pytest.mark.parametrize("harm", [no_included, no_attributes])
def test_levels_that_cannot_be_read_are_told_and_nothing_is_lost(
    harm: Callable[[dict[str, Any]], None], shop: Shop, box: Box, database_url: str
) -> None:
    put_delta(box, "N1:1", "SKU-1", "5")

    def harmed(request: httpx.Request) -> httpx.Response:
        with httpx.Client() as client:
            document = client.send(request).json()
        harm(document)
        return httpx.Response(200, json=document, request=request)

    shop.network.before("GET", "/inventorylevels", harmed)
    with shop.client() as oro, pytest.raises(MalformedAnswer, match="a record of inventorylevels"):
        push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
    assert states(box) == {"N1:1": "pending"}


def test_what_is_sold_while_a_worker_waits_stays_sold(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_delta(box, "N1:1", "SKU-1", "5")
    put_delta(box, "N2:1", "SKU-2", "5")
    shop.network.before(*SINGLE, busy(2, lambda: shop.sell("SKU-1"), lambda: shop.sell("SKU-2")))
    rules = SendingRules(mode="single", workers=1, first_delay=0.1)
    push_inventory_levels(oro, database_url, run_id="1", rules=rules)
    assert (shop.level("SKU-1"), shop.level("SKU-2")) == (Decimal(1004), Decimal(1004))
    assert [write for write in writes(box) if write[2] == "confirmed"] == [("999", "1004", "confirmed")] * 2


def test_each_level_that_is_written_singly_is_read_right_before(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    for number in range(1, 10):
        put_delta(box, f"N{number}:1", f"SKU-{number}", "5")
    shop.network.before(*SINGLE, lambda _: None, times=4)
    shop.network.before(*SINGLE, lambda _: shop.sell("SKU-9"))
    push_inventory_levels(oro, database_url, run_id="1", rules=SendingRules(mode="single", workers=1))
    assert [shop.level(f"SKU-{number}") for number in range(1, 10)] == [Decimal(1005)] * 8 + [Decimal(1004)]


def test_a_batch_is_read_again_where_its_worker_was_asked_to_wait_after_reading(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    """The other worker is told to wait while this one reads."""
    for number in range(1, 5):
        put_delta(box, f"N{number}:1", f"SKU-{number}", "5")
    both_have_read = threading.Barrier(2)

    def refuse(request: httpx.Request) -> httpx.Response:
        both_have_read.wait(10)
        for number in range(1, 5):
            shop.sell(f"SKU-{number}")
        return httpx.Response(429, headers={"Retry-After": "1"}, request=request)

    def linger(_: httpx.Request) -> None:
        both_have_read.wait(10)
        time.sleep(0.3)

    shop.network.after("GET", "/inventorylevels", lambda _: None)
    shop.network.after("GET", "/inventorylevels", linger)
    shop.network.before(*BATCH, refuse)
    rules = SendingRules(claim_limit=2, workers=2, first_delay=0.1)
    counts = push_inventory_levels(oro, database_url, run_id="1", rules=rules)
    assert (counts.confirmed, counts.remaining) == (4, 0)
    assert [shop.level(f"SKU-{number}") for number in range(1, 5)] == [Decimal(1004)] * 4


def test_a_level_that_is_read_is_written_at_once_or_read_again(
    shop: Shop, oro: OroClient, box: Box, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client may wait, too: for a token, a connection, or the next try."""
    monkeypatch.setattr(oro_levels, "READING_IS_GOOD_FOR", 0.3)
    put_delta(box, "N1:1", "SKU-1", "5")

    def hold_up_the_token(_: httpx.Request) -> None:
        time.sleep(0.5)
        shop.sell("SKU-1")

    shop.network.before(*SINGLE, answer(401))
    shop.network.before("POST", "/oauth2-token", lambda _: None)
    shop.network.before("POST", "/oauth2-token", hold_up_the_token)
    counts = push_inventory_levels(oro, database_url, run_id="1", rules=AT_ONCE)
    assert (counts.confirmed, counts.remaining, shop.level("SKU-1")) == (1, 0, Decimal(1004))
    assert writes(box) == [("1000", "1005", "not_written"), ("999", "1004", "confirmed")]
