"""Which release the live OroCommerce behaves as: nothing in its API names it, so it is told by what came with each."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from rebound_oro_pipeline.clients.errors import ApiError, Forbidden, NotAllowed, NotFound, Refused
from rebound_oro_pipeline.clients.jsonapi import Filters
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.services.doctor import Finding, failure_of

Release = Literal["5.1", "6.0", "6.1", "7.0"]
"""What the API behaves as."""

# Of what is asked for; `externalId` came with patches of 6.1 and 7.0, so that its filter tells.
_SINCE_6_0: Final[Mapping[str, Sequence[str]]] = {
    "orders": ("subtotalWithDiscounts", "discount", "shippingDiscount", "internalStatus"),
    "orderlineitems": (
        "rowTotalDiscountAmount",
        "rowTotalAfterDiscountIncludingTax",
        "rowTotalAfterDiscountExcludingTax",
    ),
}
_SINCE_6_1: Final[Mapping[str, Sequence[str]]] = {"orders": ("shippingStatus",)}


def ask(
    oro: OroClient, resource: str, filters: Filters, *, page_size: int | None = 1
) -> list[dict[str, Any]]:
    """Return the rows of a list that a filter keeps short."""
    documents = oro.pages(resource, filters=filters, page_size=page_size)
    return [row for document in documents for row in document["data"]]


def release_of(oro: OroClient) -> Release | Finding:
    """Return the release, or what kept it from being told."""
    try:
        if _exists(oro, "ordersubtotals", {"order": "0"}):
            return "7.0" if _takes_pages(oro) else "6.1"
        return "6.0" if _exists(oro, "orderinternalstatuses", {}) else "5.1"
    except ApiError as error:
        return failure_of("release", error)


def release_finding(release: Release) -> Finding:
    """Return what a release means for the policy."""
    match release:
        case "5.1":
            remedy = (
                "Set gate.when_status_missing and tax.without_rows of the policy: 5.1 shows no order status."
            )
            return Finding("release", "warning", "behaves as 5.1", remedy)
        case "6.0":
            return Finding("release", "ok", "behaves as 6.0 (no shipping status, no subtotals, no dry run)")
        case _:
            return Finding("release", "ok", f"behaves as {release}")


def later_fields(oro: OroClient, release: Release) -> set[tuple[str, str]]:
    """Return (type, field) of what is asked of orders and came later than this release: it hides none of them.

    Raises the errors of the client.
    """
    later = [_SINCE_6_0] if release == "5.1" else []
    later += [_SINCE_6_1] if release in ("5.1", "6.0") else []
    found = {(kind, name) for fields in later for kind, names in fields.items() for name in names}
    if not takes_filter(oro, "orders", {"externalId": ["rebound-oro-doctor-1"]}):
        found.add(("orders", "externalId"))
    return found


def takes_filter(oro: OroClient, resource: str, filters: Filters) -> bool:
    """Whether a resource can be asked for by a filter; also where it may not be asked at all.

    Raises the errors of the client.
    """
    try:
        ask(oro, resource, filters, page_size=2)
    except (Forbidden, NotFound, NotAllowed):
        return True  # told elsewhere
    except Refused as error:
        if not error.does_not_know():
            raise
        return False
    return True


def _exists(oro: OroClient, resource: str, filters: Filters) -> bool:
    try:
        ask(oro, resource, filters, page_size=None)
    except NotFound:
        return False
    return True


def _takes_pages(oro: OroClient) -> bool:
    """Whether lists of statuses take `page[size]`, as in every release but 6.1."""
    try:
        next(oro.pages("orderinternalstatuses", sort=(), page_size=100), None)
    except Refused:
        return False
    return True
