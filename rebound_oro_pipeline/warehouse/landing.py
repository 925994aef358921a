"""Writes what the two systems said into landing.*: streamed in batches, and only what is new or changed.

Each batch is one transaction, committed at its end unless the caller has one open. While the database stores one, a
thread reads the next: what makes the documents must not use the same connection. Of several versions of a
document in one batch the last one counts; one that is known to be older than the stored one is passed over.
Documents that nothing is known of are copied where they stay; the others are copied aside and compared there.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal, TypeVar

import psycopg
from psycopg import sql

from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.oro import LevelDocument, OrderDocument, ProductDocument
from rebound_oro_pipeline.contracts.rebound import ReturnDocument
from rebound_oro_pipeline.warehouse.ahead import ahead
from rebound_oro_pipeline.warehouse.landing_tables import FAULTS, LEVELS, ORDERS, PRODUCTS, RETURNS, Kind
from rebound_oro_pipeline.warehouse.statements import load

Source = Literal["api", "webhook", "file"]
T = TypeVar("T")

BATCH_CHARACTERS: Final = 16_000_000
"""Text of a batch: where documents are large, fewer make one. Two batches are in memory."""


@dataclass(frozen=True, slots=True)
class Landed:
    """How many documents came, and what became of them: received = new + changed + unchanged + malformed.

    `unchanged` counts what needed no write: the same as before, older than what is there, or followed by
    another version in the same batch.
    """

    received: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    malformed: int = 0

    def __add__(self, other: "Landed") -> "Landed":
        return Landed(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


def land_returns(
    conn: psycopg.Connection[Any],
    items: Iterable[ReturnDocument | Fault],
    *,
    source: Source,
    landed_by: str,
    landed_at: datetime,
    left_out: Callable[[str], None] | None = None,
) -> Landed:
    """Land ReBound returns with their lines; `landed_at` is when they were read, `landed_by` the run.

    With `left_out`, a return that ReBound itself told of, by its API or a webhook, and otherwise, stays as it is: its
    id is told, and what came does not count as received.
    """
    return _land(conn, items, RETURNS, _stamp(source, landed_at, landed_by), left_out)


def land_orders(
    conn: psycopg.Connection[Any],
    items: Iterable[OrderDocument | Fault],
    *,
    source: Source,
    landed_by: str,
    landed_at: datetime,
) -> Landed:
    """Land OroCommerce orders with their lines, kit items and subtotals."""
    return _land(conn, items, ORDERS, _stamp(source, landed_at, landed_by))


def land_products(
    conn: psycopg.Connection[Any],
    items: Iterable[ProductDocument | Fault],
    *,
    source: Source,
    landed_by: str,
    landed_at: datetime,
) -> Landed:
    """Land OroCommerce products with their units."""
    return _land(conn, items, PRODUCTS, _stamp(source, landed_at, landed_by))


def land_levels(
    conn: psycopg.Connection[Any],
    items: Iterable[LevelDocument | Fault],
    *,
    source: Source,
    landed_by: str,
    landed_at: datetime,
) -> Landed:
    """Land a snapshot of stock levels; those that are not in it stay as they were."""
    return _land(conn, items, LEVELS, _stamp(source, landed_at, landed_by))


def _stamp(source: Source, landed_at: datetime, landed_by: str) -> dict[str, Any]:
    return {"source": source, "landed_at": landed_at, "landed_by": landed_by}


def _land(
    conn: psycopg.Connection[Any],
    items: Iterable[T | Fault],
    kind: Kind,
    stamp: dict[str, Any],
    left_out: Callable[[str], None] | None = None,
) -> Landed:
    landed = Landed()
    with ahead(items, partial(_batches, most=kind.batch)) as batches:
        for batch in batches:
            with conn.transaction(), conn.cursor() as cursor:
                rest = batch if left_out is None else _without_those_of_rebound(cursor, batch, kind, left_out)
                landed += _land_batch(cursor, rest, kind, stamp)
    return landed


def _batches(items: Iterable[T], *, most: int) -> Iterator[list[T]]:
    batch: list[T] = []
    characters = 0
    for item in items:
        batch.append(item)
        characters += len(getattr(item, "document", ""))
        if len(batch) == most or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _without_those_of_rebound(
    cursor: psycopg.Cursor[Any], batch: list[Any], kind: Kind, left_out: Callable[[str], None]
) -> list[Any]:
    hashes = {item.return_id: item.document_hash for item in batch if not isinstance(item, Fault)}
    cursor.execute(load("landing")["lock"], {"kind": kind.name})
    given = {"keys": list(hashes), "hashes": list(hashes.values())}
    told = {key for (key,) in cursor.execute(load("landing")["said_by_rebound"], given)}
    for key in hashes:
        if key in told:
            left_out(key)
    return [item for item in batch if isinstance(item, Fault) or item.return_id not in told]


def _land_batch(
    cursor: psycopg.Cursor[Any], batch: list[T | Fault], kind: Kind, stamp: dict[str, Any]
) -> Landed:
    documents: dict[str, T] = {}
    faults: dict[str, Fault] = {}
    for item in batch:
        if isinstance(item, Fault):
            faults[item.document_key] = item
        else:
            documents[getattr(item, kind.key)] = item
            faults.pop(getattr(item, kind.key), None)
    outcomes = _settle(cursor, documents, kind, stamp) if documents else {}
    if faults:
        cursor.execute(_filled("prepare_rows", FAULTS.names))
        FAULTS.fill(cursor, "incoming", faults.values(), stamp)
        cursor.execute(_filled("store_faults", {}))
    malformed = sum(isinstance(item, Fault) for item in batch)
    new, changed = outcomes.get("new", 0), outcomes.get("changed", 0)
    return Landed(len(batch), new, changed, len(batch) - malformed - new - changed, malformed)


def _settle(
    cursor: psycopg.Cursor[Any], documents: Mapping[str, T], kind: Kind, stamp: Mapping[str, Any]
) -> dict[str, int]:
    names = {
        **kind.documents.names,
        "key": sql.Identifier(kind.key),
        "source_system": sql.Literal(kind.source_system),
        "resource": sql.Literal(kind.resource),
    }
    keys = {"keys": list(documents), "landed_at": stamp["landed_at"]}
    cursor.execute(load("landing")["lock"], {"kind": kind.name})
    known = {key for (key,) in cursor.execute(_filled("known", names), keys)}
    new = [document for key, document in documents.items() if key not in known]
    if new:
        for table in (kind.documents, *kind.rows):
            table.fill(cursor, "stored", new, stamp)
    outcomes: dict[str, int] = {}
    if known:
        met = [document for key, document in documents.items() if key in known]
        outcomes = _compare(cursor, met, kind, names, stamp)
    cursor.execute(_filled("heal", names), keys)
    return {**outcomes, "new": len(new)}


def _compare(
    cursor: psycopg.Cursor[Any],
    documents: Collection[T],
    kind: Kind,
    names: Mapping[str, sql.Composable],
    stamp: Mapping[str, Any],
) -> dict[str, int]:
    below = {"documents": names["incoming"], "key": names["key"]}
    cursor.execute(_filled("prepare_documents", names))
    kind.documents.fill(cursor, "incoming", documents, stamp)
    for table in kind.rows:
        cursor.execute(_filled("prepare_rows", table.names))
        table.fill(cursor, "incoming", documents, stamp)
    cursor.execute(load("landing")[f"compare_{kind.name}"])
    if kind.keeps_replaced:
        cursor.execute(_filled("keep_replaced", names))
    cursor.execute(_filled("store_documents", names))
    for table in reversed(kind.rows):
        cursor.execute(_filled("remove_rows", {**table.names, **below}))
    for table in kind.rows:
        cursor.execute(_filled("store_rows", {**table.names, **below}))
    return dict(cursor.execute(_filled("outcomes", names)).fetchall())


def _filled(name: str, names: Mapping[str, sql.Composable]) -> sql.Composed:
    return sql.SQL(load("landing")[name]).format(**names)
