"""What the live OroCommerce is and allows, asked of its API without writing anything that stays.

Reading is asked with filters that find nothing. Whether writing would be allowed is asked with writes that cannot
succeed: a level and an order that do not exist, an attribute that no entity has. The probe of the queue leaves a
batch that changes nothing where no message consumer runs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Literal

from rebound_oro_pipeline.clients.errors import ApiError, Forbidden, NotAllowed, NotFound, Refused
from rebound_oro_pipeline.clients.jsonapi import Filters
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.credit_note_names import CreditNoteNames
from rebound_oro_pipeline.services.doctor import Finding, failure_of
from rebound_oro_pipeline.services.doctor_oro_writes import examine_batches, examine_levels, examine_notes

Release = Literal["5.1", "6.0", "6.1", "7.0"]
"""What the API behaves as: nothing in it names the release, so it is told by what came with each."""

_NOWHERE: Final[Filters] = {"id": "0"}
_FAR_FUTURE: Final = ("2199-01-01T00:00:00Z", "2199-01-02T00:00:00Z")
_SAMPLE: Final = 10
_UNSUPPORTED: Final = "The filter is not supported."


def examine_oro(
    oro: OroClient, names: CreditNoteNames, references: Sequence[str], *, queue_patience: float = 10.0
) -> Iterator[Finding]:
    """Yield what was found, one question after the other; it ends early where nobody answers.

    `references` are the order fields that the policy looks returns up by; `queue_patience` is how many seconds a
    batch may stay queued before no message consumer is thought to run.
    """
    try:
        _ask(oro, "orders", _NOWHERE)
    except (Forbidden, NotFound):
        pass  # told below, by type
    except ApiError as error:
        yield failure_of("OroCommerce", error)
        return
    yield Finding("OroCommerce", "ok", "reached, access token given and accepted")
    release = _release(oro)
    if isinstance(release, Finding):
        yield release
        return
    yield _release_finding(release)
    for resource in ("orders", "products", "customers", "inventorylevels", names.note_type, names.line_type):
        yield viewing(oro, resource)
    yield from _guarded("orders as shown", lambda: _orders_as_shown(oro))
    yield from _guarded("filters", lambda: _filters(oro, names, references))
    yield from _guarded("editing inventorylevels", lambda: [examine_levels(oro)])
    may_validate = release in ("6.1", "7.0")
    yield from _guarded(names.note_type, lambda: examine_notes(oro, names, may_validate=may_validate))
    yield from _guarded(
        "batches", lambda: [examine_batches(oro, sync=release != "5.1", patience=queue_patience)]
    )


def _guarded(subject: str, question: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Turn an error that a question did not expect into its finding."""
    try:
        yield from question()
    except ApiError as error:
        yield failure_of(subject, error)


def _ask(
    oro: OroClient, resource: str, filters: Filters, *, page_size: int | None = 1
) -> list[dict[str, Any]]:
    """Return the rows of a list that a filter keeps short."""
    documents = oro.pages(resource, filters=filters, page_size=page_size)
    return [row for document in documents for row in document["data"]]


def _release(oro: OroClient) -> Release | Finding:
    try:
        if _exists(oro, "ordersubtotals", {"order": "0"}):
            return "7.0" if _takes_pages(oro) else "6.1"
        return "6.0" if _exists(oro, "orderinternalstatuses", {}) else "5.1"
    except ApiError as error:
        return failure_of("release", error)


def _exists(oro: OroClient, resource: str, filters: Filters) -> bool:
    try:
        _ask(oro, resource, filters, page_size=None)
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


def _release_finding(release: Release) -> Finding:
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


def viewing(oro: OroClient, resource: str) -> Finding:
    """Ask whether the API's user may view a resource, which what is behind a relation or a filter does not tell."""
    try:
        _ask(oro, resource, _NOWHERE)
    except Forbidden as error:
        remedy = f"Give the role of the API's user the permission View on {resource}."
        return Finding(resource, "failure", f"exists, but may not be viewed: {error}", remedy)
    except NotFound as error:
        remedy = (
            "Install the credit-note bundle (deploy/orocommerce), or name the type in REBOUND_ORO_ORO_CREDIT_NOTE_…"
            if "note" in resource
            else "Check REBOUND_ORO_ORO_API_PREFIX, and that the resource is switched on in the API."
        )
        return Finding(resource, "failure", str(error), remedy)
    except ApiError as error:
        return failure_of(resource, error)
    return Finding(resource, "ok", "exists and may be viewed")


def _orders_as_shown(oro: OroClient) -> Iterator[Finding]:
    """Look at the newest orders for what a missing permission hides in silence."""
    subject = "orders as shown"
    document = next(oro.pages("orders", include=["lineItems"], sort=["-id"], page_size=_SAMPLE), None)
    if document is None:
        remedy = "Check organization and access level of the API's user, unless the shop is new."
        yield Finding(subject, "warning", "no order is visible", remedy)
        return
    orders = document["data"]
    lines = [row for row in document.get("included", []) if row["type"] == "orderlineitems"]
    products = [row for row in lines if not row["attributes"].get("freeFormProduct")]
    hidden = [
        name
        for name, rows, relation in (("customer", orders, "customer"), ("product", products, "product"))
        if rows and all(_leads_nowhere(row, relation) for row in rows)
    ]
    for name in hidden:
        remedy = f"Give the role of the API's user the permission View on {name}s, at the level of the organization."
        yield Finding(subject, "failure", f"the {name} of every order looked at is hidden", remedy)
    if lines and not any("rowTotalAfterDiscountIncludingTax" in row["attributes"] for row in lines):
        remedy = "Update OroCommerce, or decide on tax.without_rows in the policy."
        yield Finding(subject, "warning", "order lines carry no row totals, so tax is not told", remedy)
    elif not hidden:
        yield Finding(
            subject, "ok", f"{len(orders)} orders looked at, with customers, products and row totals"
        )


def _leads_nowhere(row: dict[str, Any], relation: str) -> bool:
    return (row.get("relationships", {}).get(relation) or {}).get("data") is None


def _filters(oro: OroClient, names: CreditNoteNames, references: Sequence[str]) -> Iterator[Finding]:
    two = ["rebound-oro-doctor-1", "rebound-oro-doctor-2"]
    ids = ["2147483646", "2147483647"]
    first, last = _FAR_FUTURE
    needed: list[tuple[str, str, Any]] = [
        ("orders", "identifier", two),
        ("products", "sku", two),
        ("inventorylevels", "product", ids),
        (names.note_type, names.number_field, two),
    ]
    wished: list[tuple[str, str, Any]] = [
        *(("orders", field, two) for field in references if field != "identifier"),
        ("orders", "updatedAt", {"gte": first, "lt": last}),
        (names.note_type, names.order_relation, ids),
    ]
    missing = False
    for level, remedy, filters in (
        ("failure", "Declare the filter (allow_array) in the api.yml of the entity.", needed),
        ("warning", "Orders are looked up without it; declare it in api.yml if you need it.", wished),
    ):
        for resource, name, value in filters:
            if _takes_filter(oro, resource, {name: value}):
                continue
            missing = True
            yield Finding(
                "filters", "failure" if level == "failure" else "warning", f"no {name} of {resource}", remedy
            )
    if not missing:
        yield Finding("filters", "ok", "lists of numbers, SKUs, ids and references, and a range of times")


def _takes_filter(oro: OroClient, resource: str, filters: Filters) -> bool:
    try:
        _ask(oro, resource, filters, page_size=2)
    except (Forbidden, NotFound, NotAllowed):
        return True  # told elsewhere
    except Refused as error:
        if not any(reason.detail == _UNSUPPORTED for reason in error.reasons):
            raise
        return False
    return True
