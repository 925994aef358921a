"""How single values are read at the door: exact numbers, moments in UTC, texts that PostgreSQL can store.

Each reader takes what JSON or YAML gave and raises ValueError with a message that follows the field's name.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache, wraps
from typing import TypeVar

T = TypeVar("T")

MAX_KEY_BYTES = 255
"""Longest identifier, reference or SKU: ReBound's own limit, and short enough for every index."""

EARLIEST_YEAR, LATEST_YEAR = 1990, 2200
"""Of anything that a shop does."""

_SURELY_SHORT = MAX_KEY_BYTES // 4  # characters: UTF-8 takes at most four bytes for each
_MAX_DIGITS = 30
_REMEMBERED_TEXTS = 2000
_REMEMBERED_LENGTH = 40
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_MOMENT = re.compile(
    r"\d{4}([-/])\d{2}\1\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?(?:Z|[+-]\d{2}:?\d{2}))?)?",
    re.ASCII,
)
_UNIX_SECONDS = re.compile(r"\d{9,11}", re.ASCII)
_KINDS: dict[type | tuple[type, ...], str] = {
    bool: "true or false",
    str: "a text",
    (int, float, Decimal): "a number",
    Mapping: "an object",
    (list, tuple): "a list",
    type(None): "null",
}
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_PLAIN_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,10})?", re.ASCII)


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def kind(value: object) -> str:
    """Name what a JSON value is, in words for people."""
    for types, words in _KINDS.items():
        if isinstance(value, types):
            return words
    return type(value).__name__


def storable(text: str) -> str:
    """Replace NUL and lone surrogates, which PostgreSQL cannot store, by U+FFFD."""
    # Nearly every text is plain ASCII, and there are dozens in each document.
    return text if text.isascii() and "\0" not in text else _UNSTORABLE.sub("\ufffd", text)


def _remembered(read: Callable[[object], T]) -> Callable[[object], T]:
    """Keep what short texts were read as: statuses, reasons, currencies, quantities are few, and come in millions."""
    known = lru_cache(_REMEMBERED_TEXTS)(read)

    @wraps(read)
    def read_or_remember(value: object) -> T:
        return known(value) if type(value) is str and len(value) <= _REMEMBERED_LENGTH else read(value)

    return read_or_remember


def read_text(value: object) -> str | None:
    """Read a text without the blanks around it, None for null and blank; numbers are taken as written."""
    if value is None:
        return None
    if isinstance(value, str):
        return storable(value).strip() or None
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"is not a text but {kind(value)}")


@_remembered
def read_code(value: object) -> str | None:
    """Read a status, disposition or reason: these are compared trimmed and without regard to case."""
    text = read_text(value)
    return text.lower() if text else None


@_remembered
def read_currency(value: object) -> str | None:
    """Read the code of a currency, in capitals."""
    text = read_text(value)
    return text.upper() if text else None


def read_key(value: object) -> str | None:
    """Read a text that things are found by: at most 255 bytes."""
    text = read_text(value)
    if text and len(text) > _SURELY_SHORT and len(text.encode()) > MAX_KEY_BYTES:
        raise ValueError(f"is longer than {MAX_KEY_BYTES} bytes: {_shown(text)}")
    return text


def read_decimal(value: object) -> Decimal | None:
    """Read an exact finite number from a JSON number or a text, None for null and blank; refuse floats."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str) and _PLAIN_NUMBER.fullmatch(value):
        return Decimal(value)
    if isinstance(value, Decimal):
        number = value
    elif (
        isinstance(value, str | int) and not isinstance(value, bool) and _NUMBER.fullmatch(str(value).strip())
    ):
        number = Decimal(str(value))
    else:
        hint = ""
        if isinstance(value, float):
            hint = "; read numbers as exact decimals"
        elif isinstance(value, str) and "," in value:
            hint = "; write decimals with a point, and no mark between thousands"
        raise ValueError(f"is not an exact number but {_shown(value)}{hint}")
    if not number.is_finite():
        raise ValueError(f"is not a finite number but {_shown(value)}")
    if len(number.as_tuple().digits) > _MAX_DIGITS or (number and abs(number.adjusted()) >= _MAX_DIGITS):
        raise ValueError(f"has more digits than any amount or quantity: {_shown(value)}")
    return Decimal(format(number, "f"))


@_remembered
def read_quantity(value: object) -> Decimal | None:
    """Read an exact number that is not negative."""
    quantity = read_decimal(value)
    if quantity is not None and quantity < 0:
        raise ValueError(f"is negative: {quantity}")
    return quantity


def read_business_moment(value: object) -> datetime | None:
    """Read a moment at which something can have happened in a shop: one within EARLIEST_YEAR and LATEST_YEAR.

    ReBound is younger than the one and no year reaches the other, so what lies outside is a typing error or a
    placeholder (year 1, 9999); days beside it could not be counted.
    """
    moment = read_moment(value)
    if moment is not None and not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise ValueError(
            f"is not in the years {EARLIEST_YEAR} to {LATEST_YEAR}: {_shown(value)}; correct it where it was entered"
        )
    return moment


def read_moment(value: object) -> datetime | None:
    """Read a moment in UTC, None for null and blank.

    ISO 8601, `YYYY/MM/DD HH:MM:SS`, `YYYY-MM-DD HH:MM:SS`, a date alone (midnight) or unix seconds;
    without a zone it is UTC, the time zone of ReBound's servers.
    """
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    text = read_text(value)
    if text is None:
        return None
    try:
        if _UNIX_SECONDS.fullmatch(text):
            return datetime.fromtimestamp(int(text), UTC)
        if _MOMENT.fullmatch(text):
            moment = datetime.fromisoformat(
                text.replace("/", "-").replace(",", ".").replace(" ", "T", 1).replace(" ", "")
            )
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"is not a date and time: {_shown(text)}; write 2026-10-30 or 2026-10-30T14:05:00+01:00")
