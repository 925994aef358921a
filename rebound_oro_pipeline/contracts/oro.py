"""OroCommerce orders, products and stock levels, read from the JSON:API documents that Oro answers with."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel

from rebound_oro_pipeline.contracts.documents import DocumentError, canonical, digest, raw_text
from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.fields import faulty_fields
from rebound_oro_pipeline.contracts.jsonapi_resources import (
    Resource,
    ResourceError,
    Resources,
    attributes,
    has_relation,
    identity_of,
    related_id,
    related_identities,
    require_given,
)
from rebound_oro_pipeline.contracts.oro_models import (
    KitItem,
    LevelDocument,
    OrderDocument,
    OrderLine,
    ProductDocument,
    ProductUnit,
    Subtotal,
)
from rebound_oro_pipeline.contracts.values import MAX_KEY_BYTES, read_decimal

__all__ = [
    "KitItem",
    "LevelDocument",
    "OrderDocument",
    "OrderLine",
    "ProductDocument",
    "ProductUnit",
    "Subtotal",
    "read_levels",
    "read_orders",
    "read_products",
]

Model = TypeVar("Model", bound=BaseModel)
Document = TypeVar("Document", OrderDocument, ProductDocument, LevelDocument)


def read_orders(document: Mapping[str, Any]) -> Iterator[OrderDocument | Fault]:
    """Read each order of a document that includes lineItems, their kitItemLineItems and discounts.

    orderSubtotals are read where they are included.
    """
    return _read(document, "orders", _read_order)


def read_products(document: Mapping[str, Any]) -> Iterator[ProductDocument | Fault]:
    """Read each product of a document with included unitPrecisions."""
    return _read(document, "products", _read_product)


def read_levels(document: Mapping[str, Any]) -> Iterator[LevelDocument | Fault]:
    """Read each stock level of a document with included product and productUnitPrecision."""
    return _read(document, "inventorylevels", _read_level)


def _read(
    document: Mapping[str, Any], resource_type: str, read_one: Callable[[Resources, Resource], Document]
) -> Iterator[Document | Fault]:
    try:
        resources = Resources(document)
    except ResourceError as error:
        yield _fault(error, resource_type, None, raw_text(document))
        return
    for index, resource in enumerate(resources.primary):
        identity = identity_of(resource)
        if identity is None or identity[0] != resource_type:
            nameless = ResourceError(f"data[{index}]", f"is no resource of type {resource_type} with an id")
            yield _fault(nameless, resource_type, None, raw_text(resource))
            continue
        try:
            require_given(resource)
            found: Document | Fault = read_one(resources, resource)
        except ResourceError as error:
            own = {"data": resource, "included": resources.own(resource, except_type=resource_type)}
            found = _fault(error, resource_type, identity[1], raw_text(own))
        yield found


def _fault(error: ResourceError, resource_type: str, document_id: str | None, text: str) -> Fault:
    # An id that is too long for an index is no key either.
    is_key = document_id is not None and len(document_id.encode()) <= MAX_KEY_BYTES
    key = document_id if document_id and is_key else digest(text).hex()
    return Fault("oro", resource_type, document_id, key, error.path, error.message, text)


def _read_order(resources: Resources, order: Resource) -> OrderDocument:
    if not has_relation(order, "lineItems"):
        raise ResourceError("relationships.lineItems", "is missing; name lineItems in fields[orders]")
    text, document_hash = _order_text(order, resources.own(order, except_type="orders"))
    found = attributes(order)
    subtotals = _read_subtotals(resources, order)
    return _model(
        OrderDocument,
        found,
        order_id=order["id"],
        customer_id=related_id(order, "customer"),
        subtotal_with_discounts=found.get("subtotalWithDiscounts", found.get("subtotalWithDiscountsValue")),
        order_discounts_amount=_sum_of_discounts(resources, order),
        internal_status=related_id(order, "internalStatus"),
        shipping_status=related_id(order, "shippingStatus"),
        has_internal_status=has_relation(order, "internalStatus"),
        has_shipping_status=has_relation(order, "shippingStatus"),
        has_shipping_trackings=bool(related_identities(order, "shippingTrackings")),
        has_subtotals=bool(subtotals),
        lines=tuple(
            _read_line(resources, order, line, position, place)
            for position, (place, line) in enumerate(resources.related(order, "lineItems"), start=1)
        ),
        subtotals=subtotals,
        document=text,
        document_hash=document_hash,
    )


def _read_line(resources: Resources, order: Resource, line: Resource, position: int, place: str) -> OrderLine:
    found = attributes(line, place)
    # To-many since 6.1, to-one before. A line that belongs to other orders only was never sold on this one.
    orders = related_identities(line, "orders", place) or related_identities(line, "order", place)
    if orders and identity_of(order) not in orders:
        raise ResourceError(f"{place}relationships", f"line {line['id']} belongs to order {orders[0][1]}")
    return _model(
        OrderLine,
        found,
        place,
        order_line_id=line["id"],
        position=position,
        product_id=related_id(line, "product", place),
        # The product can be hidden by a missing permission, so it does not tell (it is null then, too).
        is_free_form=found.get("freeFormProduct") not in (None, ""),
        product_unit_code=_unit_code(line, found, place),
        kit_items=tuple(
            _read_kit_item(item, item_place)
            for item_place, item in resources.related(line, "kitItemLineItems", place)
        ),
    )


def _read_kit_item(item: Resource, place: str) -> KitItem:
    found = attributes(item, place)
    return _model(
        KitItem,
        found,
        place,
        kit_item_line_id=item["id"],
        product_id=related_id(item, "product", place) or found.get("productId"),
        product_unit_code=_unit_code(item, found, place),
    )


def _read_subtotals(resources: Resources, order: Resource) -> tuple[Subtotal, ...]:
    included = [resources.find(identity) for identity in related_identities(order, "orderSubtotals")]
    # 6.0 has none and ignores the include in silence; without the include the relation holds bare ids.
    if None in included:
        return ()
    return tuple(
        _model(
            Subtotal,
            attributes(subtotal),
            f"orderSubtotals[{position - 1}].",
            position=position,
            data=canonical(attributes(subtotal).get("data")),
        )
        for position, subtotal in enumerate(included, start=1)
        if subtotal is not None
    )


def _sum_of_discounts(resources: Resources, order: Resource) -> Decimal:
    total = Decimal(0)
    for place, discount in resources.related(order, "discounts"):
        try:
            total += read_decimal(attributes(discount, place).get("amount")) or 0
        except ValueError as error:
            raise ResourceError(f"{place}attributes.amount", str(error)) from None
    return total


def _read_product(resources: Resources, product: Resource) -> ProductDocument:
    text = _text(product, resources.own(product, except_type="products"))
    units: dict[str, ProductUnit] = {}
    for place, precision in resources.related(product, "unitPrecisions"):
        code = related_id(precision, "unit", place)
        unit = _model(ProductUnit, attributes(precision, place), place, unit_code=code)
        if unit.unit_code in units:
            raise ResourceError(f"{place}relationships.unit", f"unit {unit.unit_code} is listed twice")
        units[unit.unit_code] = unit
    return _model(
        ProductDocument,
        attributes(product),
        product_id=product["id"],
        inventory_status=related_id(product, "inventory_status"),
        units=tuple(units.values()),
        document=text,
        document_hash=digest(text),
    )


def _read_level(resources: Resources, level: Resource) -> LevelDocument:
    products = related_identities(level, "product")
    units = related_identities(level, "productUnitPrecision")
    product = resources.find(products[0]) if products else None
    unit = resources.find(units[0]) if units else None
    return _model(
        LevelDocument,
        attributes(level),
        level_id=level["id"],
        product_id=products[0][1] if products else None,
        sku=attributes(product).get("sku") if product else None,
        unit_code=related_id(unit, "unit") if unit else None,
    )


def _unit_code(resource: Resource, found: Mapping[str, Any], place: str) -> Any:
    return found.get("productUnitCode") or related_id(resource, "productUnit", place)


def _order_text(order: Resource, own: list[Resource]) -> tuple[str, bytes]:
    text = _text(order, own)
    if "orderSubtotals" not in order["relationships"]:
        return text, digest(text)
    relations = {name: data for name, data in order["relationships"].items() if name != "orderSubtotals"}
    lasting = [resource for resource in own if resource["type"] != "ordersubtotals"]
    return text, digest(_text({**order, "relationships": relations}, lasting))


def _text(resource: Resource, included: list[Resource]) -> str:
    try:
        return canonical({"data": resource, "included": included})
    except DocumentError as error:
        raise ResourceError("data", str(error)) from None


_alias = cache(to_camel)


def _model(model: type[Model], found: Mapping[str, Any], place: str = "", **computed: Any) -> Model:
    """Validate attributes together with what was computed, which comes first; raises ResourceError."""
    values = {**found, **{_alias(name): value for name, value in computed.items()}}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        name, message = next(iter(faulty_fields(error).items()))
        inside = "" if any(name == _alias(computed_name) for computed_name in computed) else "attributes."
        raise ResourceError(f"{place}{inside}{name}", message) from None
