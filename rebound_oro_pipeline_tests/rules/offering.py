"""What the tests of offers share: an order of three shirts, offering, and what came of it."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from psycopg.rows import dict_row

from rebound_oro_pipeline.services.offer_returnable_items import OfferCounts, offer_returnable_items
from rebound_oro_pipeline_tests.prepared import models
from rebound_oro_pipeline_tests.rules.deciding import DECIDED_AT
from rebound_oro_pipeline_tests.rules.price import Row, Sale, order_document
from rebound_oro_pipeline_tests.rules.sql_runner import Landed

LATER = DECIDED_AT + timedelta(days=3)
"""When nothing that landed before is looked at because it landed."""


def dated(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return an order with the day on which it was placed."""
    data = document["data"]
    placed = (DECIDED_AT - timedelta(days=20)).isoformat()
    return {**document, "data": {**data, "attributes": {**data["attributes"], "createdAt": placed}}}


def offer(there: Landed, at: Any = DECIDED_AT, policy_version: int | None = None) -> OfferCounts:
    version = policy_version or there.policy_version
    return offer_returnable_items(
        there.conn, models(), policy_version=version, decided_at=at, run_id="test"
    ).counts


def rows(there: Landed, query: str) -> list[dict[str, Any]]:
    with there.conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query).fetchall()


def offers(there: Landed) -> dict[str, dict[str, Any]]:
    """Return order id → its latest offer, items as SKU → quantity."""
    latest = rows(there, "select distinct on (order_id) * from ledger.offers order by order_id, version desc")
    return {
        row["order_id"]: {
            **row,
            "items": {item["sku"]: Decimal(item["quantity"]) for item in row["items"]},
        }
        for row in latest
    }


def three_shirts(number: int = 1, **more: Any) -> dict[str, Any]:
    sale = Sale(
        id=str(number), identifier=f"ORD-{number}", rows=(Row("SHIRT", Decimal(3), Decimal("10.00")),), **more
    )
    return dated(order_document(sale))
