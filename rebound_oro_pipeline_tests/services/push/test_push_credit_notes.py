"""Credit notes arrive in the shop once, whatever it answers."""

import pytest

from rebound_oro_pipeline.clients.errors import MalformedAnswer
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.sandbox.oro.store import HiddenFields
from rebound_oro_pipeline.services.push_credit_notes import push_credit_notes
from rebound_oro_pipeline_tests.services.push.shop_at_work import (
    AT_ONCE,
    ONE_TRY,
    Box,
    Shop,
    error,
    put_note,
    states,
)

NOTES = "reboundcreditnotes"
LINES = "reboundcreditnotelines"


def test_notes_go_in_batches_and_a_second_run_changes_nothing(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    numbers = [f"CN-{number:03}" for number in range(70)]
    for number in numbers:
        put_note(box, number, shop.order_id)
    first = push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    sent = len(shop.network.requests)
    second = push_credit_notes(oro, database_url, run_id="2", rules=AT_ONCE)
    assert shop.notes() == numbers
    assert (first.confirmed, first.remaining, first.to_be_continued) == (70, 0, False)
    assert (second.confirmed, second.write_requests, len(shop.network.requests)) == (0, 0, sent)
    assert first.write_requests == 2  # 50 lines and 20 lines


def test_the_note_in_the_shop_says_what_was_decided(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_note(box, "CN-1", shop.order_id, lines=2)
    push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    [note] = shop.store.records("reboundcreditnotes")
    del note.attributes["createdAt"], note.attributes["updatedAt"]
    assert note.attributes == {
        "creditNoteNumber": "CN-1",
        "returnId": "R-CN-1",
        "currency": "USD",
        "netAmount": "20.0000",
        "discountAmount": "0.0000",
        "taxAmount": "3.8000",
        "shippingAmount": "5.0000",
        "shippingTaxAmount": "0.9500",
        "feeAmount": "1.0000",
        "totalAmount": "28.7500",
        "decidedAt": "2026-11-02T10:00:00Z",
    }
    assert note.relations["order"] == shop.order_id
    lines = shop.store.records("reboundcreditnotelines")
    assert [line.attributes["returnLineKey"] for line in lines] == ["CN-1:1", "CN-1:2"]


def test_a_note_with_more_lines_than_a_batch_takes_goes_alone(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_note(box, "small", shop.order_id)
    put_note(box, "big", shop.order_id, lines=51)
    put_note(box, "other", shop.order_id)
    counts = push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    assert counts.confirmed == 3
    assert shop.notes() == ["big", "other", "small"]


def test_a_record_that_the_shop_names_is_rejected_with_its_words_and_the_others_arrive(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_note(box, "A", shop.order_id)
    put_note(box, "bad", "999")
    put_note(box, "C", shop.order_id)
    counts = push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    assert shop.notes() == ["A", "C"]
    assert (counts.confirmed, counts.rejected, counts.remaining) == (2, 1, 0)
    assert "/data/1/relationships/order/data" in error(box, "bad")


def test_a_note_that_exists_already_is_read_back_and_compared(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    for number in ("same", "other"):
        put_note(box, number, shop.order_id)
    push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    held = shop.store.find("reboundcreditnotes", "creditNoteNumber", "other")
    assert held is not None
    shop.store.change("reboundcreditnotes", str(held.id), {"totalAmount": "1.0000"})
    box.execute("delete from outbox.messages")
    for number in ("new", "same", "other"):
        put_note(box, number, shop.order_id)
    push_credit_notes(oro, database_url, run_id="2", rules=AT_ONCE)
    assert states(box) == {"new": "confirmed", "same": "confirmed", "other": "rejected"}
    assert "total amount 1.00 instead of 16.85" in error(box, "other")
    assert shop.notes() == ["new", "other", "same"]


@pytest.mark.parametrize(
    ("hidden", "told"),
    [
        ({NOTES: ["totalAmount", "netAmount"]}, "reboundcreditnotes 1 is shown without totalAmount"),
        ({NOTES: ["currency"]}, "reboundcreditnotes 1 is shown without currency"),
        ({NOTES: ["creditNoteNumber"]}, "reboundcreditnotes 1 is shown without creditNoteNumber"),
        ({NOTES: ["order"]}, "reboundcreditnotes 1 is shown without order"),
        ({NOTES: ["lines"]}, "reboundcreditnotes 1 is shown without lines"),
        ({LINES: ["sku", "quantity"]}, "reboundcreditnotelines 1 is shown without quantity, sku"),
        ({LINES: ["returnLineKey"]}, "reboundcreditnotelines 1 is shown without returnLineKey"),
    ],
    ids=lambda given: given if isinstance(given, str) else "+".join(*given.values()),
)
def test_a_note_is_not_believed_by_fields_that_are_hidden_and_the_permission_is_named(
    hidden: HiddenFields, told: str, shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    """What is shown of a note may be equal while what is hidden was changed."""
    put_note(box, "CN-1", shop.order_id)
    push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    [held] = shop.store.records("reboundcreditnotes")
    true = {name: held.attributes[name] for name in ("totalAmount", "netAmount")}
    shop.store.change("reboundcreditnotes", str(held.id), dict.fromkeys(true, "1.0000"))
    box.execute("delete from outbox.messages")
    put_note(box, "CN-1", shop.order_id)
    shop.store.add_client("limited", "secret", hidden=hidden)
    with shop.client("limited") as limited, pytest.raises(MalformedAnswer, match=told):
        push_credit_notes(limited, database_url, run_id="2", rules=ONE_TRY)
    assert states(box) == {"CN-1": "unknown"}
    assert told in error(box, "CN-1")
    assert "permission to view" in error(box, "CN-1")
    shop.store.change("reboundcreditnotes", str(held.id), true)
    box.execute("update outbox.messages set next_attempt_at = now()")
    push_credit_notes(oro, database_url, run_id="3", rules=AT_ONCE)
    assert (states(box), shop.notes()) == ({"CN-1": "confirmed"}, ["CN-1"])


def test_a_note_is_compared_by_what_the_entity_has_beside_what_is_needed(
    shop: Shop, box: Box, database_url: str
) -> None:
    put_note(box, "CN-1", shop.order_id)
    hidden = {NOTES: ["netAmount", "feeAmount"], LINES: ["netAmount", "reasonCode"]}
    shop.store.add_client("limited", "secret", hidden=hidden)
    with shop.client("limited") as limited:
        push_credit_notes(limited, database_url, run_id="1", rules=AT_ONCE)
    assert states(box) == {"CN-1": "confirmed"}


@pytest.mark.parametrize("single", [True, False])
def test_a_note_whose_amounts_do_not_sum_is_never_sent(
    single: bool, shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_note(box, "bad", shop.order_id, total_amount="99.00")
    if not single:
        put_note(box, "worse", shop.order_id, lines=2, net_amount="30.00", total_amount="38.75")
    put_note(box, "good", shop.order_id)
    push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    assert shop.notes() == ["good"]
    assert "is 16.85, but the total is 99.00" in error(box, "bad")
    if not single:
        assert "the lines' net amounts sum to 20.00, not 30.00" in error(box, "worse")


def test_a_note_of_zero_is_recorded_and_not_sent(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    zero = {"shipping_amount": "0", "shipping_tax_amount": "0", "fee_amount": "11.90", "total_amount": "0.00"}
    put_note(box, "zero", shop.order_id, **zero)
    counts = push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    assert (counts.skipped, shop.notes(), states(box)) == (1, [], {"zero": "skipped"})


def test_a_payload_that_cannot_be_read_is_rejected_with_its_field(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_note(box, "bad", shop.order_id, net_amount="ten")
    push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    assert states(box) == {"bad": "rejected"}
    assert "net_amount" in error(box, "bad")


def test_a_number_with_a_comma_is_found_again_among_the_notes_of_its_order(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_note(box, "R1-PO 1,2", shop.order_id)
    counts = push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    assert (counts.confirmed, shop.notes()) == (1, ["R1-PO 1,2"])
