"""Where documents begin and end in a file: one on each line, or each over several lines, as people print them."""

import re
from collections.abc import Iterator
from pathlib import Path

_BOM = b"\xef\xbb\xbf"
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]')
_OPENING = (b"{", b"[")
_CLOSING = (b"}", b"]")

Text = tuple[int, bytes]
"""The line on which a document begins, counted from 1, and its text."""


def lines_of(path: Path) -> Iterator[Text]:
    """Yield each line that holds something; a byte order mark and the ends of lines do not count."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            text = line.removeprefix(_BOM) if number == 1 else line
            if text.strip():
                yield number, text


def documents_of(path: Path) -> Iterator[Text]:
    """Yield each document: a line that is closed where it ends, or the lines until all brackets are closed.

    One that is broken off ends where a line of its own begins and ends with the brackets of an object, so that those
    after it go on. Whether a text is JSON is for the reader to say.
    """
    begun: list[bytes] = []
    first = depth = 0
    for number, text in _all_lines(path):
        if begun and text.startswith(b"{") and _is_closed(text) and _depth(text) == 0 and b'"data"' in text:
            yield first, b"".join(begun)
            begun = []
        if not begun:
            if not text.strip():
                continue
            if not text.lstrip().startswith(_OPENING) or _is_closed(text):
                yield number, text
                continue
            first = number
            depth = 0
        begun.append(text)
        depth += _depth(text)
        if depth <= 0:
            yield first, b"".join(begun)
            begun = []
    if begun:
        yield first, b"".join(begun)


def _all_lines(path: Path) -> Iterator[Text]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            yield number, line.removeprefix(_BOM) if number == 1 else line


def _is_closed(text: bytes) -> bool:
    return text.rstrip().endswith(_CLOSING)


def _depth(text: bytes) -> int:
    """Return how many more brackets the text opens than it closes."""
    found = _BRACKETS.findall(text)
    return sum(each in _OPENING for each in found) - sum(each in _CLOSING for each in found)
