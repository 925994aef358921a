"""Return and tracking documents as the legacy API shows them at a moment: every value a text or null."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rebound_oro_pipeline.sandbox.rebound.records import ItemRecord, ParcelRecord, ReturnRecord, Step

JsonObject = dict[str, Any]
_LABEL_BYTES = 1200


def template(record: ReturnRecord) -> JsonObject:
    """Return a return as plain JSON, with its steps, as the store keeps it."""
    return {
        "id": record.return_id,
        "fields": dict(record.fields),
        "statuses": _steps(record.statuses),
        "items": [_item_template(item) for item in record.items],
        "parcels": [_parcel_template(parcel) for parcel in record.parcels],
    }


def return_document(kept: Mapping[str, Any], now: datetime) -> JsonObject:
    """Return the document of a stored return as it is now."""
    status, since = _latest(kept["statuses"], now)
    fields = kept["fields"]
    items = [
        {
            **item["fields"],
            "quantity_received": _latest(item["received"], now)[0],
            "final_disposition": _latest(item["disposition"], now)[0],
            "verification_entity": fields.get("verification_entity"),
        }
        for item in kept["items"]
    ]
    return {
        "id": kept["id"],
        **fields,
        "current_tracking_status": status,
        "tracking_last_update": since and show_time(datetime.fromisoformat(since)),
        "item": items,
        "label": _label(str(kept["id"])),
    }


def tracking_document(kept: Mapping[str, Any], code: str, now: datetime) -> JsonObject:
    """Return the tracking of one parcel of a stored return as it is now; KeyError where it has no such parcel."""
    for parcel in kept["parcels"]:
        if parcel["tracking_code"] == code:
            return _tracking(kept["fields"], parcel, now)
    raise KeyError(code)


def show_time(moment: datetime) -> str:
    """Return a time as ReBound prints it: UTC, whole seconds, no zone."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _tracking(fields: Mapping[str, Any], parcel: Mapping[str, Any], now: datetime) -> JsonObject:
    return {
        "tracking_code": parcel["tracking_code"],
        "pallet_number": None,
        "source_country": fields.get("country"),
        "carrier_name": parcel["carrier"],
        "service_id": "1",
        "external_id": fields.get("external_id"),
        "order_reference": fields.get("order_reference"),
        "track": [
            {
                "dt": show_time(datetime.fromisoformat(event["at"])),
                "status": event["status"],
                "location": {"country": event["country"], "state": None, "city": event["city"]},
            }
            for event in parcel["track"]
            if datetime.fromisoformat(event["at"]) <= now
        ],
    }


def _steps(steps: Sequence[Step]) -> list[list[str | None]]:
    return [[step.at.isoformat(), step.value] for step in steps]


def _item_template(item: ItemRecord) -> JsonObject:
    return {
        "fields": dict(item.fields),
        "received": _steps(item.received),
        "disposition": _steps(item.disposition),
    }


def _parcel_template(parcel: ParcelRecord) -> JsonObject:
    return {
        "tracking_code": parcel.tracking_code,
        "carrier": parcel.carrier,
        "track": [
            {"at": event.at.isoformat(), "status": event.status, "country": event.country, "city": event.city}
            for event in parcel.track
        ],
    }


def _latest(steps: Sequence[Sequence[str | None]], now: datetime) -> tuple[str | None, str | None]:
    """Return the value that holds now and since when, or nothing before the first step."""
    value, since = None, None
    for at, step in steps:
        if at is not None and datetime.fromisoformat(at) <= now:
            value, since = step, at
    return value, since


def _label(return_id: str) -> str:
    """Return a shipping label: a blob of base64, the largest part of a document and of no use to us."""
    block = hashlib.sha256(return_id.encode()).digest()
    blob = b"%PDF-1.4\n" + block * (_LABEL_BYTES // len(block))
    return base64.b64encode(blob).decode()
