"""Reads the files of a replay: every document in the order of its file, with the line on which it stands.

Reading takes longer than anything the database does with it, so large files are read by other processes while
this one lands what they have read.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rebound_oro_pipeline.contracts.documents import DocumentError, digest, parse, raw_text
from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.jsonapi_resources import ResourceError, Resources
from rebound_oro_pipeline.contracts.oro import OrderDocument, ProductDocument, read_orders, read_products
from rebound_oro_pipeline.contracts.rebound import ReturnDocument, read_return
from rebound_oro_pipeline.contracts.rebound_mapping import ReboundMapping
from rebound_oro_pipeline.services.reading import CHUNK_BYTES, read_chunks
from rebound_oro_pipeline.services.replay_texts import documents_of, lines_of

_CHUNK_DOCUMENTS = 500

_Document = TypeVar("_Document", OrderDocument, ProductDocument, ReturnDocument)
_Read = Callable[[Mapping[str, Any]], Iterator[_Document | Fault]]
Placed = tuple[int, _Document | Fault]
"""The line on which a document stands, and the document."""
_INDEX = re.compile(r"^data\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class _Text:
    """A document as text, or some of the resources of one that was parsed: those from `first` on, counted from 0."""

    line: int
    content: bytes | Mapping[str, Any]
    first: int = 0


_Chunk = list[_Text]


@dataclass(frozen=True)
class ReplayFiles:
    """What to replay. Orders and products are JSON:API documents, one or several (one a line); returns one a line."""

    orders: Path
    returns: Path
    products: Path | None = None
    aliases: Path | None = None

    @property
    def size(self) -> int:
        """Bytes of the files that hold documents. Raises OSError for a file that is not there."""
        return sum(path.stat().st_size for path in (self.orders, self.returns, self.products) if path)


def orders_of(path: Path, pool: Executor | None) -> Iterator[Placed[OrderDocument]]:
    """Yield the orders of a file."""
    read = partial(_api_documents, path.name, "orders", read_orders)
    return read_chunks(read, _in_chunks(_api_texts(path, "orders")), pool)


def products_of(path: Path, pool: Executor | None) -> Iterator[Placed[ProductDocument]]:
    """Yield the products of a file."""
    read = partial(_api_documents, path.name, "products", read_products)
    return read_chunks(read, _in_chunks(_api_texts(path, "products")), pool)


def returns_of(
    path: Path, mapping: ReboundMapping, pool: Executor | None
) -> Iterator[Placed[ReturnDocument]]:
    """Yield the returns of a file."""
    read = partial(_return_documents, path.name, mapping)
    return read_chunks(read, _in_chunks(_Text(*text) for text in lines_of(path)), pool)


def _in_chunks(texts: Iterator[_Text]) -> Iterator[_Chunk]:
    chunk: _Chunk = []
    size = 0
    for text in texts:
        chunk.append(text)
        size += len(text.content) if isinstance(text.content, bytes) else CHUNK_BYTES
        if size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _api_texts(path: Path, resource_type: str) -> Iterator[_Text]:
    """Yield the documents of a file; one with very many resources is cut into several with some of them each."""
    for line, text in documents_of(path):
        if len(text) > CHUNK_BYTES:
            yield from _parts(line, text, resource_type)
        else:
            yield _Text(line, text)


def _parts(line: int, text: bytes, resource_type: str) -> Iterator[_Text]:
    try:
        resources = Resources(parse(text))
    except (DocumentError, ResourceError):
        yield _Text(line, text)
        return
    for first in range(0, len(resources.primary), _CHUNK_DOCUMENTS):
        data = resources.primary[first : first + _CHUNK_DOCUMENTS]
        own = {
            (included["type"], included["id"]): included
            for resource in data
            if isinstance(resource, Mapping)
            for included in resources.own(resource, except_type=resource_type)
        }
        yield _Text(line, {"data": data, "included": list(own.values())}, first)


def _api_documents(
    file: str, resource_type: str, read: _Read[_Document], chunk: _Chunk
) -> list[Placed[_Document]]:
    placed: list[Placed[_Document]] = []
    for text in chunk:
        try:
            document = parse(text.content) if isinstance(text.content, bytes) else text.content
            if not isinstance(document, Mapping):
                raise DocumentError("is no JSON:API document")  # noqa: TRY301 - the same answer as to broken JSON
        except DocumentError as error:
            whole = raw_text(text.content)
            line = text.line + error.line - 1
            path = f"{file}:{line}: $"
            placed.append(
                (line, Fault("oro", resource_type, None, digest(whole).hex(), path, str(error), whole))
            )
            continue
        placed += [(text.line, _at(file, text, found)) for found in read(document)]
    return placed


def _return_documents(file: str, mapping: ReboundMapping, chunk: _Chunk) -> list[Placed[ReturnDocument]]:
    placed: list[Placed[ReturnDocument]] = []
    for text in chunk:
        assert isinstance(text.content, bytes)  # noqa: S101 - returns are never cut
        placed.append((text.line, _at(file, text, read_return(text.content, mapping))))
    return placed


def _at(file: str, text: _Text, found: _Document | Fault) -> _Document | Fault:
    """Say where a fault stands. Of a document only its values are needed: its text would be kept for nothing."""
    if isinstance(found, Fault):
        path = _INDEX.sub(lambda index: f"data[{int(index[1]) + text.first}]", found.path)
        return replace(found, path=f"{file}:{text.line}: {path}")
    if isinstance(found, ReturnDocument):
        return found._replace(document="{}")
    return found.model_copy(update={"document": "{}"})
