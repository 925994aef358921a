"""Text from outside in files that people open as a spreadsheet, which takes some of it for more than text."""

import re
from typing import Final

_FORMULA: Final = re.compile(r"\s*[=@+-]")
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?")


def csv_text(text: str) -> str:
    """Return text for a CSV; what a spreadsheet would calculate stands behind an apostrophe."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
