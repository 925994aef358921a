"""What pydantic found wrong with a file that people edit, in their words: key, value, what is allowed."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


def describe(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Give one sentence for each fault, in the order of the model's keys."""
    faults = error.errors(include_url=False)
    # A list whose items are all faulty is reported as too short besides; that says nothing new.
    return [
        _sentence(fault, model) for fault in faults if not (fault["type"] == "too_short" and fault["input"])
    ]


def _sentence(fault: ErrorDetails, model: type[BaseModel]) -> str:
    location = [part for part in fault["loc"] if part != "[key]"]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    return f"{key or 'the file'}: {_complaint(fault, model, location)}"


def _complaint(fault: ErrorDetails, model: type[BaseModel], location: list[int | str]) -> str:
    kind, given, context = fault["type"], fault["input"], fault.get("ctx", {})
    shown = str(given) if isinstance(given, Decimal) else repr(given)
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return f"no such key; allowed: {', '.join(_keys(model, location[:-1]))}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "model_type":
        allowed = f"the keys {', '.join(_keys(model, location))}"
    elif kind == "literal_error":
        allowed = context["expected"].replace(" or ", ", ")
    elif kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        allowed = f"{words} {context[bound]}"
    else:
        return f"{shown} is not allowed; {fault['msg'][0].lower()}{fault['msg'][1:]}"
    return f"{shown} is not allowed; allowed: {allowed}"


def _keys(model: type[BaseModel], location: list[int | str]) -> list[str]:
    for part in location:
        for name, field in model.model_fields.items():
            if part in (name, field.alias):
                model = next(_models(field.annotation), model)
                break
    return sorted(field.alias or name for name, field in model.model_fields.items())


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
