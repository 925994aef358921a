"""Reads the values of a request into a record, refusing what Oro's forms refuse and in its words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from rebound_oro_pipeline.sandbox.oro.errors import DRIVER, NOT_NULL, Faults, WriteFailed
from rebound_oro_pipeline.sandbox.oro.query import NotFitting, moment
from rebound_oro_pipeline.sandbox.oro.schema import Attribute, Kind, Resource
from rebound_oro_pipeline.sandbox.pricing_documents import json_number
from rebound_oro_pipeline.sandbox.pricing_taxes import money

_PLAIN = re.compile(r"-?\d+(\.\d+)?\Z", re.ASCII)
_LEVEL_DIGITS = 10
"""Digits before the point that the column of a level holds."""
_SCIENTIFIC_FROM = 16
"""Digits from which PHP prints a number in scientific notation, which its check for numbers refuses."""

NOT_VALID = ("form constraint", "This value is not valid.")


class Invalid(Exception):  # noqa: N818
    """A value that its form refuses: title and detail."""

    def __init__(self, title: str = NOT_VALID[0], detail: str = NOT_VALID[1]) -> None:
        super().__init__(detail)
        self.title = title
        self.detail = detail


def read_attributes(
    resource: Resource, given: Mapping[str, Any], pointer: str, faults: Faults
) -> dict[str, Any]:
    """Return the values of a request's attributes as they are stored; those not writable are ignored."""
    values = {}
    for name, value in given.items():
        attribute = resource.attributes.get(name)
        if attribute is None or not attribute.writable:
            continue
        try:
            values[name] = None if value is None else _READERS[attribute.kind](value)
        except Invalid as refused:
            faults.add(refused.title, refused.detail, f"{pointer}/attributes/{name}")
    return values


def check_extra_fields(
    resource: Resource, names: Iterable[str], pointer: str, faults: Faults, *, creating: bool
) -> None:
    """Add a fault that names every field which the resource does not have, or does not take any more."""
    taken = {name for name, attribute in resource.attributes.items() if creating or not attribute.secret}
    known = {*taken, *resource.relations}
    extra = ", ".join(f'"{name}"' for name in names if name not in known)
    if extra:
        detail = f"This form should not contain extra fields: {extra}."
        faults.add("extra fields constraint", detail, pointer)


def check_columns(resource: Resource, attributes: Mapping[str, Any]) -> None:
    """Raise WriteFailed where the database would refuse a record that its form let pass."""
    for name, attribute in resource.attributes.items():
        if attribute.not_null and attributes.get(name) is None:
            raise WriteFailed(NOT_NULL)
    for name, attribute in resource.attributes.items():
        value = attributes.get(name)
        if value is not None and not _fits(attribute, value):
            raise WriteFailed(DRIVER)


def _fits(attribute: Attribute, value: object) -> bool:
    if attribute.kind is Kind.QUANTITY:
        return len(str(value).lstrip("-").partition(".")[0]) <= _LEVEL_DIGITS
    return attribute.max_length is None or len(str(value)) <= attribute.max_length


def _string(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Invalid


def _decimal(value: object) -> Decimal:
    text = _string(value)
    if not _PLAIN.match(text):
        raise Invalid
    return Decimal(text)


def _money(value: object) -> str:
    return format(money(_decimal(value), 4), "f")


def _quantity(value: object) -> str:
    text = _string(value)
    number = _decimal(value)
    if len(text.lstrip("-").partition(".")[0]) >= _SCIENTIFIC_FROM:
        raise Invalid("type constraint", "This value should be of type numeric.")
    plain = format(number, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _number(value: object) -> float | int:
    return json_number(_decimal(value))


def _integer(value: object) -> int:
    number = _decimal(value)
    if number != number.to_integral_value():
        raise Invalid
    return int(number)


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise Invalid


def _moment(value: object) -> str:
    try:
        return moment(_string(value))
    except NotFitting:
        raise Invalid from None


def _anything(value: object) -> object:
    return value


_READERS: Mapping[Kind, Callable[[object], object]] = {
    Kind.STRING: _string,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.MONEY: _money,
    Kind.QUANTITY: _quantity,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _string,
    Kind.DATETIME: _moment,
    Kind.JSON: _anything,
}
