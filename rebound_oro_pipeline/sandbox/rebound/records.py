"""What a scenario gives ReBound: returns whose values change with time, as plain values.

A value that changes is a list of steps, each with the moment from which it holds; before the first step it is null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Step:
    """A value and the moment from which it holds."""

    at: datetime
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRecord:
    """One item of a return: fields as the API shows them, and what the hub finds out later."""

    fields: Mapping[str, object]
    received: Sequence[Step] = ()
    disposition: Sequence[Step] = ()


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """One event of a parcel."""

    at: datetime
    status: str
    country: str
    city: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelRecord:
    """A parcel of a return and where it was when."""

    tracking_code: str
    carrier: str
    track: Sequence[TrackRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnRecord:
    """One return; nothing of it is shown before it is registered."""

    return_id: str
    registered_at: datetime
    fields: Mapping[str, object]
    statuses: Sequence[Step]
    items: Sequence[ItemRecord]
    parcels: Sequence[ParcelRecord] = ()
    situation: str = field(default="ordinary")
    """What is special about it; never shown by the API."""
