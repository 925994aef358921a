"""A small shop in a prepared database, for the tests of what operators do."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg

from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.services.operate_again import Rules
from rebound_oro_pipeline.services.operate_deed import Deed
from rebound_oro_pipeline.services.operate_quarantine import QuarantineFilter, QuarantineRow, open_rows
from rebound_oro_pipeline.warehouse import reference
from rebound_oro_pipeline_tests.prepared import models
from rebound_oro_pipeline_tests.rules.price import Row, Sale, order_document
from rebound_oro_pipeline_tests.rules.sql_runner import ALWAYS, Landed, land

DEED = Deed("maria", "counted again")
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def order(number: int = 1, **more: Any) -> dict[str, Any]:
    """Return an order of three shirts at 10.00."""
    sale = Sale(
        id=str(number), identifier=f"ORD-{number}", rows=(Row("SHIRT", Decimal(3), Decimal("10.00")),), **more
    )
    return order_document(sale)


def a_return(
    return_id: str, *items: Mapping[str, Any], order_reference: str = "ORD-1", **more: Any
) -> dict[str, Any]:
    """Return a processed return; each item may say otherwise than one unwanted shirt that can be sold again."""
    return {
        "id": return_id,
        "order_reference": order_reference,
        "date_added": "2026-11-01T10:00:00Z",
        "current_tracking_status": "processed",
        "item": [
            {
                "sku_code": "SHIRT",
                "quantity": "1",
                "final_disposition": "restock",
                "reason": [{"reason": "unwanted"}],
                **item,
            }
            for item in items or [{}]
        ],
        **more,
    }


def open_shop(
    conn: psycopg.Connection[Any],
    orders: Sequence[Mapping[str, Any]],
    returns: Sequence[Mapping[str, Any]],
    policy: Policy | None = None,
) -> Landed:
    """Land documents in a prepared database, decide everything, and commit."""
    land(conn, orders, returns)
    there = Landed(conn, reference.save_policy(conn, (policy or Policy()).document()))
    there.decide()
    conn.commit()
    return there


def rules(there: Landed) -> Rules:
    """Decide as of now."""
    return Rules(models(), there.policy_version, NOW, "test")


def quarantined(conn: psycopg.Connection[Any], **wanted: Any) -> list[QuarantineRow]:
    """List open rows."""
    return open_rows(conn, QuarantineFilter(**wanted))


def places(conn: psycopg.Connection[Any], return_id: str) -> dict[tuple[str, str | None], Decimal]:
    """Return units by destination and reason."""
    rows = conn.execute(
        "select destination, reason, sum(quantity) from marts.return_line_destinations"
        " where return_id = %s group by destination, reason",
        (return_id,),
    )
    return {(destination, reason): quantity for destination, reason, quantity in rows}


__all__ = [
    "ALWAYS",
    "DEED",
    "NOW",
    "a_return",
    "land",
    "open_shop",
    "order",
    "places",
    "quarantined",
    "rules",
]
