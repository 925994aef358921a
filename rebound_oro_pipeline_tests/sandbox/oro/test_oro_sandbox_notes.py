"""Credit notes in the imitated shop: atomic, unique whoever races, updated, emptied and deleted."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

NOTES, LINES = "reboundcreditnotes", "reboundcreditnotelines"


def create(shop: Any, document: Any) -> Any:
    return shop.send("POST", NOTES, document)


def test_a_note_with_a_faulty_line_writes_nothing(shop: Any) -> None:
    document = shop.note("N-1", lines=2)
    document["included"][1]["attributes"]["netAmount"] = "abc"

    answer = create(shop, document)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["source"] == {"pointer": "/included/1/attributes/netAmount"}
    assert (shop.store.count(NOTES), shop.store.count(LINES)) == (0, 0)


def test_a_line_key_that_exists_refuses_the_whole_note(shop: Any) -> None:
    assert create(shop, shop.note("N-1")).status_code == 201
    document = shop.note("N-2")
    document["included"][0]["attributes"]["returnLineKey"] = "N-1:0"

    answer = create(shop, document)

    assert answer.status_code == 409
    assert shop.store.count(NOTES) == 1


def test_racing_creates_of_one_number_make_one_note(shop: Any) -> None:
    racers = 8
    start = Barrier(racers)
    shop.token()

    def race(_: int) -> int:
        start.wait()
        return int(create(shop, shop.note("N-1")).status_code)

    with ThreadPoolExecutor(racers) as pool:
        statuses = sorted(pool.map(race, range(racers)))

    assert statuses == [201] + [409] * (racers - 1)
    assert (shop.store.count(NOTES), shop.store.count(LINES)) == (1, 1)


def test_racing_upserts_of_one_number_make_one_note(shop: Any) -> None:
    document = shop.note("N-1")
    document["data"]["meta"] = {"upsert": ["creditNoteNumber"]}
    document["included"][0]["meta"] = {"upsert": ["returnLineKey"]}
    shop.token()

    with ThreadPoolExecutor(6) as pool:
        statuses = set(pool.map(lambda _: create(shop, document).status_code, range(6)))

    assert statuses <= {200, 201, 409}
    assert (shop.store.count(NOTES), shop.store.count(LINES)) == (1, 1)


@pytest.mark.parametrize("missing", ["currency", "netAmount", "creditNoteNumber"])
def test_a_value_that_the_entity_does_not_check_ends_as_a_500(shop: Any, missing: str) -> None:
    document = shop.note("N-1")
    del document["data"]["attributes"][missing]

    answer = create(shop, document)

    assert answer.status_code == 500
    assert answer.json() == {
        "errors": [{"status": "500", "title": "not null constraint violation exception"}]
    }
    assert shop.store.count(NOTES) == 0


def test_a_number_that_is_too_long_ends_as_a_500(shop: Any) -> None:
    answer = create(shop, shop.note("N" * 65))
    assert answer.json()["errors"][0]["title"] == "driver exception"


def test_fields_that_a_shop_may_have_added_are_kept_and_shown(shop: Any) -> None:
    extra = {
        "discountAmount": "1.50",
        "shippingTaxAmount": 2,
        "feeAmount": "-3",
        "decidedAt": "2026-11-23T10:00:00+01:00",
    }
    document = shop.note("N-1", **extra)
    document["included"][0]["attributes"] |= {"unitCode": "set", "discountAmount": "0.1", "quantity": 2.5}

    shown = create(shop, document).json()

    attributes = shown["data"]["attributes"]
    assert {name: attributes[name] for name in extra} == {
        "discountAmount": "1.5000",
        "shippingTaxAmount": "2.0000",
        "feeAmount": "-3.0000",
        "decidedAt": "2026-11-23T09:00:00Z",
    }
    line = shown["included"][0]["attributes"]
    assert (line["unitCode"], line["discountAmount"], line["quantity"]) == ("set", "0.1000", 2.5)


def test_a_line_may_name_the_order_line_that_it_credits(shop: Any) -> None:
    shop.load("line_items_by_order")
    document = shop.note("N-1")
    reference = {"data": {"type": "orderlineitems", "id": "102"}}
    document["included"][0]["relationships"] = {"orderLine": reference}
    line = create(shop, document).json()["included"][0]
    assert line["relationships"]["orderLine"] == reference
    assert line["relationships"]["orderLineItem"] == {"data": None}

    document = shop.note("N-2")
    document["included"][0]["relationships"] = {
        "orderLine": {"data": {"type": "orderlineitems", "id": "9999"}}
    }
    fault = create(shop, document).json()["errors"][0]
    assert fault["source"] == {"pointer": "/included/0/relationships/orderLine/data"}


def test_the_dry_run_stores_nothing_and_takes_no_number(shop: Any) -> None:
    document = shop.note("N-1")
    document["data"]["meta"] = {"validate": True}
    assert create(shop, document).status_code == 201
    assert (shop.store.count(NOTES), shop.store.count(LINES)) == (0, 0)

    assert create(shop, shop.note("N-1")).status_code == 201


def test_the_dry_run_is_refused_where_the_resource_has_none(shop: Any) -> None:
    document = {
        "data": {
            "type": "inventorylevels",
            "id": "1",
            "attributes": {"quantity": "1"},
            "meta": {"validate": True},
        }
    }
    answer = shop.send("PATCH", "inventorylevels/1", document)
    assert answer.json()["errors"][0]["source"] == {"pointer": "/meta/validate"}
    assert shop.store.stock()["SKU-001", "item"] == "1000"


def test_an_included_record_that_nothing_refers_to_is_refused(shop: Any) -> None:
    document = shop.note("N-1")
    document["data"]["relationships"]["lines"]["data"] = []
    fault = create(shop, document).json()["errors"][0]
    assert fault["source"] == {"pointer": "/included/0"}
    assert "relationship with the primary entity" in fault["detail"]


def test_lines_left_out_of_a_patch_are_deleted(shop: Any) -> None:
    note_id = create(shop, shop.note("N-1", lines=2)).json()["data"]["id"]
    kept = {"type": LINES, "id": "2"}

    patch = {"data": {"type": NOTES, "id": note_id, "relationships": {"lines": {"data": [kept]}}}}
    answer = shop.send("PATCH", f"{NOTES}/{note_id}", patch)

    assert answer.json()["data"]["relationships"]["lines"] == {"data": [kept]}
    assert [record.id for record in shop.store.records(LINES)] == [2]


def test_updated_at_moves_only_when_something_changed(shop: Any) -> None:
    note_id = create(shop, shop.note("N-1")).json()["data"]["id"]
    shop.now = shop.now.replace(minute=30)

    def patch(return_id: str) -> str:
        document = {"data": {"type": NOTES, "id": note_id, "attributes": {"returnId": return_id}}}
        return str(
            shop.send("PATCH", f"{NOTES}/{note_id}", document).json()["data"]["attributes"]["updatedAt"]
        )

    assert patch("R-N-1") == "2026-11-23T15:00:00Z"
    assert patch("R-other") == "2026-11-23T15:30:00Z"


def test_a_deleted_note_takes_its_lines_along_and_its_id_is_not_used_again(shop: Any) -> None:
    note_id = create(shop, shop.note("N-1")).json()["data"]["id"]
    assert shop.send("DELETE", f"{NOTES}/{note_id}").status_code == 204
    assert shop.get(f"{NOTES}/{note_id}").status_code == 404
    assert shop.store.count(LINES) == 0
    assert create(shop, shop.note("N-1")).json()["data"]["id"] != note_id


def test_a_line_can_be_created_by_itself_and_is_listed_by_its_note(shop: Any) -> None:
    note_id = create(shop, shop.note("N-1", lines=0)).json()["data"]["id"]
    line = shop.note("N-1")["included"][0]
    del line["id"]
    line["relationships"] = {"creditNote": {"data": {"type": NOTES, "id": note_id}}}

    line_id = shop.send("POST", LINES, {"data": line}).json()["data"]["id"]

    note = shop.get(f"{NOTES}/{note_id}").json()["data"]
    assert note["relationships"]["lines"] == {"data": [{"type": LINES, "id": line_id}]}


def test_one_post_takes_a_note_with_a_thousand_lines(shop: Any) -> None:
    """The limits of batches are the synchronous mode's alone."""
    assert create(shop, shop.note("N-1", lines=1000)).status_code == 201
    assert shop.store.count(LINES) == 1000
