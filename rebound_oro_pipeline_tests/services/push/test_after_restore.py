"""After a restore, what the lost database has sent is sent by nobody a second time without a person's word."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from decimal import Decimal

import pytest

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.services.operate_deed import Deed, OperatorError
from rebound_oro_pipeline.services.operate_outbox import abandon, after_restore, messages, release
from rebound_oro_pipeline.services.push_credit_notes import push_credit_notes
from rebound_oro_pipeline.services.push_inventory_levels import push_inventory_levels
from rebound_oro_pipeline.services.sync_health import discrepancies
from rebound_oro_pipeline.warehouse import outbox
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.services.push.levels_at_work import BATCH, Box, writes
from rebound_oro_pipeline_tests.services.push.shop_at_work import (
    AT_ONCE,
    DAY,
    ONE_TRY,
    Shop,
    error,
    lost,
    make_due,
    put_delta,
    put_note,
    states,
)
from rebound_oro_pipeline_tests.services.push.test_reconcile import decide_note
from rebound_oro_pipeline_tests.sessions import wait_for_locks_of_others_to_go

DEED = Deed("maria", "backup of last night restored")
STOPPED = DAY + timedelta(days=1)
"""When the lost database stopped; the deltas of the tests are of returns registered before."""


@pytest.fixture
def backup(
    database_url: str, clone_database: Callable[[str], AbstractContextManager[str]], shop: Shop
) -> Iterator[str]:
    """Yield the URL of a copy made after two notes were decided and before anything was sent."""
    with connect(database_url, autocommit=True) as box:
        for number in ("CN-1", "CN-2"):
            decide_note(box, number, shop.order_id)
            put_note(box, number, shop.order_id)
            put_delta(box, f"{number}:1", "SKU-1", "5")
    with clone_database(database_url.rpartition("/")[2]) as url:
        yield url


def pushed(oro: OroClient, url: str) -> None:
    push_credit_notes(oro, url, run_id="notes", rules=AT_ONCE)
    push_inventory_levels(oro, url, run_id="stock", rules=AT_ONCE)


def test_stock_of_a_restored_backup_is_added_once(
    shop: Shop, oro: OroClient, backup: str, database_url: str
) -> None:
    pushed(oro, database_url)
    assert shop.level("SKU-1") == Decimal(1010)
    with connect(backup, autocommit=True) as restored:
        assert after_restore(restored, STOPPED, DEED) == ["CN-1:1", "CN-2:1"]
        pushed(oro, backup)
        assert shop.notes() == ["CN-1", "CN-2"]
        assert shop.level("SKU-1") == Decimal(1010)
        waiting = messages(restored, kind="oro_inventory_delta")
        assert {each.held_back for each in waiting} == {True}
        assert abandon(restored, waiting[:1], DEED) == ["CN-2:1"]
        assert release(restored, waiting, DEED) == ["CN-1:1"]
        pushed(oro, backup)
        logged = restored.execute(
            "select actor, reason from outbox.audit_log where action = 'oro_inventory_delta held back'"
        )
        assert ("maria", "backup of last night restored") in logged.fetchall()
    assert shop.level("SKU-1") == Decimal(1015)


def test_a_note_that_stood_there_before_it_was_sent_holds_its_stock_back_and_is_told(
    shop: Shop, oro: OroClient, backup: str, database_url: str
) -> None:
    """Nobody has said that this is a restored backup."""
    pushed(oro, database_url)
    with connect(backup, autocommit=True) as restored:
        decide_note(restored, "CN-3", shop.order_id)
        put_note(restored, "CN-3", shop.order_id)
        put_delta(restored, "CN-3:1", "SKU-2", "1")
        pushed(oro, backup)
        assert shop.level("SKU-1") == Decimal(1010)
        assert shop.level("SKU-2") == Decimal(1001)
        found = discrepancies(restored, kinds=["note_sent_elsewhere"])
        assert [(each.subject, each.difference) for each in found] == [("CN-1", 0), ("CN-2", 0)]
        assert str(found[0].detail).endswith("Held back: 1 of its 1 stock movements.")
    with connect(database_url) as never_restored:
        assert discrepancies(never_restored, kinds=["note_sent_elsewhere"]) == []


def test_a_note_that_is_decided_otherwise_after_the_restore_holds_its_stock_back_too(
    shop: Shop, oro: OroClient, backup: str, database_url: str
) -> None:
    """The words of the operator that came after the backup are lost, for instance."""
    pushed(oro, database_url)
    with connect(backup, autocommit=True) as restored:
        restored.execute(
            "update outbox.messages set payload = jsonb_set(payload, '{currency}', '\"EUR\"')"
            " where kind = 'oro_credit_note'"
        )
        pushed(oro, backup)
        assert states(restored) == {
            "CN-1": "rejected",
            "CN-2": "rejected",
            "CN-1:1": "pending",
            "CN-2:1": "pending",
        }
        assert "Its stock movements that wait are held back" in error(restored, "CN-1")
    assert shop.level("SKU-1") == Decimal(1010)


@pytest.mark.parametrize("path", ["/reboundcreditnotes", "/api/reboundcreditnotes/"])
def test_a_note_whose_answer_was_lost_is_known_to_be_ours(
    path: str, shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_note(box, "CN-1", shop.order_id)
    put_delta(box, "CN-1:1", "SKU-1", "5")
    shop.network.after("POST", path, lost)
    shop.network.after("PATCH", path, lost)
    pushed(oro, database_url)
    assert set(states(box).values()) == {"confirmed"}


def test_a_note_that_was_refused_before_is_no_sign_of_another_database(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_note(box, "CN-1", shop.order_id)
    push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    box.execute("update outbox.messages set state = 'unknown', confirmed_at = null")
    box.execute("update outbox.messages set state = 'rejected', refusal_reason = 'push_rejected'")
    outbox.retry(box, "oro_credit_note", ["CN-1"], actor="maria", reason="it was deleted")
    push_credit_notes(oro, database_url, run_id="2", rules=AT_ONCE)
    assert box.execute("select state::text, last_error from outbox.messages").fetchall() == [
        ("confirmed", None)
    ]


def test_a_write_in_doubt_waits_with_its_level(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    """The level would show the quantity before, where the lost database wrote it and the shop has sold since."""
    put_delta(box, "N1:1", "SKU-1", "5")
    shop.network.after(*BATCH, lost)
    push_inventory_levels(oro, database_url, run_id="1", rules=ONE_TRY)
    assert states(box) == {"N1:1": "unknown"}
    shop.sell("SKU-1", 5)
    assert after_restore(box, STOPPED, DEED) == ["N1:1"]
    put_delta(box, "N2:1", "SKU-1", "1")
    push_inventory_levels(oro, database_url, run_id="2", rules=AT_ONCE)
    assert shop.level("SKU-1") == Decimal(1000)
    assert outbox.Claimant("oro_inventory_delta", "nobody").progress(box).open == 1
    [held] = messages(box, states=["unknown"])
    assert held.held_back
    abandon(box, [held], DEED)
    make_due(box)
    push_inventory_levels(oro, database_url, run_id="3", rules=AT_ONCE)
    assert shop.level("SKU-1") == Decimal(1001)
    assert [state for _, _, state in writes(box)] == ["not_written", "confirmed"]


def test_what_came_after_the_lost_database_is_let_go(box: Box) -> None:
    put_delta(box, "N1:1", "SKU-1", "5")
    put_delta(box, "N2:1", "SKU-1", "5")
    box.execute("update outbox.messages set registered_at = %s where business_key = 'N2:1'", (STOPPED,))
    assert after_restore(box, STOPPED, DEED) == ["N1:1"]


def test_while_stock_is_pushed_nothing_is_held_back(box: Box, database_url: str) -> None:
    put_delta(box, "N1:1", "SKU-1", "5")
    with connect(database_url, autocommit=True) as worker:
        outbox.Claimant("oro_inventory_delta", "at work").claim_keys(worker, 10)
        with pytest.raises(OperatorError, match="switch the pushes off"):
            after_restore(box, STOPPED, DEED)
    with connect(database_url, autocommit=True) as looking:
        wait_for_locks_of_others_to_go(looking)
    assert after_restore(box, STOPPED, DEED) == ["N1:1"]
