"""What OroCommerce leaves out of its answers in silence, told by the newest records as they are shown."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from rebound_oro_pipeline.clients.errors import Forbidden, NotFound
from rebound_oro_pipeline.clients.jsonapi import Document, Selection
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.credit_note_names import CreditNoteNames
from rebound_oro_pipeline.contracts.jsonapi_resources import absent_fields, attributes, has_relation
from rebound_oro_pipeline.services.doctor import Finding
from rebound_oro_pipeline.services.doctor_oro_release import Release, later_fields
from rebound_oro_pipeline.services.land_oro_inventory_levels import SNAPSHOT
from rebound_oro_pipeline.services.land_oro_orders import order_selection
from rebound_oro_pipeline.services.land_oro_products import PRODUCTS
from rebound_oro_pipeline.services.oro_documents import VIEW_FIELDS, needed_fields, note_selection
from rebound_oro_pipeline.services.oro_levels import LEVELS, TO_WRITE

_SAMPLE: Final = 10
_REMEDY: Final = f"{VIEW_FIELDS[0].upper()}{VIEW_FIELDS[1:]}, and exclude none of them in its api.yml."


def examine_orders(oro: OroClient, release: Release) -> Iterator[Finding]:
    """Look at the newest orders for customers and products that a missing permission hides behind a relation."""
    subject = "orders as shown"
    document = _newest(oro, "orders", Selection(include=["lineItems"]))
    if document is None:
        remedy = "Check organization and access level of the API's user, unless the shop is new."
        yield Finding(subject, "warning", "no order is visible", remedy)
        return
    orders = document["data"]
    lines = [row for row in document.get("included", []) if row["type"] == "orderlineitems"]
    products = [row for row in lines if not attributes(row).get("freeFormProduct")]
    relations = (("customer", orders), ("product", products))
    hidden = [name for name, rows in relations if rows and all(_leads_nowhere(row, name) for row in rows)]
    for name in hidden:
        remedy = f"Give the role of the API's user the permission View on {name}s, at the level of the organization."
        yield Finding(subject, "failure", f"the {name} of every order looked at is hidden", remedy)
    if (
        release == "5.1"
        and lines
        and not any("rowTotalAfterDiscountIncludingTax" in attributes(row) for row in lines)
    ):
        remedy = "Update OroCommerce, or decide on tax.without_rows in the policy."
        yield Finding(subject, "warning", "order lines carry no row totals, so tax is not told", remedy)
    elif not hidden:
        yield Finding(subject, "ok", f"{len(orders)} orders looked at; no customer or product is hidden")


def examine_fields(
    oro: OroClient,
    names: CreditNoteNames,
    release: Release,
    references: Sequence[str],
    *,
    with_subtotals: bool = False,
) -> Iterator[Finding]:
    """Look at the newest records, asked for as a run asks for them, for fields that are left out of the answer.

    An empty field is shown as null, so one that is absent is hidden, or its release does not have it. A warning is
    what a run can do without: one of several `references`, and amounts of notes, which are then not compared.
    """
    later = later_fields(oro, release)
    has_subtotals = with_subtotals and release in ("6.1", "7.0")
    needed_of_notes = needed_fields(names)
    spared = {("orders", name) for name in references if name != "identifier" and len(references) > 1}
    notes = note_selection(names)
    spared |= {
        (kind, name)
        for kind, fields in notes.fields.items()
        for name in fields
        if name not in needed_of_notes[kind]
    }
    for resource, selection in (
        ("orders", order_selection(with_subtotals=has_subtotals)),
        ("products", PRODUCTS),
        (LEVELS, SNAPSHOT | TO_WRITE),
        (names.note_type, notes),
    ):
        try:
            document = _newest(oro, resource, selection)
        except (Forbidden, NotFound):
            continue  # told by type
        yield from _shown_fields(resource, selection, document, later=later, spared=spared)


def _shown_fields(
    resource: str,
    selection: Selection,
    document: Document | None,
    *,
    later: Collection[tuple[str, str]],
    spared: Collection[tuple[str, str]],
) -> Iterator[Finding]:
    subject = f"fields of {resource}"
    if document is None:
        yield Finding(subject, "ok", f"cannot be told: no {resource} to look at yet")
        return
    rows = [*document["data"], *document.get("included", [])]
    hidden = {
        (kind, name)
        for row in rows
        if (kind := row["type"]) in selection.fields
        for name in absent_fields(row, selection.fields[kind])
        if (kind, name) not in later
    }
    needed, wished = _words(hidden.difference(spared)), _words(hidden.intersection(spared))
    if needed:
        yield Finding(subject, "failure", f"left out of answers: {needed}", _REMEDY)
    if wished:
        yield Finding(subject, "warning", f"left out of answers, and done without: {wished}", _REMEDY)
    if not hidden:
        unseen = sorted(selection.fields.keys() - {row["type"] for row in rows})
        cannot_be_told = f"; cannot be told of {', '.join(unseen)}: none to look at" if unseen else ""
        yield Finding(subject, "ok", f"every field that is asked for is shown{cannot_be_told}")


def _words(fields: Collection[tuple[str, str]]) -> str:
    kinds = sorted({kind for kind, _ in fields})
    return "; ".join(
        f"{', '.join(sorted(name for owner, name in fields if owner == kind))} of {kind}" for kind in kinds
    )


def _newest(oro: OroClient, resource: str, selection: Selection) -> Document | None:
    """Return the newest records of a resource; None where none is visible."""
    return next(oro.pages(resource, selection=selection, sort=["-id"], page_size=_SAMPLE), None)


def _leads_nowhere(row: dict[str, Any], relation: str) -> bool:
    return has_relation(row, relation) and row["relationships"][relation].get("data") is None
