"""The portal of the sandbox: what customers may register, when it is told to let in offered items only."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rebound_oro_pipeline.sandbox.rebound.documents import return_document
from rebound_oro_pipeline.sandbox.rebound.portal import NotOffered, check_items, read_wanted, register
from rebound_oro_pipeline.sandbox.rebound.store import ReboundStore

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ORDER = {
    "order_date": "2026/02/20",
    "item": [
        {"sku_code": "LAMP", "quantity": "2", "non_returnable": "FALSE", "days_for_return": "14"},
        {"sku_code": "HAT", "quantity": "1", "non_returnable": "TRUE", "days_for_return": "14"},
    ],
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReboundStore]:
    store = ReboundStore(tmp_path / "rebound.sqlite3")
    store.push_order("SO-1", ORDER, overwrite=True, at=NOW)
    yield store
    store.close()


def wanted(sku: str = "lamp ", quantity: str = "2", reference: str = "so-1", **more: str) -> dict[str, Any]:
    return {"order_reference": reference, "items": [{"sku": sku, "quantity": quantity}], **more}


def test_a_return_of_offered_items_is_registered_now(store: ReboundStore) -> None:
    store.only_offered = True
    return_id = register(store, read_wanted(wanted(status="processed")), NOW)
    kept = store.find(return_id, NOW)
    assert kept is not None
    document = return_document(kept.template, NOW)
    assert (document["order_reference"], document["current_tracking_status"]) == ("so-1", "processed")
    assert (document["item"][0]["quantity"], document["item"][0]["quantity_received"]) == ("2", "2")
    assert store.search(NOW.date(), NOW.date(), NOW) == [return_id]


@pytest.mark.parametrize(
    ("given", "at", "said"),
    [
        (wanted(reference="SO-2"), NOW, "is not known"),
        (wanted(sku="SHOE"), NOW, "is not on order"),
        (wanted(sku="HAT", quantity="1"), NOW, "cannot be returned"),
        (wanted(quantity="3"), NOW, "2 of lamp"),
        (wanted(), NOW + timedelta(days=5), "days for a return"),
    ],
)
def test_anything_else_is_let_in_only_where_the_switch_is_off(
    store: ReboundStore, given: dict[str, Any], at: datetime, said: str
) -> None:
    store.only_offered = True
    with pytest.raises(NotOffered, match=said):
        register(store, read_wanted(given), at)
    store.only_offered = False
    assert register(store, read_wanted(given), at) == "P1"


@pytest.mark.parametrize(
    "items", ["LAMP", ["LAMP"], [{"sku_code": ""}], [{"sku_code": "A", "quantity": "many"}]]
)
def test_items_that_the_order_call_cannot_take_are_refused(items: object) -> None:
    with pytest.raises(ValueError, match=r"order\.item"):
        check_items(items)
