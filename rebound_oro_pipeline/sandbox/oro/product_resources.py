"""Products, their units, parts and stock levels, and customers."""

from __future__ import annotations

from collections.abc import Mapping

from rebound_oro_pipeline.sandbox.oro.profiles import Profile
from rebound_oro_pipeline.sandbox.oro.schema import Attribute, Kind, Relation, Resource
from rebound_oro_pipeline.sandbox.oro.vocabulary import (
    EMPTY,
    INTEGER,
    NO,
    NUMBER,
    ORGANIZATION,
    READ,
    TEXT,
    TIME,
    YES,
    to_many,
)


def products() -> list[Resource]:
    """Describe `products`, their units, kit items and tax codes."""
    fallbacks = (
        "pageTemplate",
        "manageInventory",
        "highlightLowInventory",
        "inventoryThreshold",
        "lowInventoryThreshold",
        "minimumQuantityToOrder",
        "maximumQuantityToOrder",
        "decrementQuantity",
        "backOrder",
        "isUpcoming",
    )
    lists = {
        "names": "productnames",
        "descriptions": "productdescriptions",
        "variantLinks": "productvariantlinks",
        "shortDescriptions": "productshortdescriptions",
        "images": "productimages",
        "slugPrototypes": "localizedfallbackvalues",
        "metaTitles": "localizedfallbackvalues",
        "metaDescriptions": "localizedfallbackvalues",
        "metaKeywords": "localizedfallbackvalues",
        "productShippingOptions": "productshippingoptions",
        "attachments": "attachments",
        "activityNotes": "notes",
    }
    products = Resource(
        type="products",
        attributes={
            "sku": Attribute(filterable=True, many_values=True),
            "status": Attribute(default="enabled", writable=True),
            "variantFields": EMPTY,
            "createdAt": TIME,
            "updatedAt": TIME,
            "productType": Attribute(default="simple"),
            "featured": NO,
            "newArrival": NO,
            "kitShippingCalculationMethod": TEXT,
            "category_sort_order": INTEGER,
            "availability_date": TEXT,
        },
        relations={
            "owner": Relation(target="businessunits", default="1"),
            "organization": ORGANIZATION,
            "unitPrecisions": to_many("productunitprecisions", inverse="product"),
            "primaryUnitPrecision": Relation(target="productunitprecisions"),
            **{name: Relation(target=target, many=True, default=()) for name, target in lists.items()},
            "defaultVariant": Relation(target="products"),
            "attributeFamily": Relation(target="attributefamilies", default="1"),
            "brand": Relation(target="brands"),
            "kitItems": to_many("productkititems", inverse="productKit"),
            "category": Relation(target="categories"),
            "taxCode": Relation(target="producttaxcodes"),
            **dict.fromkeys(fallbacks, Relation(target="entityfieldfallbackvalues")),
            "inventory_status": Relation(target="prodinventorystatuses", default="in_stock", writable=True),
        },
        actions=READ | {"update", "update_list"},
        permission="products",
    )
    precisions = Resource(
        type="productunitprecisions",
        attributes={
            "precision": Attribute(kind=Kind.INTEGER, default=0),
            "conversionRate": Attribute(kind=Kind.NUMBER, default=1),
            "sell": YES,
        },
        relations={
            "product": Relation(target="products", filterable=True, inverse="unitPrecisions"),
            "unit": Relation(target="productunits", filterable=True),
        },
    )
    kit_items = Resource(
        type="productkititems",
        attributes={
            "optional": NO,
            "sortOrder": Attribute(kind=Kind.INTEGER, default=0),
            "minimumQuantity": NUMBER,
            "maximumQuantity": NUMBER,
        },
        relations={
            "labels": to_many("productkititemlabels"),
            "productKit": Relation(target="products", filterable=True, inverse="kitItems"),
            "kitItemProducts": to_many("productkititemproducts", inverse="kitItem"),
            "productUnit": Relation(target="productunits"),
        },
    )
    fillers = Resource(
        type="productkititemproducts",
        attributes={"sortOrder": Attribute(kind=Kind.INTEGER, default=0)},
        relations={
            "kitItem": Relation(target="productkititems", filterable=True, inverse="kitItemProducts"),
            "product": Relation(target="products", filterable=True),
        },
    )
    tax_codes = Resource(
        type="producttaxcodes",
        attributes={
            "code": Attribute(filterable=True),
            "description": Attribute(default=""),
            "createdAt": TIME,
            "updatedAt": TIME,
        },
        relations={"organization": ORGANIZATION},
    )
    return [products, precisions, kit_items, fillers, tax_codes]


def _external_id(profile: Profile) -> Mapping[str, Attribute]:
    if not profile.external_id:
        return {}
    return {"externalId": Attribute(filterable=True, many_values=True, writable=True, max_length=36)}


def levels(profile: Profile) -> Resource:
    """Describe `inventorylevels`: one per product and unit, neither created nor deleted."""
    return Resource(
        type="inventorylevels",
        attributes={
            "quantity": Attribute(kind=Kind.QUANTITY, writable=True, not_null=True),
            **_external_id(profile),
        },
        relations={
            "product": Relation(target="products", filterable=True),
            "productUnitPrecision": Relation(target="productunitprecisions", filterable=True),
            "organization": ORGANIZATION,
        },
        actions=READ | {"update", "update_list"},
        permission="inventorylevels",
    )


def customers(profile: Profile) -> Resource:
    """Describe `customers`."""
    return Resource(
        type="customers",
        attributes={
            "name": Attribute(filterable=True),
            "createdAt": TIME,
            "updatedAt": TIME,
            **_external_id(profile),
        },
        relations={
            "parent": Relation(target="customers", filterable=True),
            "group": Relation(target="customergroups", filterable=True),
            "organization": ORGANIZATION,
        },
        permission="customers",
    )
