"""What did not validate, as data: kept raw, shown to people, never an exception that stops its neighbours."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

SourceSystem = Literal["rebound", "oro"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A document that did not validate; becomes a row of landing.malformed_documents.

    `document_key` is the document's id where it could be read, else a hash of the document, so that the same
    bad document lands once. `path` leads from the document to the faulty value; `message` says what is wrong.
    """

    source_system: SourceSystem
    resource: str
    document_id: str | None
    document_key: str
    path: str
    message: str
    document: str
    registered_at: datetime | None = None


@dataclass(frozen=True)
class FileFault:
    """What is wrong, or doubtful, in a file that a person hands in, and where.

    `line` counts from 1, as an editor does; `field` is the column of a CSV, or "row".
    """

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.message}"
