"""What is special about writing orders: closed ones are locked, new ones filled in, all of them priced."""

from __future__ import annotations

from collections.abc import Sequence

from rebound_oro_pipeline.sandbox.oro.errors import Fault, Faults, Refused
from rebound_oro_pipeline.sandbox.oro.order_defaults import fill_in
from rebound_oro_pipeline.sandbox.oro.order_prices import price
from rebound_oro_pipeline.sandbox.oro.profiles import Profile
from rebound_oro_pipeline.sandbox.oro.records import ShopTerms
from rebound_oro_pipeline.sandbox.oro.session import Draft, Session

_BLANK = "This value should not be blank."


def refuse_closed(session: Session, draft: Draft, profile: Profile, *, owner: bool) -> None:
    """Refuse to edit a closed order or a line of one; `owner`: asked for through a relationship."""
    if not profile.locks_closed or not any(
        order.record.relations.get("internalStatus") == "closed" for order in _orders_of(session, draft)
    ):
        return
    entity = "parent entity" if owner else "entity"
    detail = f'No access by "EDIT" permission to the {entity}.'
    raise Refused(Fault(403, "access denied exception", detail))


def check(session: Session, primary: Draft, pointer: str, faults: Faults) -> None:
    """Add the faults that Oro's validation finds in an order."""
    if primary.record.type != "orders":
        return
    attributes, relations = primary.record.attributes, primary.record.relations
    taken = session.transaction.find("orders", "identifier", attributes.get("identifier"))
    if taken is not None and taken.id != primary.record.id:
        detail = "This value is already used."
        faults.add("unique entity constraint", detail, f"{pointer}/attributes/identifier")
    if not attributes.get("currency"):
        faults.add("not blank constraint", _BLANK, f"{pointer}/attributes/currency")
    if not relations.get("lineItems"):
        detail = "Please add at least one Line Item"
        faults.add("count constraint", detail, f"{pointer}/relationships/lineItems/data")
    if not relations.get("customer"):
        faults.add("not blank constraint", _BLANK, f"{pointer}/relationships/customer/data")


def complete(session: Session, touched: Sequence[Draft], terms: ShopTerms) -> None:
    """Do what Oro does once the forms are read: fill new records in, add up the orders that are touched."""
    for draft in touched:
        if draft.new:
            fill_in(session, draft)
    seen: set[int] = set()
    for draft in touched:
        for order in _orders_of(session, draft):
            if order is not draft and draft.own_change():
                order.touched = True
            if order.record.id not in seen:
                seen.add(order.record.id)
                price(session, order, terms)


def _orders_of(session: Session, draft: Draft) -> Sequence[Draft]:
    if draft.record.type == "orders":
        return [draft]
    if draft.record.type == "orderlineitems":
        return session.loaded("orders", draft.record.relations.get("orders") or [])
    return []
