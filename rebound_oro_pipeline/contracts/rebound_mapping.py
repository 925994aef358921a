"""Which field of a ReBound document is which of ours: `rebound_mapping.yaml`, or a file over it."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from rebound_oro_pipeline.contracts.model_faults import describe
from rebound_oro_pipeline.contracts.yaml_file import YamlFileError, load_yaml

_DEFAULT = Path(__file__).with_name("rebound_mapping.yaml")
_FROM_DOCUMENT = "$."
_PATH = re.compile(r"(?:\$\.)?[^.\[\]\s]+(?:\.[^.\[\]\s]+)*")


class MappingError(ValueError):
    """The mapping file cannot be used; the message names every faulty key."""


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A way into a document: `text` as people write it, `steps` from the item, or from the document."""

    text: str
    steps: tuple[str, ...]
    from_document: bool

    def find(self, item: Any, document: Any) -> Any:
        """Give what stands at the path, None where nothing does."""
        node = document if self.from_document else item
        for step in self.steps:
            # What JSON gave is a dict, and asking that first takes a tenth of the time: it is asked for every field.
            if type(node) is dict or isinstance(node, Mapping):
                node = node.get(step)
            elif isinstance(node, Sequence) and not isinstance(node, str) and step.isdecimal():
                node = node[int(step)] if int(step) < len(node) else None
            else:
                return None
        return node


def _paths(value: object) -> tuple[FieldPath, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list):
        raise ValueError(f"{value!r} is not a path or a list of paths")  # noqa: TRY004 - pydantic's way
    paths = []
    for text in texts:
        if not isinstance(text, str) or not _PATH.fullmatch(text):
            raise ValueError(f"{text!r} is not a path such as item.quantity")
        steps = text.removeprefix(_FROM_DOCUMENT)
        paths.append(FieldPath(steps, tuple(steps.split(".")), text.startswith(_FROM_DOCUMENT)))
    return tuple(paths)


Paths = Annotated[tuple[FieldPath, ...], BeforeValidator(_paths)]


class Section(BaseModel):
    """A group of fields with the paths that lead to each."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @cached_property
    def fields(self) -> tuple[tuple[str, tuple[FieldPath, ...]], ...]:
        """Give each field with its paths."""
        return tuple((name, getattr(self, name)) for name in type(self).model_fields)


class DocumentPaths(Section):
    """Fields of the return itself."""

    return_id: Paths
    display_id: Paths
    order_reference: Paths
    registered_at: Paths
    status: Paths
    carrier: Paths
    tracking_number: Paths
    items: Paths


class ItemPaths(Section):
    """Fields of an item, from the item or, after `$.`, from the document."""

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


class ReasonPaths(Section):
    """Fields of a reason that is an object; one that is a text is the reason code."""

    reason_code: Paths
    reason_action: Paths
    reason_wish: Paths


FieldName = Annotated[str, Field(pattern=r"^\S+$")]


class _Names(Section):
    """Names of fields that we send; no two may be the same."""

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


class ReboundMapping(Section):
    """The whole mapping: how a return is read, and how an order is written."""

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
