"""Replay: the whole decision on files, in a private database, with no HTTP and no OroCommerce.

The same landing and the same SQL models as every day; what they decide is written as JSON lines. Nothing is
given up: it asks once.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.oro import OrderDocument, ProductDocument
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.rebound import ReturnDocument
from rebound_oro_pipeline.contracts.rebound_mapping import ReboundMapping
from rebound_oro_pipeline.contracts.window import ALWAYS
from rebound_oro_pipeline.services.decide import DecisionRefused, decide
from rebound_oro_pipeline.services.private_database import analyse_landed, private_database
from rebound_oro_pipeline.services.reading import readers
from rebound_oro_pipeline.services.replay_files import (
    Placed,
    ReplayFiles,
    orders_of,
    products_of,
    returns_of,
)
from rebound_oro_pipeline.services.summarise import lines_without_a_place
from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.warehouse import landing, reference, statements

__all__ = ["OUTPUTS", "ReplayFiles", "Replayed", "replay"]

OUTPUTS = ("credit_notes", "credit_note_lines", "inventory_deltas", "quarantine", "held")
"""Files that are written, each with the suffix `.jsonl`, also when empty."""

_SQL = statements.load("replay")
_EXPECTED = {
    "orders": "JSON:API documents of orders, as OroCommerce answers them with include=lineItems",
    "products": "JSON:API documents of products, as OroCommerce answers them with include=unitPrecisions",
    "returns": "ReBound's return documents, one a line",
}
_Document = TypeVar("_Document", OrderDocument, ProductDocument, ReturnDocument)


@dataclass(frozen=True)
class Replayed:
    """What came out: rows written per file, the summary, what was wrong in the files, and which were of no use."""

    rows: Mapping[str, int]
    summary: Mapping[str, Any]
    faults: tuple[str, ...]
    unusable: tuple[str, ...]

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

    Bad records go to the quarantine as malformed_document, the good ones go on; a file in which nothing is of its kind
    is named as of no use, for it is most likely another file than was meant. Raises OSError for a file that cannot be
    read or written, AliasError for aliases of another form, PrivateDatabaseError.
    """
    moment = now or datetime.now(UTC)
    size = files.size
    out.mkdir(parents=True, exist_ok=True)
    with private_database(server_url, models, purpose="replay") as conn:
        faults, unusable = _land(conn, files, size, mapping, moment)
        policy_version = reference.save_policy(conn, policy.document())
        conn.commit()
        try:
            decide(conn, models, ALWAYS, policy_version=policy_version, decided_at=moment, run_id="replay")
            broken: tuple[str, ...] = ()
        except DecisionRefused as refused:
            broken = (str(refused),)
        conn.commit()
        rows = {name: _write(conn, name, out / f"{name}.jsonl") for name in OUTPUTS}
        conserved = not broken and lines_without_a_place(conn, ALWAYS) == 0
        summary = {**_read_summary(conn), "conserved": conserved}
        if unusable:
            summary["unusable_files"] = unusable
        (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return Replayed(rows, summary, (*faults, *broken), tuple(unusable))


def _land(
    conn: psycopg.Connection, files: ReplayFiles, size: int, mapping: ReboundMapping, moment: datetime
) -> tuple[list[str], list[str]]:
    """Return what was wrong in the files, and which of them hold nothing of their kind."""
    said: list[str] = []
    unusable: list[str] = []
    stamp: dict[str, Any] = {"source": "file", "landed_by": "replay", "landed_at": moment}

    def noted(what: str, path: Path, placed: Iterator[Placed[_Document]]) -> Iterator[_Document | Fault]:
        of_this_kind: bool | None = None
        for number, document in placed:
            said.extend(_faults(document, f"{path.name}:{number}"))
            of_this_kind = of_this_kind or not isinstance(document, Fault) or document.document_id is not None
            yield document
        if of_this_kind is None:
            said.append(f"{path.name}: holds no {what}")
        elif not of_this_kind:
            unusable.append(f"{path} holds no {what} that can be read; give {_EXPECTED[what]}")

    if files.aliases is not None:
        imported = reference.import_aliases(conn, files.aliases, added_by="replay")
        said.extend(str(fault) for fault in imported.faults)
        if imported.faults and not imported.added + imported.known:
            unusable.append(f"{files.aliases} holds no aliases that can be read; give rows of alias,sku")
    with readers(size) as pool:
        landing.land_orders(conn, noted("orders", files.orders, orders_of(files.orders, pool)), **stamp)
        if files.products is not None:
            landing.land_products(
                conn, noted("products", files.products, products_of(files.products, pool)), **stamp
            )
        landed = landing.land_returns(
            conn, noted("returns", files.returns, returns_of(files.returns, mapping, pool)), **stamp
        )
    # The database was empty: whatever was not new stood in the file before.
    if replaced := landed.changed + landed.unchanged:
        said.append(
            f"{files.returns.name}: returns stand in it more than once; {replaced} of its documents give way to the "
            "last one of their return"
        )
    analyse_landed(conn)
    return said, unusable


def _faults(document: object, place: str) -> Iterator[str]:
    """Yield what is wrong with a document, or with items of a return."""
    if isinstance(document, Fault):
        yield f"{document.path}: {document.message}"
    elif isinstance(document, ReturnDocument):
        for line in document.lines:
            if line.fault is not None:
                yield f"{place}: {line.fault_path}: {line.fault}"


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
