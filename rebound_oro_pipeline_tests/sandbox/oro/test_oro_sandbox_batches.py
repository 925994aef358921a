"""Batches in the imitated shop: the queue, its consumer, and every way in which an operation's word is no proof."""

import time
from typing import Any

import pytest

NOTES, LEVELS = "reboundcreditnotes", "inventorylevels"


def send(shop: Any, kind: str, document: Any, *, sync: bool = True, client_id: str = "main") -> Any:
    headers = {"Accept": "application/vnd.api+json", "Content-Type": "application/vnd.api+json"}
    headers |= {"X-Mode": "sync"} if sync else {}
    headers |= {"X-Include": "noHateoas", "Authorization": f"Bearer {shop.token(client_id)}"}
    return shop.send("PATCH", kind, document, headers=headers)


def level(number: int, quantity: str) -> dict[str, Any]:
    attributes = {"quantity": quantity}
    return {"type": LEVELS, "id": str(number), "attributes": attributes, "meta": {"update": True}}


def operation_of(answer: Any) -> str:
    assert answer.status_code == 202, answer.text
    assert answer.json()["data"]["type"] == "asyncoperations"
    return str(answer.json()["data"]["id"])


def errors_of(shop: Any, operation: str) -> list[dict[str, Any]]:
    return [row["attributes"] for row in shop.get(f"asyncoperations/{operation}/errors").json()["data"]]


@pytest.fixture
def hasty(make_shop: Any) -> Any:
    """Return a shop whose synchronous batches wait hardly at all."""
    opened = make_shop(wait=0.05)
    opened.add_order(11, "EXT-11")
    opened.add_products(range(1, 6))
    return opened


def test_a_batch_nobody_consumes_is_carried_out_later_and_once(hasty: Any) -> None:
    hasty.store.consuming = False
    answer = send(hasty, NOTES, hasty.batch(hasty.note("N-1"), hasty.note("N-2")))
    operation = operation_of(answer)
    assert answer.json()["data"]["attributes"]["status"] == "new"
    assert hasty.store.count(NOTES) == 0

    hasty.store.consuming = True

    ended = hasty.wait_for_operation(operation)
    assert (ended["status"], ended["summary"]["writeCount"]) == ("success", 2)
    assert hasty.store.count(NOTES) == 2
    assert hasty.store.count("queue") == 0


def test_a_batch_given_up_by_its_request_writes_its_good_records(hasty: Any) -> None:
    """After the wait it is an asynchronous operation: partial, with errors to read."""
    hasty.store.consuming = False
    bad = hasty.note("N-2", netAmount="abc")
    operation = operation_of(send(hasty, NOTES, hasty.batch(hasty.note("N-1"), bad)))

    hasty.store.consuming = True
    hasty.wait_for_operation(operation)

    assert hasty.store.find(NOTES, "creditNoteNumber", "N-1") is not None
    assert [error["source"]["pointer"] for error in errors_of(hasty, operation)] == [
        "/data/1/attributes/netAmount"
    ]


def test_a_queue_survives_a_restart_of_the_shop(make_shop: Any) -> None:
    first = make_shop(wait=0.05)
    first.add_order(11, "EXT-11")
    first.store.consuming = False
    operation = operation_of(send(first, NOTES, first.batch(first.note("N-1"))))
    first.close()

    second = make_shop()

    assert second.wait_for_operation(operation)["status"] == "success"
    assert second.store.find(NOTES, "creditNoteNumber", "N-1") is not None


def test_without_a_consumer_the_probe_waits_and_gets_an_operation(hasty: Any) -> None:
    hasty.store.consuming = False
    answer = send(hasty, LEVELS, {"data": [level(999999, "1")]})
    assert operation_of(answer)
    hasty.store.consuming = True
    assert send(hasty, LEVELS, {"data": [level(999999, "1")]}).status_code == 404


def test_a_synchronous_batch_is_all_or_nothing(shop: Any) -> None:
    answer = send(shop, LEVELS, {"data": [level(1, "5"), level(3, "x")]})
    assert answer.status_code == 400
    assert shop.store.stock()["SKU-001", "item"] == "1000"


def test_a_synchronous_batch_waits_for_its_turn_only(make_shop: Any) -> None:
    """With a consumer it is answered as soon as it is done, long before the wait is over."""
    shop = make_shop(wait=25)
    shop.add_products(range(1, 3))
    started = time.monotonic()
    assert send(shop, LEVELS, {"data": [level(1, "5")]}).status_code == 200
    assert time.monotonic() - started < 5


def test_an_order_of_writes_is_kept_and_counted(shop: Any) -> None:
    document = {"data": [level(3, "7"), level(1, "8"), level(3, "9")]}
    answer = send(shop, LEVELS, document)
    assert [(row["id"], row["attributes"]["quantity"]) for row in answer.json()["data"]] == [
        ("3", "9"),
        ("1", "8"),
    ]

    operation = operation_of(send(shop, LEVELS, document, sync=False))
    summary = shop.wait_for_operation(operation)["summary"]
    assert (summary["writeCount"], summary["createCount"], summary["updateCount"]) == (3, 0, 3)


def test_the_same_included_record_twice_ends_as_a_success_that_wrote_nothing(shop: Any) -> None:
    document = shop.batch(shop.note("N-1"), shop.note("N-1"))

    operation = operation_of(send(shop, NOTES, document, sync=False))

    ended = shop.wait_for_operation(operation)
    assert (ended["status"], ended["summary"]["writeCount"]) == ("success", 0)
    assert errors_of(shop, operation)[0]["detail"] == "The item duplicates the item with the index 0"
    assert shop.store.count(NOTES) == 0


def test_success_can_have_written_nothing(shop: Any) -> None:
    shop.store.misbehave_once("success_without_writing")
    operation = operation_of(send(shop, NOTES, shop.batch(shop.note("N-1")), sync=False))
    assert shop.wait_for_operation(operation)["status"] == "success"
    assert shop.store.count(NOTES) == 0

    assert send(shop, NOTES, shop.batch(shop.note("N-1"))).status_code == 200


def test_a_synchronous_batch_can_succeed_without_writing_too(shop: Any) -> None:
    shop.store.misbehave_once("success_without_writing")
    answer = send(shop, NOTES, shop.batch(shop.note("N-1")))
    assert (
        shop.get(f"asyncoperations/{operation_of(answer)}").json()["data"]["attributes"]["status"]
        == "success"
    )
    assert shop.store.count(NOTES) == 0


@pytest.mark.parametrize("sync", [True, False])
def test_an_operation_can_fail_without_an_error(shop: Any, sync: bool) -> None:
    shop.store.misbehave_once("failed_without_errors")
    answer = send(shop, NOTES, shop.batch(shop.note("N-1")), sync=sync)
    operation = operation_of(answer)
    if sync:
        assert answer.json()["data"]["attributes"]["status"] == "failed"
        assert shop.get(f"asyncoperations/{operation}").status_code == 404
    else:
        assert shop.wait_for_operation(operation)["status"] == "failed"
        assert errors_of(shop, operation) == []
    assert shop.store.count(NOTES) == 0


def test_an_operation_can_lie_about_what_it_created(shop: Any) -> None:
    shop.store.misbehave_once("lying_create_count")
    document = shop.batch(shop.note("N-1"), shop.note("N-2", netAmount="abc"))
    assert send(shop, LEVELS, {"data": [level(1, "5")]}).status_code == 200  # who waits sees no counts
    operation = operation_of(send(shop, NOTES, document, sync=False))
    assert shop.wait_for_operation(operation)["summary"]["createCount"] == 2
    assert shop.store.count(NOTES) == 1


def test_errors_of_an_operation_come_in_pages(shop: Any) -> None:
    faulty = [shop.note(f"N-{number}", netAmount="abc") for number in range(12)]
    operation = operation_of(send(shop, NOTES, shop.batch(*faulty), sync=False))
    shop.wait_for_operation(operation)

    assert len(errors_of(shop, operation)) == 10
    second = shop.get(f"asyncoperations/{operation}/errors?page[number]=2", **{"X-Include": "totalCount"})
    assert len(second.json()["data"]) == 2
    assert second.headers["X-Include-Total-Count"] == "12"


def test_records_a_user_may_not_write_are_refused_one_by_one(shop: Any) -> None:
    rights = {"asyncoperations": ["create", "view"], LEVELS: ["view"], "products": ["view"]}
    shop.store.add_client("reader", "secret", rights)
    answer = send(shop, LEVELS, {"data": [level(1, "5")]}, client_id="reader")
    assert (answer.status_code, answer.json()["errors"][0]["source"]) == (403, {"pointer": "/data/0"})


def test_an_item_that_would_create_what_cannot_be_created_is_an_error_of_its_own(shop: Any) -> None:
    item = level(1, "5")
    del item["meta"]
    operation = operation_of(send(shop, LEVELS, {"data": [item, level(3, "6")]}, sync=False))
    assert shop.wait_for_operation(operation)["summary"]["writeCount"] == 1
    assert errors_of(shop, operation)[0]["status"] == 405


def test_a_batch_of_nothing_is_refused(shop: Any) -> None:
    answer = send(shop, LEVELS, {"data": []})
    assert answer.json()["errors"][0]["detail"] == "The primary data object collection should not be empty"
