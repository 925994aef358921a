"""What was seen of OroCommerce's batches: its word is no proof, and it may act late."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from rebound_oro_pipeline.clients.errors import Forbidden
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.services.push_credit_notes import push_credit_notes
from rebound_oro_pipeline.services.sending import SendingRules
from rebound_oro_pipeline_tests.services.push.shop_at_work import (
    AT_ONCE,
    ONE_TRY,
    Box,
    Shop,
    error,
    make_due,
    open_shop,
    put_note,
    put_notes,
    states,
)

BATCH = ("PATCH", "/reboundcreditnotes")
SINGLE = ("POST", "/reboundcreditnotes")
BATCHES_ONLY = {"orders": ("view",), "reboundcreditnotes": ("view",), "asyncoperations": ("view", "create")}
"""May send batches, but not create what is in them."""


@pytest.fixture
def slow_shop(tmp_path: Path) -> Any:
    with open_shop(tmp_path / "slow", wait=0.05) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    (tmp_path / "slow").mkdir()


def test_a_batch_still_to_run_is_waited_for_also_across_our_restart(
    slow_shop: Shop, box: Box, database_url: str
) -> None:
    """Without a consumer the batch is answered after the wait and carried out later, when one comes."""
    slow_shop.store.consuming = False
    numbers = put_notes(box, slow_shop.order_id, 3)
    with slow_shop.client() as oro:
        first = push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    assert (first.unknown, first.remaining, first.to_be_continued) == (3, 3, True)
    assert set(states(box).values()) == {"unknown"}
    make_due(box)
    with slow_shop.client() as oro:
        second = push_credit_notes(oro, database_url, run_id="2", rules=ONE_TRY)
    assert second.write_requests == 0  # sent no other way meanwhile
    assert slow_shop.network.count(*BATCH) == 1
    assert slow_shop.notes() == []
    slow_shop.store.consuming = True
    make_due(box)
    with slow_shop.client() as oro:
        third = push_credit_notes(oro, database_url, run_id="3", rules=AT_ONCE)
    assert (third.confirmed, third.remaining, third.write_requests) == (3, 0, 0)
    assert slow_shop.notes() == numbers


def test_after_one_batch_that_is_still_to_run_the_other_notes_go_singly(
    slow_shop: Shop, box: Box, database_url: str
) -> None:
    """Every further batch would take 25 seconds, too."""
    slow_shop.store.consuming = False
    put_notes(box, slow_shop.order_id, 52)
    with slow_shop.client() as oro:
        counts = push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    assert (counts.confirmed, counts.unknown) == (2, 50)
    assert (slow_shop.network.count(*BATCH), slow_shop.network.count(*SINGLE)) == (1, 2)


def test_a_batch_carried_out_late_leaves_the_bad_record_out_and_we_hear_of_it(
    slow_shop: Shop, box: Box, database_url: str
) -> None:
    slow_shop.store.consuming = False
    put_note(box, "A", slow_shop.order_id)
    put_note(box, "bad", "999")
    put_note(box, "C", slow_shop.order_id)
    with slow_shop.client() as oro:
        push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
        slow_shop.store.consuming = True
        make_due(box)
        push_credit_notes(oro, database_url, run_id="2", rules=AT_ONCE)
    assert slow_shop.notes() == ["A", "C"]
    assert states(box) == {"A": "confirmed", "bad": "rejected", "C": "confirmed"}
    assert "/data/1" in error(box, "bad")


def test_a_failed_batch_without_a_named_record_is_halved_down_to_the_one_that_exists(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    """A taken number fails the whole batch, names nobody, and the operation is gone at once."""
    put_note(box, "CN-004", shop.order_id)
    push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    box.execute("delete from outbox.messages")
    numbers = put_notes(box, shop.order_id, 8)
    counts = push_credit_notes(oro, database_url, run_id="2", rules=AT_ONCE)
    assert (counts.confirmed, counts.remaining) == (8, 0)
    assert shop.notes() == numbers


def test_a_batch_that_failed_without_any_error_is_halved(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    numbers = put_notes(box, shop.order_id, 4)
    shop.store.misbehave_once("failed_without_errors")
    counts = push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    assert (counts.confirmed, shop.notes()) == (4, numbers)
    assert shop.network.count(*BATCH) == 3


def test_success_with_nothing_written_is_noticed(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    numbers = put_notes(box, shop.order_id, 4)
    shop.store.misbehave_once("success_without_writing")
    counts = push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    assert (counts.confirmed, shop.notes()) == (4, numbers)


def test_a_late_success_with_nothing_written_is_noticed(slow_shop: Shop, box: Box, database_url: str) -> None:
    slow_shop.store.consuming = False
    numbers = put_notes(box, slow_shop.order_id, 3)
    with slow_shop.client() as oro:
        push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
        slow_shop.store.misbehave_once("success_without_writing")
        slow_shop.store.consuming = True
        make_due(box)
        counts = push_credit_notes(oro, database_url, run_id="2", rules=AT_ONCE)
    assert (counts.confirmed, slow_shop.notes()) == (3, numbers)


def test_a_create_count_that_lies_is_not_believed(slow_shop: Shop, box: Box, database_url: str) -> None:
    slow_shop.store.consuming = False
    put_note(box, "A", slow_shop.order_id)
    put_note(box, "bad", "999")
    with slow_shop.client() as oro:
        push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
        slow_shop.store.misbehave_once("lying_create_count")
        slow_shop.store.consuming = True
        make_due(box)
        push_credit_notes(oro, database_url, run_id="2", rules=AT_ONCE)
    assert states(box) == {"A": "confirmed", "bad": "rejected"}


def test_a_fault_in_a_line_is_traced_to_its_note(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_note(box, "A", shop.order_id, lines=2)
    put_note(box, "bad", shop.order_id)
    box.execute(
        """
        update outbox.messages set payload = jsonb_set(payload, '{lines,0,order_line_id}', '"no such line"')
        where business_key = 'bad'
        """
    )
    push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    assert states(box) == {"A": "confirmed", "bad": "rejected"}
    assert "/included/2" in error(box, "bad")


def test_a_shop_without_synchronous_batches_gets_its_notes_all_the_same(
    tmp_path: Path, box: Box, database_url: str
) -> None:
    """Before 6.0.4 the header is ignored: every batch is an asynchronous one."""
    (tmp_path / "old").mkdir()
    with open_shop(tmp_path / "old", profile="5.1") as shop, shop.client() as oro:
        numbers = put_notes(box, shop.order_id, 120)
        counts = push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
        assert (counts.confirmed, shop.notes()) == (120, numbers)


def test_without_the_permission_for_batches_notes_go_singly(shop: Shop, box: Box, database_url: str) -> None:
    rights = ("view", "create", "edit")
    shop.store.add_client("no batches", "secret", {"reboundcreditnotes": rights, "orders": rights})
    numbers = put_notes(box, shop.order_id, 3)
    with shop.client("no batches") as oro:
        counts = push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    assert (counts.confirmed, shop.notes()) == (3, numbers)


def test_a_missing_permission_to_create_stops_the_run_and_rejects_nothing(
    shop: Shop, box: Box, database_url: str
) -> None:
    put_notes(box, shop.order_id, 3)
    with shop.client("limited") as oro, pytest.raises(Forbidden, match="No access to this type of entities"):
        push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    assert set(states(box).values()) <= {"pending", "unknown"}
    make_due(box)
    with shop.client() as oro:
        push_credit_notes(oro, database_url, run_id="2", rules=AT_ONCE)
    assert set(states(box).values()) == {"confirmed"}


def test_a_permission_that_a_batch_lacks_by_record_rejects_none_of_its_notes(
    shop: Shop, box: Box, database_url: str
) -> None:
    """With batches allowed and notes not, OroCommerce names the first record of each batch."""
    put_notes(box, shop.order_id, 3)
    shop.store.add_client("batches only", "secret", BATCHES_ONLY)
    with (
        shop.client("batches only") as oro,
        pytest.raises(Forbidden, match="No access to this type of entit"),
    ):
        push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    assert set(states(box).values()) == {"pending"}


def test_a_permission_that_a_late_batch_lacks_rejects_none_of_its_notes(
    slow_shop: Shop, box: Box, database_url: str
) -> None:
    put_notes(box, slow_shop.order_id, 3)
    slow_shop.store.add_client("batches only", "secret", BATCHES_ONLY)
    slow_shop.store.consuming = False
    with slow_shop.client("batches only") as oro:
        push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
        slow_shop.store.consuming = True
        make_due(box)
        with pytest.raises(Forbidden, match="No access to this type of entit"):
            push_credit_notes(oro, database_url, run_id="2", rules=AT_ONCE)
    assert set(states(box).values()) == {"pending"}


class Firewall(httpx.BaseTransport):
    """Refuses requests that write and hold a text."""

    def __init__(self, inner: httpx.BaseTransport, text: bytes) -> None:
        self.inner = inner
        self.text = text

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET" and self.text in request.read():
            return httpx.Response(403, html="<html>Request blocked</html>", request=request)
        return self.inner.handle_request(request)


def test_a_note_that_a_firewall_refuses_holds_up_nobody_and_is_rejected_in_the_end(
    shop: Shop, box: Box, database_url: str
) -> None:
    """Its rules take some texts, `O'Ring 1/2" -- x` say, for an attack; the page names no reason."""
    put_note(box, "A bad", shop.order_id)
    numbers = put_notes(box, shop.order_id, 6)
    rules = SendingRules(first_delay=0.0, longest_delay=0.0, workers=1, attempts_at_most=4)
    with shop.client(network=Firewall(shop.network, b"A bad")) as oro:
        counts = push_credit_notes(oro, database_url, run_id="1", rules=rules)
    assert (counts.confirmed, counts.rejected, counts.remaining) == (6, 1, 0)
    assert shop.notes() == numbers
    assert "a firewall before it" in error(box, "A bad")


def test_a_firewall_that_refuses_every_note_opens_the_circuit_and_rejects_none(
    shop: Shop, box: Box, database_url: str
) -> None:
    put_notes(box, shop.order_id, 8)
    with shop.client(network=Firewall(shop.network, b"CN-")) as oro:
        counts = push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    assert "a firewall before it" in str(counts.stopped_by)
    assert set(states(box).values()) == {"pending"}


def test_a_record_on_which_the_shop_fails_is_rejected_in_the_end_and_holds_up_nobody(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    """OroCommerce answers 500 to a record that violates a constraint of the database, here the length."""
    put_note(box, "N" * 65, shop.order_id)
    numbers = put_notes(box, shop.order_id, 6)
    rules = SendingRules(first_delay=0.0, longest_delay=0.0, workers=1, attempts_at_most=4)
    counts = push_credit_notes(oro, database_url, run_id="1", rules=rules)
    assert (counts.confirmed, counts.rejected, counts.remaining) == (6, 1, 0)
    assert shop.notes() == numbers
    assert "500" in error(box, "N" * 65)


def test_a_note_that_nobody_can_read_is_not_sent_for_ever(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    """It belongs to another organization, say: refused as existing, and not to be seen."""
    put_note(box, "seen", shop.order_id)
    put_note(box, "unseen", shop.order_id)
    real = shop.network.handle_request

    def hide(request: httpx.Request) -> httpx.Response:
        answered = real(request)
        if request.method == "GET" and "reboundcreditnotes" in request.url.path:
            answered.read()
            document = answered.json()
            document["data"] = [
                note for note in document["data"] if note["attributes"]["creditNoteNumber"] != "unseen"
            ]
            return httpx.Response(
                200, json=document, headers={"X-Include-Total-Count": str(len(document["data"]))}
            )
        return answered

    shop.network.handle_request = hide  # type: ignore[method-assign]
    rules = SendingRules(first_delay=0.0, longest_delay=0.0, workers=1, attempts_at_most=4)
    push_credit_notes(oro, database_url, run_id="1", rules=rules)
    assert states(box) == {"seen": "confirmed", "unseen": "rejected"}
    assert "cannot be read by its number" in error(box, "unseen")
