"""Replay: the whole decision on files, in a private database, with no HTTP and no OroCommerce.

The same landing and the same SQL models as every day; what they decide is written as JSON lines. Nothing is
given up: it asks once.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import psycopg
from psycopg import sql

from rebound_oro_pipeline.contracts.documents import DocumentError, digest, parse
from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.oro import read_orders, read_products
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.rebound import ReturnDocument, read_return
from rebound_oro_pipeline.contracts.rebound_mapping import ReboundMapping
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.decide import DecisionRefused, decide
from rebound_oro_pipeline.services.summarise import lines_without_a_place
from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.sqlmodels.relations import create_views
from rebound_oro_pipeline.sqlmodels.seeds import load_seeds
from rebound_oro_pipeline.warehouse import landing, reference, statements
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.migrate import migrate

OUTPUTS = ("credit_notes", "credit_note_lines", "inventory_deltas", "quarantine", "held")
"""Files that are written, each with the suffix `.jsonl`, also when empty."""

_SQL = statements.load("replay")
_Document = TypeVar("_Document")


@dataclass(frozen=True)
class ReplayFiles:
    """What to replay. Orders and products are JSON:API documents, one or several (one a line); returns one a line."""

    orders: Path
    returns: Path
    products: Path | None = None
    aliases: Path | None = None


@dataclass(frozen=True)
class Replayed:
    """What came out: rows written per file, the summary, and what was wrong with the files."""

    rows: Mapping[str, int]
    summary: Mapping[str, Any]
    faults: tuple[str, ...]

    @property
    def conserved(self) -> bool:
        """Whether every unit is in exactly one place and every invariant holds."""
        return bool(self.summary["conserved"])


def replay(
    server_url: str,
    models: Models,
    files: ReplayFiles,
    out: Path,
    *,
    policy: Policy,
    mapping: ReboundMapping,
    now: datetime | None = None,
) -> Replayed:
    """Decide the returns of `files` and write the outputs below `out`; `server_url` must let us create a database.

    Bad records go to the quarantine as malformed_document, the good ones go on. Raises OSError for a file that
    cannot be read.
    """
    moment = now or datetime.now(UTC)
    with _private_database(server_url) as url, connect(url, application_name="rebound-oro replay") as conn:
        migrate(url)
        load_seeds(conn, models)
        create_views(conn, models)
        faults = _land(conn, files, mapping, moment)
        policy_version = reference.save_policy(conn, policy.document())
        conn.commit()
        window = _window(conn, moment)
        try:
            decide(conn, models, window, policy_version=policy_version, decided_at=moment, run_id="replay")
            broken: tuple[str, ...] = ()
        except DecisionRefused as refused:
            broken = (str(refused),)
        conn.commit()
        out.mkdir(parents=True, exist_ok=True)
        rows = {name: _write(conn, name, out / f"{name}.jsonl") for name in OUTPUTS}
        conserved = not broken and lines_without_a_place(conn, window) == 0
        summary = {**_read_summary(conn), "conserved": conserved}
        (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return Replayed(rows, summary, (*faults, *broken))


@contextmanager
def _private_database(server_url: str) -> Iterator[str]:
    name = f"replay_{uuid4().hex}"
    with connect(server_url, autocommit=True, application_name="rebound-oro replay") as server:
        server.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            yield _with_database(server_url, name)
        finally:
            server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _with_database(url: str, name: str) -> str:
    address, _, query = url.partition("?")
    return f"{address.rpartition('/')[0]}/{name}{'?' + query if query else ''}"


def _land(
    conn: psycopg.Connection, files: ReplayFiles, mapping: ReboundMapping, moment: datetime
) -> tuple[str, ...]:
    said: list[str] = []
    stamp: dict[str, Any] = {"source": "file", "landed_by": "replay", "landed_at": moment}

    def noted(documents: Iterator[_Document | Fault]) -> Iterator[_Document | Fault]:
        for document in documents:
            if isinstance(document, Fault):
                said.append(f"{document.path}: {document.message}")
            yield document

    landing.land_orders(conn, noted(_api_documents(files.orders, "orders", read_orders)), **stamp)
    if files.products is not None:
        landing.land_products(conn, noted(_api_documents(files.products, "products", read_products)), **stamp)
    if files.aliases is not None:
        imported = reference.import_aliases(conn, files.aliases, added_by="replay")
        said.extend(str(fault) for fault in imported.faults)
    landing.land_returns(conn, noted(_returns(files.returns, mapping)), **stamp)
    conn.execute(_SQL["analyse"])
    return tuple(said)


def _api_documents(
    path: Path, resource: str, read: Callable[[Mapping[str, Any]], Iterator[_Document | Fault]]
) -> Iterator[_Document | Fault]:
    for number, text in _documents(path):
        try:
            document = parse(text)
            if not isinstance(document, Mapping):
                raise DocumentError("is no JSON:API document")  # noqa: TRY301 - the same answer as to broken JSON
        except DocumentError as error:
            yield Fault("oro", resource, None, digest(text).hex(), f"{path.name}:{number}", str(error), text)
            continue
        for found in read(document):
            yield _placed(found, path, number) if isinstance(found, Fault) else found


def _returns(path: Path, mapping: ReboundMapping) -> Iterator[ReturnDocument | Fault]:
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            found = read_return(line, mapping)
            yield _placed(found, path, number) if isinstance(found, Fault) else found


def _placed(fault: Fault, path: Path, number: int) -> Fault:
    return replace(fault, path=f"{path.name}:{number}: {fault.path}")


def _documents(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of each document: each line where the first one is a document, else the whole file."""
    with path.open(encoding="utf-8", errors="replace") as file:
        first = next((line for line in file if line.strip()), "")
        try:
            parse(first)
        except DocumentError:
            one_a_line = not first.lstrip().startswith(("{", "[")) or first.rstrip().endswith("}")
        else:
            one_a_line = True
        file.seek(0)
        if one_a_line:
            yield from ((number, line) for number, line in enumerate(file, start=1) if line.strip())
        else:
            yield 1, file.read()


def _window(conn: psycopg.Connection, moment: datetime) -> Window:
    row = conn.execute(_SQL["registered"]).fetchone()
    first, last = row if row is not None and row[0] is not None else (moment, moment)
    return Window(min(first, moment), max(last, moment) + timedelta(seconds=1))


def _write(conn: psycopg.Connection, name: str, path: Path) -> int:
    rows = 0
    with path.open("w", encoding="utf-8") as file, conn.cursor(name=f"replay_{name}") as cursor:
        cursor.itersize = 5_000
        for (line,) in cursor.execute(_SQL[name]):
            file.write(f"{line}\n")
            rows += 1
    return rows


def _read_summary(conn: psycopg.Connection) -> dict[str, Any]:
    row = conn.execute(_SQL["summary"]).fetchone()
    summary: dict[str, Any] = row[0] if row else {}
    return summary
