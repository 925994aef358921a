"""Whatever can be read can be stored: no document that passes the door makes the database refuse its batch."""

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rebound_oro_pipeline.contracts.documents import parse
from rebound_oro_pipeline.contracts.oro import read_levels, read_orders, read_products
from rebound_oro_pipeline.contracts.rebound import read_return
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.warehouse.landing import land_levels, land_orders, land_products, land_returns

EXCHANGES = Path(__file__).parents[1] / "recorded" / "exchanges"
STAMP: dict[str, Any] = {
    "source": "file",
    "landed_by": "test",
    "landed_at": datetime(2026, 11, 24, tzinfo=UTC),
}
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.decimals(),
    st.text(),
    st.sampled_from(
        ["R1", "1", "0", "-1", "1e29", "2026-11-03", "9999-12-31T23:59:59Z", "0001-01-01", "\x00"]
    ),
    st.sampled_from([10**40, "x" * 300, "é" * 200, [], {}, ["late"], [{"reason": "late"}]]),
)
ITEMS = st.dictionaries(
    st.sampled_from(["id", "sku_code", "quantity", "quantity_received", "unit", "currency", "reason"]), VALUES
)
RETURNS = st.fixed_dictionaries(
    {"id": VALUES, "date_added": st.one_of(st.just("2026-11-03"), VALUES)},
    optional={"item": st.lists(st.one_of(ITEMS, VALUES), max_size=3), "order_reference": VALUES, "x": VALUES},
)


def answer(name: str) -> Any:
    return parse((EXCHANGES / f"{name}.json").read_bytes())["response"]["body"]


KIT, PRODUCTS, LEVELS = map(answer, ("order_kit", "products_by_sku_list", "inventorylevels_by_sku_list"))


@st.composite
def spoilt(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    """Draw a copy of a recorded document with some attributes and ids replaced by anything."""
    document = copy.deepcopy(document)
    data = document["data"] if isinstance(document["data"], list) else [document["data"]]
    for _ in range(draw(st.integers(1, 3))):
        resource = draw(st.sampled_from([*data, *document["included"]]))
        attribute = draw(st.sampled_from(["id", *resource["attributes"], "externalId", "unknown"]))
        target = resource if attribute == "id" else resource["attributes"]
        target[attribute] = draw(VALUES)
    return document


@FEW
@given(st.lists(RETURNS, max_size=8))
def test_any_returns_can_be_landed(conn: psycopg.Connection, documents: list[dict[str, Any]]) -> None:
    with conn.transaction(force_rollback=True):
        items = (read_return(document, default_mapping()) for document in documents)
        landed = land_returns(conn, items, **STAMP)
    assert landed.received == len(documents) == landed.new + landed.unchanged + landed.malformed


@FEW
@given(spoilt(KIT))
def test_any_order_can_be_landed(conn: psycopg.Connection, document: dict[str, Any]) -> None:
    with conn.transaction(force_rollback=True):
        assert land_orders(conn, read_orders(document), **STAMP).received == 1


@FEW
@given(spoilt(PRODUCTS))
def test_any_products_can_be_landed(conn: psycopg.Connection, document: dict[str, Any]) -> None:
    with conn.transaction(force_rollback=True):
        assert land_products(conn, read_products(document), **STAMP).received == 3


@FEW
@given(spoilt(LEVELS))
def test_any_levels_can_be_landed(conn: psycopg.Connection, document: dict[str, Any]) -> None:
    with conn.transaction(force_rollback=True):
        assert land_levels(conn, read_levels(document), **STAMP).received == 6
