"""Where documents begin and end in a file: one on each line, or a single one over all of them, as people print it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from rebound_oro_pipeline.contracts.documents import DocumentError, parse

_BOM = b"\xef\xbb\xbf"

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
    """Yield each document: every line where the first one is a document by itself, else the whole file.

    A whole that is not JSON may still be documents one a line of which the first is broken: then those that can be
    read go on. Whether a text is JSON is for the reader to say.
    """
    lines = lines_of(path)
    first = next(lines, None)
    if first is None:
        return
    if _is_document(first[1]):
        yield first
        yield from lines
        return
    rest = list(lines)
    whole = b"".join(text for _, text in (first, *rest))
    if not _is_json(whole) and any(_is_document(text) for _, text in rest):
        yield first
        yield from rest
    else:
        yield first[0], whole


def _is_document(text: bytes) -> bool:
    if not text.rstrip().endswith((b"}", b"]")):
        return False
    try:
        found = parse(text)
    except DocumentError:
        return False
    return isinstance(found, Mapping) and "data" in found


def _is_json(text: bytes) -> bool:
    try:
        parse(text)
    except DocumentError:
        return False
    return True
