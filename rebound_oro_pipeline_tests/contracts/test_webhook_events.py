"""What webhooks bring is read without ever failing, whatever it is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.webhooks import (
    Event,
    RecordEvent,
    ReturnEvent,
    read_event,
    read_record_event,
    read_return_event,
)

NAMES = (
    "event_id",
    "event_type",
    "occurred_at",
    "return",
    "messageId",
    "topic",
    "timestamp",
    "eventData",
    "data",
    "type",
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("orders"),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from((*NAMES, "id", "attributes")), inner),
    max_leaves=20,
)


@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_anything_is_an_event_or_a_fault(body: bytes) -> None:
    assert isinstance(read_event("rebound", body), Event)
    assert isinstance(read_event("oro", body), Event)
    assert isinstance(read_return_event(body), ReturnEvent | Fault)
    assert isinstance(read_record_event(body), RecordEvent | Fault)


@pytest.mark.parametrize(
    ("content", "references"),
    [
        ({"identifier": " SO-1 ", "poNumber": None, "externalId": 7}, ("SO-1", "7")),
        ({"identifier": {}, "poNumber": ""}, ()),
        ([], ()),
        (None, ()),
    ],
)
def test_an_order_is_known_by_what_its_delivery_says(content: Any, references: tuple[str, ...]) -> None:
    body = {
        "topic": "order.deleted",
        "eventData": {"data": {"type": "orders", "id": 28, "attributes": content}},
    }
    event = read_record_event(json.dumps(body).encode())
    assert event == RecordEvent("order.deleted", "orders", "28", references)
    assert event.is_deletion


@pytest.mark.parametrize("order_id", ["abc", "1.5", "1..5", "-1", "2147483648", "9" * 20, "²"])
def test_an_id_that_no_order_can_have_is_a_fault(order_id: str) -> None:
    """OroCommerce refuses a list of ids as a whole for one of them."""
    body = {"topic": "order.updated", "eventData": {"data": {"type": "orders", "id": order_id}}}
    event = read_record_event(json.dumps(body).encode())
    assert isinstance(event, Fault)
    assert event.path == "eventData.data.id"


@pytest.mark.parametrize("order_id", ["28", "2147483647"])
def test_an_id_is_that_of_an_order_as_text_or_number(order_id: str) -> None:
    for shown in (order_id, int(order_id)):
        body = {"topic": "order.updated", "eventData": {"data": {"type": "orders", "id": shown}}}
        assert read_record_event(json.dumps(body).encode()) == RecordEvent(
            "order.updated", "orders", order_id, ()
        )
