"""Orders and what hangs on them."""

from __future__ import annotations

from collections.abc import Mapping

from rebound_oro_pipeline.sandbox.oro.profiles import Profile
from rebound_oro_pipeline.sandbox.oro.schema import Attribute, Kind, Relation, Resource
from rebound_oro_pipeline.sandbox.oro.vocabulary import (
    EMPTY,
    INTEGER,
    MONEY,
    NO,
    NUMBER,
    ORGANIZATION,
    OWNER,
    READ,
    TEXT,
    TIME,
    WRITE,
    YES,
    to_many,
    when,
)

_REFERENCE = Attribute(filterable=True, many_values=True, fold=True, writable=True, max_length=255)


def orders(profile: Profile) -> Resource:
    """Describe `orders`; statuses and computed figures are read-only."""
    attributes = {
        "identifier": _REFERENCE,
        **when({"uuid": TEXT}, shown=profile.order_uuid),
        "poNumber": _REFERENCE,
        "customerNotes": Attribute(writable=True),
        "shipUntil": Attribute(kind=Kind.DATE, writable=True),
        "currency": Attribute(writable=True, max_length=3),
        **when(
            {"subtotalWithDiscountsValue": MONEY, "subtotalWithDiscounts": MONEY}, shown=profile.row_totals
        ),
        "subtotalValue": MONEY,
        "totalValue": MONEY,
        "shippingMethod": Attribute(writable=True),
        "shippingMethodType": Attribute(writable=True),
        "estimatedShippingCostAmount": Attribute(kind=Kind.MONEY, writable=True),
        "overriddenShippingCostAmount": Attribute(kind=Kind.MONEY, writable=True),
        "sourceEntityIdentifier": TEXT,
        "totalDiscountsAmount": MONEY,
        "external": Attribute(kind=Kind.BOOLEAN, default=False, filterable=profile.updated_at_filter),
        "createdAt": Attribute(kind=Kind.DATETIME, filterable=True, writable=True),
        "updatedAt": Attribute(kind=Kind.DATETIME, filterable=profile.updated_at_filter),
        **when(
            {"externalId": Attribute(filterable=True, many_values=True, writable=True)},
            shown=profile.external_id,
        ),
        "disablePromotions": NO,
        **when(
            {
                "discount": Attribute(kind=Kind.NUMBER, default=0),
                "shippingDiscount": Attribute(kind=Kind.NUMBER, default=0),
            },
            shown=profile.row_totals,
        ),
    }
    relations = {
        "createdBy": Relation(target="users"),
        "billingAddress": Relation(target="orderaddresses", writable=True),
        "shippingAddress": Relation(target="orderaddresses", writable=True),
        "lineItems": to_many("orderlineitems", writable=True, inverse="orders", owned=True),
        "discounts": to_many("orderdiscounts", writable=True, inverse="order", owned=True),
        "shippingTrackings": to_many("ordershippingtrackings", writable=True, inverse="orders"),
        "parent": Relation(target="orders"),
        "subOrders": to_many("orders"),
        "owner": OWNER,
        "organization": ORGANIZATION,
        "customerUser": Relation(target="customerusers", filterable=True, writable=True),
        "customer": Relation(target="customers", filterable=True, writable=True),
        "paymentTerm": Relation(target="paymentterms", writable=True),
        "source": Relation(target="users"),
        **when(
            {"internalStatus": Relation(target="orderinternalstatuses")},
            shown=bool(profile.internal_statuses),
        ),
        **when(
            {"orderSubtotals": Relation(target="ordersubtotals", many=True, default=(), linked=False)},
            shown=profile.subtotals,
        ),
        "attachments": to_many("attachments"),
        "documents": to_many("files"),
        "activityNotes": to_many("notes"),
        "activityEmails": to_many("emails"),
        **when({"status": Relation(target="orderstatuses")}, shown=bool(profile.internal_statuses)),
        **when(
            {"shippingStatus": Relation(target="ordershippingstatuses", writable=True)},
            shown=profile.shipping_status,
        ),
    }
    return Resource(
        type="orders",
        attributes=attributes,
        relations=relations,
        actions=WRITE | {"update_list"},
        permission="orders",
        upsert=("identifier",),
        dry_run=profile.dry_run,
    )


def _to_orders(profile: Profile, *, writable: bool, inverse: str) -> Mapping[str, Relation]:
    if profile.many_orders:
        return {
            "orders": Relation(
                target="orders", many=True, default=(), filterable=True, writable=writable, inverse=inverse
            )
        }
    return {
        "order": Relation(
            target="orders", source="orders", filterable=True, writable=writable, inverse=inverse
        )
    }


def lines(profile: Profile) -> Resource:
    """Describe `orderlineitems`."""
    row_totals = (
        "rowTotalDiscountAmount",
        "rowTotalAfterDiscountIncludingTax",
        "rowTotalAfterDiscountExcludingTax",
        "rowTotalAfterDiscount",
    )
    return Resource(
        type="orderlineitems",
        attributes={
            "productSku": Attribute(writable=True),
            "productName": Attribute(writable=True),
            "productVariantFields": EMPTY,
            "freeFormProduct": Attribute(writable=True),
            "quantity": Attribute(kind=Kind.NUMBER, writable=True),
            "productUnitCode": TEXT,
            "value": Attribute(kind=Kind.MONEY, writable=True),
            "currency": Attribute(writable=True),
            "priceType": Attribute(kind=Kind.INTEGER, default=10, writable=True),
            "shipBy": Attribute(kind=Kind.DATE, writable=True),
            "fromExternalSource": NO,
            "comment": Attribute(writable=True),
            "shippingMethod": TEXT,
            "shippingMethodType": TEXT,
            "shippingEstimateAmount": MONEY,
            "checksum": Attribute(default=""),
            "createdAt": TIME,
            "updatedAt": TIME,
            **when({"draftDelete": NO}, shown=profile.many_orders),
            **when(
                dict.fromkeys(row_totals, Attribute(kind=Kind.MONEY, default="0.0000")),
                shown=profile.row_totals,
            ),
        },
        relations={
            **_to_orders(profile, writable=False, inverse="lineItems"),
            "product": Relation(target="products", filterable=True, writable=True),
            "parentProduct": Relation(target="products"),
            "productUnit": Relation(target="productunits", writable=True),
            "kitItemLineItems": to_many(
                "orderproductkititemlineitems", writable=True, inverse="lineItem", owned=True
            ),
            **when({"freeFormTaxCode": Relation(target="producttaxcodes")}, shown=profile.many_orders),
        },
        actions=READ | {"update"},
    )


def order_parts(profile: Profile) -> list[Resource]:
    """Describe kit components, discounts, trackings, addresses and subtotals."""
    kit_lines = Resource(
        type="orderproductkititemlineitems",
        attributes={
            "kitItemId": INTEGER,
            "kitItemLabel": Attribute(writable=True),
            "optional": NO,
            "minimumQuantity": NUMBER,
            "maximumQuantity": NUMBER,
            "productId": INTEGER,
            "productSku": Attribute(writable=True),
            "productName": Attribute(writable=True),
            "quantity": Attribute(kind=Kind.NUMBER, writable=True),
            "productUnitCode": TEXT,
            "productUnitPrecision": Attribute(kind=Kind.INTEGER, default=0),
            "sortOrder": Attribute(kind=Kind.INTEGER, default=0, writable=True),
            "value": Attribute(kind=Kind.MONEY, writable=True),
            "currency": Attribute(writable=True),
        },
        relations={
            "lineItem": Relation(target="orderlineitems", filterable=True, inverse="kitItemLineItems"),
            "kitItem": Relation(target="productkititems", writable=True),
            "product": Relation(target="products", writable=True),
            "productUnit": Relation(target="productunits", writable=True),
        },
    )
    discounts = Resource(
        type="orderdiscounts",
        attributes={
            "description": Attribute(writable=True),
            "percent": Attribute(kind=Kind.NUMBER, writable=True),
            "amount": Attribute(kind=Kind.MONEY, writable=True),
            "orderDiscountType": Attribute(writable=True),
        },
        relations={"order": Relation(target="orders", filterable=True, inverse="discounts")},
    )
    trackings = Resource(
        type="ordershippingtrackings",
        attributes={"method": Attribute(writable=True), "number": Attribute(writable=True)},
        relations=_to_orders(profile, writable=True, inverse="shippingTrackings"),
        actions=WRITE,
    )
    written = ("label", "phone", "street", "street2", "city", "postalCode", "organization", "customRegion")
    names = ("namePrefix", "firstName", "middleName", "lastName", "nameSuffix")
    addresses = Resource(
        type="orderaddresses",
        attributes={
            "fromExternalSource": NO,
            **dict.fromkeys((*written, *names), Attribute(writable=True)),
            "createdAt": Attribute(kind=Kind.DATETIME),
            "updatedAt": Attribute(kind=Kind.DATETIME),
            "validatedAt": Attribute(kind=Kind.DATETIME),
        },
        relations={
            "country": Relation(target="countries", writable=True),
            "region": Relation(target="regions", writable=True),
            "customerAddress": Relation(target="customeraddresses"),
            "customerUserAddress": Relation(target="customeruseraddresses"),
        },
    )
    return [kit_lines, discounts, trackings, addresses, *([_subtotals(profile)] if profile.subtotals else [])]


def _subtotals(profile: Profile) -> Resource:
    return Resource(
        type="ordersubtotals",
        attributes={
            "orderSubtotalType": TEXT,
            "label": TEXT,
            "amount": MONEY,
            "signedAmount": MONEY,
            "currency": TEXT,
            "visible": YES,
            "data": EMPTY,
        },
        relations={
            "order": Relation(target="orders", linked=False),
            "priceList": Relation(target="pricelists", linked=False),
        },
        actions=frozenset({"get_list"}),
        paging=profile.enum_paging,
    )
