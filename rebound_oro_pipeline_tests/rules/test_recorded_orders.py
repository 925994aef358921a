"""Every order recorded from a real OroCommerce is explained, and credited to the cent, however it comes back."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline_tests.oracle.documents import from_json, read_orders
from rebound_oro_pipeline_tests.oracle.explain import Explained, explain
from rebound_oro_pipeline_tests.rules.deciding import decide_with_oracle, seeds
from rebound_oro_pipeline_tests.rules.histories import DAYS, everything_back
from rebound_oro_pipeline_tests.rules.outcomes import Tables, differences
from rebound_oro_pipeline_tests.rules.sql_runner import decide_with_sql

RECORDED = Path(__file__).parents[1] / "recorded"
CHANGED = "order_total_changed_by_status_patch"
SOURCES = ("6.1", "6.1 without subtotals", "6.0", "exchanges", "exchanges without subtotals")

Document = dict[str, Any]


@cache
def recorded(source: str) -> tuple[Document, ...]:
    """Return the recorded orders of a source, one document each, set to dispatched."""
    if source.startswith("exchanges"):
        documents = list(_exchanges())
    else:
        name = "orders-6.0.json" if source == "6.0" else "orders.json"
        documents = list(_single(from_json((RECORDED / name).read_text(encoding="utf-8"))))
    for document in documents:
        relationships = document["data"]["relationships"]
        if "without subtotals" in source:
            relationships.pop("orderSubtotals", None)
        if "shippingStatus" in relationships:
            relationships["shippingStatus"] = {"data": {"type": "ordershippingstatuses", "id": "shipped"}}
            relationships["internalStatus"] = {"data": {"type": "orderinternalstatuses", "id": "open"}}
    return tuple(documents)


def _single(document: Document) -> Iterator[Document]:
    included = {(each["type"], each["id"]): each for each in document["included"]}
    for order in document["data"]:
        related = _related(order, included)
        kit_items = [
            item for each in related for item in _related(each, included) if each["type"] != "orders"
        ]
        own = {(each["type"], each["id"]): each for each in [*related, *kit_items]}
        yield {"data": deepcopy(order), "included": list(own.values())}


def _related(resource: Document, included: dict[tuple[str, str], Document]) -> list[Document]:
    found: list[Document] = []
    for relation in resource.get("relationships", {}).values():
        data = relation["data"]
        keys = [(each["type"], each["id"]) for each in (data if isinstance(data, list) else [data]) if each]
        found += [included[each] for each in keys if each in included]
    return found


def _exchanges() -> Iterator[Document]:
    """Yield the recorded single orders that carry their lines."""
    for path in sorted((RECORDED / "exchanges").glob("order_*.json")):
        body = from_json(path.read_text(encoding="utf-8"))["response"]["body"]
        if path.stem != CHANGED and isinstance(body.get("data"), dict) and body.get("included"):
            yield {"data": body["data"], "included": body["included"]}


def test_the_records_are_complete() -> None:
    """60 orders of 6.1, 30 of 6.0, 14 exchanges: fewer would prove less than it seems."""
    assert [len(recorded(source)) for source in SOURCES] == [60, 60, 30, 14, 14]


@pytest.mark.parametrize("source", SOURCES)
def test_every_recorded_order_is_explained(source: str) -> None:
    for document in recorded(source):
        for order in read_orders(document):
            found = explain(order, seeds().digits[order.currency], Decimal("0.35"), "quarantine")
            assert isinstance(found, Explained), order.identifier
            assert found.net + found.tax + found.shipping + found.shipping_tax == order.total
            assert all(item.net + item.tax >= 0 for line in found.lines for item in line.items)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("source", SOURCES)
def test_every_recorded_order_comes_back_to_the_cent(
    rules_conn: psycopg.Connection[Any], source: str, seed: int
) -> None:
    """Whole (seed 0) and in random splits, in one decision and day by day in any order, by SQL and by the oracle."""
    random = Random(f"{source} {seed}")
    orders = [order for document in recorded(source) for order in read_orders(document)]
    returns = [each for order in orders for each in everything_back(order, random, whole=seed == 0)]
    random.shuffle(returns)
    policy = {"credit": {"shipping": random.choice(("pro_rata", "on_complete_return"))}}
    first = datetime(2026, 11, 1, tzinfo=UTC)
    days = [(first + timedelta(days=day), first + timedelta(days=day + 1)) for day in range(DAYS)]
    random.shuffle(days)
    windows = days if seed % 2 else (None,)
    found = decide_with_sql(rules_conn, recorded(source), returns, policy=policy, windows=windows)
    assert not differences(
        decide_with_oracle(recorded(source), returns, policy=policy, windows=windows), found
    )
    assert not found.quarantine
    assert not found.held
    assert {order.id: order.total for order in orders} == credited(found)


def credited(tables: Tables) -> dict[str, Decimal]:
    """Return what the notes of each order add up to."""
    totals: dict[str, Decimal] = {}
    for note in tables.credit_notes:
        totals[note["order_id"]] = totals.get(note["order_id"], Decimal(0)) + note["total_amount"]
    return totals


def test_an_order_whose_total_was_added_up_anew_is_not_credited(rules_conn: psycopg.Connection[Any]) -> None:
    """A PATCH of the shipping status alone changed its total under other tax settings; nothing explains it."""
    path = RECORDED / "exchanges" / f"{CHANGED}.json"
    document = from_json(path.read_text(encoding="utf-8"))["response"]["body"]
    document["data"]["relationships"]["shippingStatus"] = {
        "data": {"type": "ordershippingstatuses", "id": "shipped"}
    }
    returns = everything_back(read_orders(document)[0], Random(1), whole=True)
    for tables in (decide_with_oracle([document], returns), decide_with_sql(rules_conn, [document], returns)):
        assert {row["reason"] for row in tables.quarantine} == {"order_does_not_add_up"}
        assert not tables.credit_notes
