"""Types of model fields: the readers of `values` as pydantic takes them, and the faults that it found."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, ValidationError

from rebound_oro_pipeline.contracts.values import (
    read_code,
    read_currency,
    read_decimal,
    read_key,
    read_moment,
    read_quantity,
    read_text,
)

T = TypeVar("T")


def _required(read: Callable[[object], T | None]) -> Callable[[object], T]:
    def read_required(value: object) -> T:
        found = read(value)
        if found is None:
            raise ValueError("is missing")
        return found

    return read_required


Text = Annotated[str | None, BeforeValidator(read_text)]
Code = Annotated[str | None, BeforeValidator(read_code)]
Key = Annotated[str | None, BeforeValidator(read_key)]
RequiredKey = Annotated[str, BeforeValidator(_required(read_key))]
Currency = Annotated[str | None, BeforeValidator(read_currency)]
RequiredCurrency = Annotated[str, BeforeValidator(_required(read_currency))]
Number = Annotated[Decimal | None, BeforeValidator(read_decimal)]
RequiredNumber = Annotated[Decimal, BeforeValidator(_required(read_decimal))]
Quantity = Annotated[Decimal | None, BeforeValidator(read_quantity)]
RequiredQuantity = Annotated[Decimal, BeforeValidator(_required(read_quantity))]
SmallInt = Annotated[int, Field(ge=-(2**31), lt=2**31)]
# OroCommerce keeps quantities to ten digits after the point.
Precision = Annotated[int, Field(ge=0, le=10)]
Moment = Annotated[datetime | None, BeforeValidator(read_moment)]


def faulty_fields(error: ValidationError) -> dict[str, str]:
    """Give what is wrong with each faulty field, by the name under which the model was given it."""
    faults: dict[str, str] = {}
    for fault in error.errors(include_url=False):
        context: dict[str, Any] = fault.get("ctx", {})
        message = "is missing" if fault["type"] == "missing" else str(context.get("error", fault["msg"]))
        faults.setdefault(str(fault["loc"][0]), message)
    return faults
