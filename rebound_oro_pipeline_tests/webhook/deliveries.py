"""Deliveries as senders make them, and the receiver with no network in between."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from rebound_oro_pipeline.webhook.app import create_app
from rebound_oro_pipeline.webhook.authentication import Hmac
from rebound_oro_pipeline.webhook.configuration import Configuration
from rebound_oro_pipeline.webhook.writer import InboxWriter

SECRET = "s3cret"
HEADER = "X-ReBound-Signature"
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
JSON = {"Content-Type": "application/json"}
EXCHANGES = Path(__file__).parents[1] / "recorded" / "exchanges"
BY_HMAC = Configuration({"rebound": Hmac(SECRET.encode(), HEADER), "oro": None})


def envelope(
    number: int = 1, *, event_id: str | None = None, occurred_at: str | None = None, **fields: Any
) -> dict[str, Any]:
    """Return an event about return R-{number}; further fields go into its document."""
    return {
        "event_id": event_id or f"event-{number}",
        "event_type": "return.processed",
        "occurred_at": occurred_at or "2026-11-23T14:59:00Z",
        "return": {
            "id": f"R-{number}",
            "order_reference": "SO-1",
            "date_added": "2026-11-20 10:00:00",
            "current_tracking_status": "processed",
            "item": [{"sku_code": "SKU-1", "quantity": "1", "final_disposition": "restock"}],
            **fields,
        },
    }


def body_of(content: Any) -> bytes:
    return json.dumps(content).encode()


def digest(body: bytes, secret: str = SECRET) -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).digest()


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """Return the headers of a delivery whose signature is hexadecimal."""
    return {**JSON, HEADER: digest(body, secret).hex()}


def signed_base64(body: bytes) -> str:
    return base64.b64encode(digest(body)).decode()


def recorded(name: str) -> tuple[dict[str, str], bytes]:
    """Return the headers and the raw body of a delivery that a real shop sent."""
    request = json.loads((EXCHANGES / f"{name}.json").read_text(encoding="utf-8"))["request"]
    return request["headers"], request["body_text"].encode()


@asynccontextmanager
async def receiver(
    url: str, configuration: Configuration = BY_HMAC, now: datetime = NOW, address: str = "192.0.2.1"
) -> AsyncIterator[httpx.AsyncClient]:
    """Run the application in this process; the client stands for one sender."""
    app = create_app(configuration, InboxWriter(url), lambda: now)
    transport = httpx.ASGITransport(app, client=(address, 1))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://receiver") as client,
    ):
        yield client


def stored(conn: Any) -> list[Mapping[str, Any]]:
    """Return the rows of the inbox by name of column."""
    cursor = conn.execute("select * from inbox.deliveries order by delivery_id")
    names = [column.name for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    conn.rollback()
    return rows
