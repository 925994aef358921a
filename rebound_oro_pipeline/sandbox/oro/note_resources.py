"""The credit-note entity: as recorded with the trial bundle, plus optional fields that a shop may add."""

from __future__ import annotations

from rebound_oro_pipeline.sandbox.oro.schema import Attribute, Kind, Relation, Resource
from rebound_oro_pipeline.sandbox.oro.vocabulary import ORGANIZATION, TIME, WRITE, to_many


def credit_notes() -> list[Resource]:
    """Describe `reboundcreditnotes` and `reboundcreditnotelines`."""
    amount = Attribute(kind=Kind.MONEY, writable=True, not_null=True)
    added = Attribute(kind=Kind.MONEY, writable=True, optional=True)
    notes = Resource(
        type="reboundcreditnotes",
        attributes={
            "creditNoteNumber": Attribute(
                filterable=True, many_values=True, writable=True, not_null=True, max_length=64
            ),
            "returnId": Attribute(filterable=True, many_values=True, writable=True, max_length=64),
            "currency": Attribute(writable=True, not_null=True, max_length=3),
            "netAmount": amount,
            "taxAmount": amount,
            "shippingAmount": amount,
            "totalAmount": amount,
            "discountAmount": added,
            "shippingTaxAmount": added,
            "feeAmount": added,
            "decidedAt": Attribute(kind=Kind.DATETIME, writable=True, optional=True),
            "createdAt": TIME,
            "updatedAt": TIME,
        },
        relations={
            "order": Relation(target="orders", filterable=True, writable=True),
            "organization": ORGANIZATION,
            "lines": to_many("reboundcreditnotelines", writable=True, inverse="creditNote", owned=True),
        },
        actions=WRITE | {"update_list"},
        permission="reboundcreditnotes",
        upsert=("creditNoteNumber",),
        dry_run=True,
    )
    lines = Resource(
        type="reboundcreditnotelines",
        attributes={
            "returnLineKey": Attribute(
                filterable=True, many_values=True, writable=True, not_null=True, max_length=128
            ),
            "sku": Attribute(filterable=True, many_values=True, writable=True, not_null=True, max_length=255),
            "quantity": Attribute(kind=Kind.NUMBER, writable=True, not_null=True),
            "reasonCode": Attribute(writable=True, max_length=64),
            "netAmount": amount,
            "taxAmount": amount,
            "totalAmount": amount,
            "unitCode": Attribute(writable=True, optional=True, max_length=64),
            "discountAmount": added,
        },
        relations={
            "creditNote": Relation(
                target="reboundcreditnotes", filterable=True, writable=True, inverse="lines"
            ),
            "orderLineItem": Relation(target="orderlineitems", filterable=True, writable=True),
            "orderLine": Relation(target="orderlineitems", filterable=True, writable=True, optional=True),
        },
        actions=WRITE,
        upsert=("returnLineKey",),
    )
    return [notes, lines]
