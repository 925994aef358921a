"""Stock levels as OroCommerce's API shows and takes them.

A product has one level per unit, each with a quantity of its own. The API checks neither the unit's precision
nor the sign, and refuses exponents: what is sent is checked here.
"""

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pydantic import BaseModel, ConfigDict

from rebound_oro_pipeline.clients.errors import MalformedAnswer
from rebound_oro_pipeline.clients.jsonapi import Document, Selection, in_lists, plain
from rebound_oro_pipeline.clients.oro import ABSENT_ID, OroClient
from rebound_oro_pipeline.contracts.fields import Key, RequiredKey, RequiredNumber
from rebound_oro_pipeline.contracts.jsonapi_resources import Resource, Resources, attributes, related_id
from rebound_oro_pipeline.contracts.values import read_decimal, read_text
from rebound_oro_pipeline.services.amounts import fraction_digits
from rebound_oro_pipeline.warehouse.level_writes import LevelWrite

LEVELS: Final = "inventorylevels"
READING_IS_GOOD_FOR: Final = 2.0
"""Seconds for which a level that was read may be written: what is sold in between is overwritten."""
# Of the column decimal(20, 10).
_INTEGER_DIGITS: Final = 10
_FRACTION_DIGITS: Final = 10
TO_WRITE: Final = Selection(
    include=("product", "productUnitPrecision"),
    fields={
        LEVELS: ("quantity", "product", "productUnitPrecision"),
        "products": ("sku", "productType"),
        "productunitprecisions": ("precision", "unit"),
    },
)
"""What is read of a level before it is written."""
_QUANTITY: Final = Selection(fields={LEVELS: ("quantity",)})
_SKU: Final = Selection(fields={"products": ("sku",)})


class Delta(BaseModel):
    """Units that go back on the shelf, as the decision wrote them into the outbox."""

    model_config = ConfigDict(frozen=True)

    product_id: Key = None
    sku: RequiredKey
    unit_code: RequiredKey
    quantity: RequiredNumber


@dataclass(frozen=True, slots=True)
class StockLevel:
    """One level as it stands; `precision` is how many digits after the point its unit allows, if known."""

    level_id: str
    product_id: str
    sku: str
    unit_code: str
    precision: int | None
    quantity: Decimal
    is_kit: bool

    def fault(self, added: Decimal) -> str | None:
        """Return why so much cannot be added; None: it can."""
        if self.is_kit:
            return f"{self.sku} is a kit: its components have the stock"
        if added <= 0:
            return f"the quantity {plain(added)} is not positive"
        if self.precision is not None and fraction_digits(added) > self.precision:
            allowed = f"{self.precision or 'no'} digits after the point"
            return f"{plain(added)} does not fit the unit {self.unit_code}, which has {allowed}"
        target = self.quantity + added
        if abs(target) >= 10**_INTEGER_DIGITS or fraction_digits(target) > _FRACTION_DIGITS:
            return f"{plain(target)} does not fit OroCommerce's column (10 digits before the point, 10 after)"
        return None


@dataclass(frozen=True, slots=True)
class LevelReading:
    """Levels by product and unit (one each, several with several warehouses), and until when to write them."""

    levels: Mapping[tuple[str, str], list[StockLevel]]
    good_until: float


def good_until() -> float:
    """Return until when what was read just now may be written, by `time.monotonic()`."""
    return time.monotonic() + READING_IS_GOOD_FOR


def levels_of_products(oro: OroClient, product_ids: Iterable[str]) -> LevelReading:
    """Return the levels of products."""
    found: dict[tuple[str, str], list[StockLevel]] = {}
    until = math.inf
    for document in _pages(oro, product_ids):
        until = min(until, good_until())
        with readable(LEVELS):
            for level in _levels(document):
                found.setdefault((level.product_id, level.unit_code), []).append(level)
    return LevelReading(found, until)


def quantities(oro: OroClient, level_ids: Iterable[str]) -> dict[str, Decimal]:
    """Return what levels hold; one that is gone is missing."""
    found: dict[str, Decimal] = {}
    for ids in in_lists(level_ids):
        for document in oro.pages(LEVELS, filters={"id": ids}, selection=_QUANTITY):
            found |= {str(resource["id"]): quantity(resource) for resource in document["data"]}
    return found


def product_ids(oro: OroClient, skus: Iterable[str]) -> dict[str, list[str]]:
    """Return the ids of products by SKU in lower case; a SKU may exist in several organizations."""
    found: dict[str, list[str]] = {}
    for listed in in_lists(skus):
        for document in oro.pages("products", filters={"sku": listed}, selection=_SKU):
            with readable("products"):
                for product in document["data"]:
                    sku = str(attributes(product).get("sku"))
                    found.setdefault(sku.lower(), []).append(str(product["id"]))
    return found


@contextmanager
def readable(resource_type: str) -> Iterator[None]:
    """Turn what is wrong with a record of an answer into MalformedAnswer."""
    try:
        yield
    except ValueError as error:
        raise MalformedAnswer(f"oro: a record of {resource_type} cannot be read: {error}") from error


def quantity(resource: Resource) -> Decimal:
    """Return the quantity of a level's resource. Raises MalformedAnswer."""
    try:
        found = read_decimal(attributes(resource).get("quantity"))
    except ValueError as error:
        raise MalformedAnswer(f"oro: the quantity of a level {error}") from error
    if found is None:
        raise MalformedAnswer("oro: a level has no quantity")
    return found


def level_document(write: LevelWrite) -> Document:
    """Return the document that sets one level."""
    return {"data": _level_resource(write)}


def levels_document(writes: Sequence[LevelWrite]) -> Document:
    """Return the document of a batch; without `meta.update` a record would be taken for a creation (405)."""
    return {"data": [{**_level_resource(write), "meta": {"update": True}} for write in writes]}


def probe_document() -> Document:
    """Return a batch that can change nothing: no level has the id that it names."""
    attribute = {"quantity": "1"}
    return {"data": [{"type": LEVELS, "id": ABSENT_ID, "attributes": attribute, "meta": {"update": True}}]}


def _level_resource(write: LevelWrite) -> dict[str, object]:
    return {
        "type": LEVELS,
        "id": write.level_id,
        "attributes": {"quantity": plain(write.quantity_target)},
    }


def _pages(oro: OroClient, product_ids: Iterable[str]) -> Iterator[Document]:
    for ids in in_lists(product_ids):
        yield from oro.pages(LEVELS, filters={"product": ids}, selection=TO_WRITE)


def _levels(document: Document) -> Iterator[StockLevel]:
    resources = Resources(document)
    for resource in resources.primary:
        for (_, product), (_, unit) in zip(
            resources.related(resource, "product"),
            resources.related(resource, "productUnitPrecision"),
            strict=False,
        ):
            precision = attributes(unit).get("precision")
            yield StockLevel(
                level_id=str(resource["id"]),
                product_id=str(product["id"]),
                sku=read_text(attributes(product).get("sku")) or "",
                unit_code=related_id(unit, "unit") or "",
                precision=precision if isinstance(precision, int) else None,
                quantity=quantity(resource),
                is_kit=attributes(product).get("productType") == "kit",
            )
