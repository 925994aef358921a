"""What differs between the releases of OroCommerce that can be imitated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """One release as its API behaves; 6.0 and 6.1 were recorded, 5.1 and 7.0 read in their sources."""

    name: str
    internal_statuses: tuple[str, ...]
    """Ids of `orderinternalstatuses`; none: the release shows no status of an order at all."""
    shipping_status: bool
    many_orders: bool
    """Lines and trackings point to `orders` (to-many) and not to `order` (to-one)."""
    subtotals: bool
    row_totals: bool
    """Lines carry `rowTotal…` attributes, orders `discount` and `shippingDiscount`."""
    external_id: bool
    order_uuid: bool
    updated_at_filter: bool
    enum_paging: bool
    """Lists of statuses and subtotals take `page[…]`."""
    locks_closed: bool
    """Closed orders cannot be edited through the API."""
    sync_batch: bool
    """The header `X-Mode: sync` is understood; before 6.0.4 it is ignored."""
    dry_run: bool
    """`meta.validate` is understood; before 6.1 it is ignored, which means that the record is written."""
    webhooks: bool
    """The shop announces changed orders (6.1.10 and later)."""


_OLD_STATUSES = ("archived", "cancelled", "closed", "open", "shipped")
_STATUSES = ("cancelled", "closed", "open", "pending", "processing")

PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            name="5.1",
            internal_statuses=(),
            shipping_status=False,
            many_orders=False,
            subtotals=False,
            row_totals=False,
            external_id=False,
            order_uuid=False,
            updated_at_filter=False,
            enum_paging=True,
            locks_closed=False,
            sync_batch=False,
            dry_run=False,
            webhooks=False,
        ),
        Profile(
            name="6.0",
            internal_statuses=_OLD_STATUSES,
            shipping_status=False,
            many_orders=False,
            subtotals=False,
            row_totals=True,
            external_id=False,
            order_uuid=True,
            updated_at_filter=True,
            enum_paging=True,
            locks_closed=False,
            sync_batch=True,
            dry_run=False,
            webhooks=False,
        ),
        Profile(
            name="6.1",
            internal_statuses=_STATUSES,
            shipping_status=True,
            many_orders=True,
            subtotals=True,
            row_totals=True,
            external_id=True,
            order_uuid=False,
            updated_at_filter=True,
            enum_paging=False,
            locks_closed=True,
            sync_batch=True,
            dry_run=True,
            webhooks=True,
        ),
        Profile(
            name="7.0",
            internal_statuses=_STATUSES,
            shipping_status=True,
            many_orders=True,
            subtotals=True,
            row_totals=True,
            external_id=True,
            order_uuid=False,
            updated_at_filter=True,
            enum_paging=True,
            locks_closed=True,
            sync_batch=True,
            dry_run=True,
            webhooks=True,
        ),
    )
}
