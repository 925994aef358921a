"""Which field of a ReBound document is which of ours: `rebound_mapping.yaml`, or a file over it."""

import hashlib
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rebound_oro_pipeline.contracts.field_paths import Fields, Paths, Reader, as_it_is
from rebound_oro_pipeline.contracts.model_faults import describe
from rebound_oro_pipeline.contracts.values import (
    read_business_moment,
    read_code,
    read_currency,
    read_key,
    read_quantity,
    read_text,
)
from rebound_oro_pipeline.contracts.yaml_file import YamlFileError, load_yaml

_DEFAULT = Path(__file__).with_name("rebound_mapping.yaml")


class MappingError(ValueError):
    """The mapping file cannot be used; the message names every faulty key."""


class DocumentPaths(Fields):
    """Fields of the return itself."""

    readers: ClassVar[Mapping[str, Reader]] = {
        "return_id": read_key,
        "display_id": read_text,
        "order_reference": read_key,
        "registered_at": read_business_moment,
        "status": read_code,
        "carrier": read_text,
        "tracking_number": read_text,
        "items": as_it_is,
    }
    return_id: Paths
    display_id: Paths
    order_reference: Paths
    registered_at: Paths
    status: Paths
    carrier: Paths
    tracking_number: Paths
    items: Paths


class ItemPaths(Fields):
    """Fields of an item, from the item or, after `$.`, from the document."""

    readers: ClassVar[Mapping[str, Reader]] = {
        "line_id": read_key,
        "sku": read_key,
        "quantity": read_quantity,
        "quantity_received": read_quantity,
        "unit_code": read_text,
        "currency": read_currency,
        "disposition": read_code,
        "verification_entity": read_text,
        "tracking_number": read_text,
        "reasons": as_it_is,
    }
    line_id: Paths
    sku: Paths
    quantity: Paths
    quantity_received: Paths
    unit_code: Paths
    currency: Paths
    disposition: Paths
    verification_entity: Paths
    tracking_number: Paths
    reasons: Paths


class ReasonPaths(Fields):
    """Fields of a reason that is an object; one that is a text is the reason code."""

    readers: ClassVar[Mapping[str, Reader]] = {
        "reason_code": read_code,
        "reason_action": read_text,
        "reason_wish": read_text,
    }
    reason_code: Paths
    reason_action: Paths
    reason_wish: Paths


FieldName = Annotated[str, Field(pattern=r"^\S+$")]


class _Names(BaseModel):
    """Names of fields that we send; no two may be the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [name for name in self.model_dump().values() if name is not None]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"two fields would be called {', '.join(repeated)}; allowed: a name for each")
        return self


class OrderNames(_Names):
    """Names of the fields of a pushed order."""

    order_reference: FieldName
    order_date: FieldName
    currency: FieldName
    overwrite: FieldName
    items: FieldName


class OrderItemNames(_Names):
    """Names of the fields of its items; None: the field is not sent."""

    sku: FieldName
    description: FieldName | None
    quantity: FieldName
    unit_code: FieldName | None
    price: FieldName | None
    non_returnable: FieldName | None
    days_for_return: FieldName | None


class ReboundMapping(BaseModel):
    """The whole mapping: how a return is read, and how an order is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: DocumentPaths
    item: ItemPaths
    reason: ReasonPaths
    order: OrderNames
    order_item: OrderItemNames
    withdrawal: Literal["zero_quantity", "no_items"]
    drop: tuple[str, ...]

    @cached_property
    def fingerprint(self) -> str:
        """Tell mappings apart: the same document read by another mapping counts as changed."""
        read = self.model_dump_json(include={"document", "item", "reason", "drop"})
        return hashlib.sha256(read.encode()).hexdigest()


@cache
def default_mapping() -> ReboundMapping:
    """Return the mapping of the legacy return document."""
    return load_mapping(None)


def load_mapping(path: Path | None) -> ReboundMapping:
    """Read a mapping file over the default one; raises MappingError with all faults at once."""
    try:
        sections: Any = load_yaml(_DEFAULT)
        given = load_yaml(path) if path else None
    except YamlFileError as error:
        raise MappingError(str(error)) from error
    if given is not None and not isinstance(given, dict):
        raise MappingError(f"{path} cannot be used: it is not a mapping of sections to fields")
    for name, fields in (given or {}).items():
        known = sections.get(name)
        sections[name] = known | fields if isinstance(known, dict) and isinstance(fields, dict) else fields
    try:
        return ReboundMapping.model_validate(sections)
    except ValidationError as error:
        faults = "".join(f"\n- {fault}" for fault in describe(error, ReboundMapping))
        raise MappingError(f"{path or _DEFAULT.name} cannot be used:{faults}") from None
