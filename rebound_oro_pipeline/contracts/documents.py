"""JSON documents as text: parsed without losing a digit, written in one form that PostgreSQL can store."""

import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal, DecimalException
from typing import Any, NoReturn
from uuid import uuid4

from rebound_oro_pipeline.contracts.values import storable

_MAX_EXPONENT = 4000  # far beyond any figure of ours, well within PostgreSQL's numeric
# Of the text of a number: with that exponent it has fewer than the 16383 digits after the point that numeric takes.
_MAX_LENGTH = 8000
# json cannot write a Decimal: it is written as a text that begins with this mark, then freed of its quotes.
_MARK = f"number {uuid4().hex} "
_MARKED = re.compile(rf'"{_MARK}([^"]+)"')


class DocumentError(ValueError):
    """The text is no JSON document, or one that cannot be stored; `line` of the text, from 1, is where it shows."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


def parse(raw: bytes | str) -> Any:
    """Parse JSON; numbers with a fraction or exponent become Decimal. Raises DocumentError."""
    try:
        text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw.removeprefix("\ufeff")
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise DocumentError(f"is not UTF-8: {error.reason} at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise DocumentError(
            f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}", error.lineno
        ) from None
    except RecursionError:
        raise DocumentError("is nested too deeply") from None
    except DecimalException:
        # Of exponents alone: beyond some nineteen digits of them Decimal raises what is no ValueError.
        raise DocumentError("is not JSON: a number has an exponent that no number can have") from None
    except ValueError as error:
        raise DocumentError(f"is not JSON: {error}") from None


def canonical(value: Any) -> str:
    """Write a JSON value with sorted keys and without blanks; the same content gives the same text.

    What PostgreSQL's jsonb cannot store is replaced: NUL and lone surrogates by U+FFFD, numbers beyond
    its range by their text. Raises DocumentError for values nested too deeply.
    """
    try:
        text = _encoded(value)
        return text if _is_storable(text) else _encoded(_cleaned(value))
    except RecursionError:
        raise DocumentError("is nested too deeply") from None
    except ValueError as error:
        raise DocumentError(f"is not JSON: {error}") from None


def digest(text: str) -> bytes:
    """Hash a canonical text; equal hashes mean an unchanged document."""
    return hashlib.sha256(text.encode()).digest()


def raw_text(raw: object) -> str:
    """Give what arrived as text that can be stored, whatever it is."""
    if isinstance(raw, bytes):
        return storable(raw.decode("utf-8", errors="replace"))
    if isinstance(raw, str):
        return storable(raw)
    try:
        return canonical(raw)
    except (DocumentError, TypeError, ValueError):
        return f"a {type(raw).__name__} that cannot be written as JSON"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _encoded(value: Any) -> str:
    text = _ENCODER.encode(value)
    return _MARKED.sub(r"\1", text) if _MARK in text else text


def _is_storable(text: str) -> bool:
    if "\\u0000" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value


def _number(value: object) -> str:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} is no JSON value")
    text = str(value)
    in_range = value.is_finite() and abs(value.adjusted()) < _MAX_EXPONENT and len(text) <= _MAX_LENGTH
    return f"{_MARK}{text}" if in_range else text


_ENCODER = json.JSONEncoder(
    ensure_ascii=False,
    check_circular=False,
    allow_nan=False,
    sort_keys=True,
    separators=(",", ":"),
    default=_number,
)
