"""Whatever became of a write, its units go back on the level exactly once, and nothing is guessed."""

import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.services.push_inventory_levels import push_inventory_levels
from rebound_oro_pipeline.services.sending import Circuit, SendingRules
from rebound_oro_pipeline.warehouse import outbox
from rebound_oro_pipeline_tests.services.push.levels_at_work import BATCH, SINGLE, busy, writes
from rebound_oro_pipeline_tests.services.push.shop_at_work import (
    AT_ONCE,
    ONE_TRY,
    Box,
    Network,
    Shop,
    answer,
    cut,
    error,
    kill,
    killed_at_the_latest_before_settling,
    lost,
    make_due,
    open_shop,
    put_delta,
    states,
)


@pytest.mark.parametrize("count", [1, 3], ids=["single", "batch"])
@pytest.mark.parametrize("breakage", [lost, answer(502)], ids=["lost", "502"])
def test_an_answer_lost_after_the_write_is_found_at_the_level(
    breakage: Any, count: int, shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    for number in range(1, count + 1):
        put_delta(box, f"N{number}:1", f"SKU-{number}", "5")
    shop.network.after(*BATCH, breakage)
    first = push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
    assert (first.unknown, first.remaining) == (count, count)
    make_due(box)
    second = push_inventory_levels(oro, database_url, run_id="2", rules=ONE_TRY)
    assert (second.confirmed, second.write_requests, second.remaining) == (count, 0, 0)
    assert shop.level("SKU-1") == Decimal(1005)
    assert {state for _, _, state in writes(box)} == {"confirmed"}


@pytest.mark.parametrize("count", [1, 3], ids=["single", "batch"])
def test_a_connection_cut_before_the_write_leads_to_the_same_target(
    count: int, shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    for number in range(1, count + 1):
        put_delta(box, f"N{number}:1", f"SKU-{number}", "5")
    shop.network.before(*BATCH, cut)
    counts = push_inventory_levels(oro, database_url, run_id="1", rules=AT_ONCE)
    assert (counts.confirmed, counts.remaining) == (count, 0)
    assert [shop.level(f"SKU-{number}") for number in range(1, count + 1)] == [Decimal(1005)] * count
    assert len(writes(box)) == count


@pytest.mark.parametrize("moment", ["before the write", "after the write", "before the record"])
@pytest.mark.parametrize("count", [1, 3], ids=["single", "batch"])
def test_a_worker_killed_at_any_moment_leaves_levels_exact_to_the_unit(
    count: int, moment: str, shop: Shop, box: Box, database_url: str
) -> None:
    """A plain second run, at once; further deltas of the same levels have come meanwhile."""
    for number in range(1, count + 1):
        put_delta(box, f"N{number}:1", f"SKU-{number}", "5")
    dying = Network()
    if moment == "before the write":
        dying.before(*BATCH, kill)
    elif moment == "after the write":
        dying.after(*BATCH, kill)
    else:
        dying.before("GET", "/inventorylevels", kill)
    with shop.client(network=dying) as oro, killed_at_the_latest_before_settling():
        push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
    assert set(states(box).values()) == {"sending"}
    for number in range(1, count + 1):
        put_delta(box, f"M{number}:1", f"SKU-{number}", "7")
    with shop.client() as oro:
        counts = push_inventory_levels(oro, database_url, run_id="2", rules=AT_ONCE)
    assert (counts.confirmed, counts.remaining) == (2 * count, 0)
    assert [shop.level(f"SKU-{number}") for number in range(1, count + 1)] == [Decimal(1012)] * count


def test_a_level_that_shows_neither_quantity_after_a_lost_answer_is_left_to_a_person(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_delta(box, "N1:1", "SKU-1", "5")
    put_delta(box, "N1:2", "SKU-1", "1")
    shop.network.after(*SINGLE, lost)
    push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
    shop.sell("SKU-1")
    make_due(box)
    counts = push_inventory_levels(oro, database_url, run_id="2", rules=ONE_TRY)
    assert (counts.rejected, counts.remaining, shop.level("SKU-1")) == (2, 0, Decimal(1005))
    assert writes(box) == [("1000", "1006", "ambiguous")]
    assert "shows 1005, where 1000 stood before and 1006 was to be written" in error(box, "N1:1")
    rows = box.execute("select subject, reason, quantity::text from push.refusals order by 1").fetchall()
    assert rows == [("N1:1", "stock_write_ambiguous", "5"), ("N1:2", "stock_write_ambiguous", "1")]


def test_an_ambiguous_write_does_not_hold_up_later_deltas_of_the_level(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_delta(box, "N1:1", "SKU-1", "5")
    shop.network.after(*SINGLE, lost)
    push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
    shop.sell("SKU-1")
    make_due(box)
    put_delta(box, "N2:1", "SKU-1", "10")
    push_inventory_levels(oro, database_url, run_id="2", rules=AT_ONCE)
    assert states(box) == {"N1:1": "rejected", "N2:1": "confirmed"}
    assert shop.level("SKU-1") == Decimal(1014)


def test_an_operator_who_finds_that_nothing_was_written_has_it_sent_again(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_delta(box, "N1:1", "SKU-1", "5")
    shop.network.before(*SINGLE, cut)
    push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
    shop.sell("SKU-1")
    make_due(box)
    push_inventory_levels(oro, database_url, run_id="2", rules=AT_ONCE)
    assert states(box) == {"N1:1": "rejected"}
    outbox.retry(box, "oro_inventory_delta", ["N1:1"], actor="mia", reason="one sale since, units not in it")
    push_inventory_levels(oro, database_url, run_id="3", rules=AT_ONCE)
    assert shop.level("SKU-1") == Decimal(1004)


def test_the_database_refuses_to_send_a_delta_again_whose_level_was_written(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_delta(box, "N1:1", "SKU-1", "5")
    shop.network.after(*SINGLE, lost)
    push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
    with pytest.raises(psycopg.errors.CheckViolation, match="could add it twice"):
        box.execute("update outbox.messages set state = 'pending'")


def test_a_batch_still_to_run_is_waited_for_and_its_levels_are_written_no_other_way(
    tmp_path: Path, box: Box, database_url: str
) -> None:
    (tmp_path / "slow").mkdir()
    with open_shop(tmp_path / "slow", wait=0.05) as shop, shop.client() as oro:
        shop.store.consuming = False
        for number in (1, 2):
            put_delta(box, f"N{number}:1", f"SKU-{number}", "5")
        first = push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
        assert (first.unknown, first.remaining) == (2, 2)
        make_due(box)
        put_delta(box, "M1:1", "SKU-1", "7")
        put_delta(box, "M3:1", "SKU-3", "7")
        second = push_inventory_levels(oro, database_url, run_id="2", rules=ONE_TRY)
        assert (second.confirmed, second.remaining) == (1, 3)  # SKU-3 alone, singly
        assert (shop.level("SKU-1"), shop.level("SKU-3")) == (Decimal(1000), Decimal(1007))
        shop.store.consuming = True
        make_due(box)
        third = push_inventory_levels(oro, database_url, run_id="3", rules=AT_ONCE)
        assert (third.remaining, shop.level("SKU-1"), shop.level("SKU-2")) == (
            0,
            Decimal(1012),
            Decimal(1005),
        )


def test_looks_at_a_batch_that_waits_in_the_queue_are_no_failures_of_its_levels(
    tmp_path: Path, box: Box, database_url: str
) -> None:
    (tmp_path / "slow").mkdir()
    with open_shop(tmp_path / "slow", wait=0.2) as shop, shop.client() as oro:
        shop.store.consuming = False
        for number in (1, 2):
            put_delta(box, f"N{number}:1", f"SKU-{number}", "5")
        for run in range(9):
            push_inventory_levels(oro, database_url, run_id=f"waiting {run}", rules=ONE_TRY)
            make_due(box)
        shop.store.misbehave_once("success_without_writing")
        shop.store.consuming = True
        time.sleep(0.5)
        put_delta(box, "N3:1", "SKU-3", "1")
        box.execute(
            "update outbox.messages set next_attempt_at = now() + interval '1 second' where business_key <> 'N3:1'"
        )
        rules = SendingRules(first_delay=0.5, workers=1, patience=5.0)
        push_inventory_levels(oro, database_url, run_id="flowing", rules=rules)
        assert states(box) == dict.fromkeys(("N1:1", "N2:1", "N3:1"), "confirmed")
        assert (shop.level("SKU-1"), shop.level("SKU-2")) == (Decimal(1005), Decimal(1005))


def test_a_batch_without_an_answer_is_not_written_again_while_it_may_be_queued(
    tmp_path: Path, box: Box, database_url: str
) -> None:
    """Carried out late, an absolute quantity would undo whatever happened in between."""
    (tmp_path / "slow").mkdir()
    with open_shop(tmp_path / "slow", wait=0.05) as shop, shop.client() as oro:
        shop.store.consuming = False
        for number in (1, 2):
            put_delta(box, f"N{number}:1", f"SKU-{number}", "5")
        shop.network.after(*BATCH, lost)
        push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
        make_due(box)
        second = push_inventory_levels(oro, database_url, run_id="2", rules=ONE_TRY)
        assert (second.unknown, second.remaining) == (2, 2)
        assert shop.network.count(*SINGLE) == 0
        shop.store.consuming = True
        make_due(box)
        third = push_inventory_levels(oro, database_url, run_id="3", rules=AT_ONCE)
        assert (third.confirmed, third.remaining) == (2, 0)
        assert (shop.level("SKU-1"), shop.level("SKU-2")) == (Decimal(1005), Decimal(1005))


@pytest.mark.parametrize("misbehaviour", ["success_without_writing", "failed_without_errors"])
def test_what_an_operation_says_of_levels_is_not_believed(
    misbehaviour: Any, shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    for number in (1, 2):
        put_delta(box, f"N{number}:1", f"SKU-{number}", "5")
    shop.store.misbehave_once(misbehaviour)
    counts = push_inventory_levels(oro, database_url, run_id="1", rules=AT_ONCE)
    assert (counts.confirmed, counts.remaining) == (2, 0)
    assert (shop.level("SKU-1"), shop.level("SKU-2")) == (Decimal(1005), Decimal(1005))


def test_deltas_of_one_write_are_looked_at_together_whenever_each_falls_due(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    """Two processes that hold some of them each put them off by times that differ."""
    for number in range(1, 6):
        put_delta(box, f"N{number}:1", "SKU-1", "1")
    shop.network.after(*SINGLE, lost)
    first = push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
    assert first.unknown == 5
    box.execute("update outbox.messages set next_attempt_at = now() + message_id * interval '1 hour'")
    box.execute("update outbox.messages set next_attempt_at = now() where business_key = 'N3:1'")
    second = push_inventory_levels(oro, database_url, run_id="2", rules=ONE_TRY)
    assert (second.confirmed, second.remaining, shop.level("SKU-1")) == (5, 0, Decimal(1005))


def test_a_worker_that_hangs_beyond_its_lease_does_not_add_what_another_one_has_added(
    shop: Shop, box: Box, database_url: str
) -> None:
    put_delta(box, "N1:1", "SKU-1", "5")

    def overtake(_: httpx.Request) -> None:
        box.execute("update outbox.messages set claimed_until = now() - interval '1 s'")
        with shop.client(network=Network()) as other:
            push_inventory_levels(other, database_url, run_id="2", rules=ONE_TRY)

    shop.network.before("GET", "/products", overtake)
    with shop.client() as oro:
        push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
    assert (states(box), shop.level("SKU-1")) == ({"N1:1": "confirmed"}, Decimal(1005))


def test_a_worker_that_hangs_while_it_writes_is_believed_by_the_others(
    shop: Shop, box: Box, database_url: str
) -> None:
    """Its lease is over and its claim is lost, but it holds the level, and what it wrote counts."""
    put_delta(box, "N1:1", "SKU-1", "5")

    def overtake(_: httpx.Request) -> None:
        box.execute("update outbox.messages set claimed_until = now() - interval '1 s'")
        with shop.client(network=Network()) as other:
            counts = push_inventory_levels(other, database_url, run_id="2", rules=ONE_TRY)
        assert (counts.unknown, counts.write_requests) == (1, 0)

    shop.network.before(*SINGLE, overtake)
    with shop.client() as oro:
        push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
        assert states(box) == {"N1:1": "unknown"}
        make_due(box)
        counts = push_inventory_levels(oro, database_url, run_id="3", rules=ONE_TRY)
    assert (counts.confirmed, counts.write_requests, shop.level("SKU-1")) == (1, 0, Decimal(1005))


def test_a_level_in_doubt_is_read_again_right_before_it_is_written_again(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    """Whether it was sold or half written cannot be told: what was sold is not overwritten."""
    for number in (1, 2):
        put_delta(box, f"N{number}:1", f"SKU-{number}", "5")
    shop.network.before(*SINGLE, cut, times=2)
    push_inventory_levels(oro, database_url, run_id="1", rules=replace(ONE_TRY, mode="single"))
    make_due(box)
    shop.network.before(*SINGLE, lambda _: shop.sell("SKU-2"))
    counts = push_inventory_levels(oro, database_url, run_id="2", rules=ONE_TRY)
    assert (counts.confirmed, counts.rejected, counts.remaining) == (1, 1, 0)
    assert (shop.level("SKU-1"), shop.level("SKU-2")) == (Decimal(1005), Decimal(999))
    assert [write[2] for write in writes(box)] == ["confirmed", "ambiguous"]


def test_a_level_in_doubt_is_not_written_while_its_worker_is_asked_to_wait(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    for number in (1, 2):
        put_delta(box, f"N{number}:1", f"SKU-{number}", "5")
    shop.network.before(*SINGLE, cut, times=2)
    push_inventory_levels(oro, database_url, run_id="1", rules=replace(ONE_TRY, mode="single"))
    make_due(box)
    shop.network.before(*SINGLE, busy(1, lambda: shop.sell("SKU-2")))
    rules = replace(ONE_TRY, patience=2.0)
    counts = push_inventory_levels(oro, database_url, run_id="2", rules=rules)
    assert (counts.rejected, shop.level("SKU-2")) == (1, Decimal(999))


def test_a_level_in_doubt_is_left_where_another_worker_was_asked_to_wait_while_it_was_read(
    shop: Shop, oro: OroClient, box: Box, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_delta(box, "N1:1", "SKU-1", "5")
    shop.network.before(*SINGLE, cut)
    push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
    make_due(box)
    with monkeypatch.context() as patch:
        patch.setattr(Circuit, "is_welcome", property(lambda _: False))
        second = push_inventory_levels(oro, database_url, run_id="2", rules=ONE_TRY)
    assert (second.unknown, second.write_requests, writes(box)) == (1, 0, [("1000", "1005", "writing")])
    make_due(box)
    third = push_inventory_levels(oro, database_url, run_id="3", rules=ONE_TRY)
    assert (third.confirmed, shop.level("SKU-1")) == (1, Decimal(1005))
