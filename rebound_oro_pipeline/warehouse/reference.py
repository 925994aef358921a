"""What people decide: the policy in force, and the aliases of SKUs. The caller commits."""

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from rebound_oro_pipeline.contracts.csv_file import CsvRow, read_csv
from rebound_oro_pipeline.contracts.faults import FileFault
from rebound_oro_pipeline.warehouse import statements
from rebound_oro_pipeline.warehouse.errors import AliasError

_SQL = statements.load("reference")


@dataclass(frozen=True)
class SkuAlias:
    """Goods sold as `sku` may come back as `alias`; both as they were written, compared by their keys."""

    alias: str
    sku: str
    added_by: str
    note: str | None
    added_at: datetime


@dataclass(frozen=True)
class AliasImport:
    """What became of an alias file: rows read, pairs added, rows that said nothing new, and rows left out.

    `doubts` are about pairs that were taken.
    """

    read: int
    added: int
    known: int
    faults: tuple[FileFault, ...]
    doubts: tuple[FileFault, ...] = ()


@dataclass(frozen=True)
class _Pair:
    line: int
    alias: str
    sku: str


def save_policy(conn: psycopg.Connection, document: Mapping[str, Any]) -> int:
    """Store a policy, complete with its defaults, as the one in force, and return its version.

    The same content is the same version, whatever the order of its keys, and however often it comes back.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)
    document_hash = hashlib.sha256(text.encode()).hexdigest()
    parameters = {"document": Jsonb(json.loads(text)), "document_hash": document_hash}
    # Looked up first, because an insert that conflicts uses up a version number.
    [(version,)] = (
        conn.execute(_SQL["policy_by_hash"], parameters).fetchall()
        or conn.execute(_SQL["insert_policy"], parameters).fetchall()
    )
    conn.execute(_SQL["renew_policy"], {"policy_version": version})
    return int(version)


def import_aliases(conn: psycopg.Connection, path: Path, added_by: str) -> AliasImport:
    """Add the pairs of a CSV file with the columns `alias,sku`; further columns are passed over.

    Bad rows are reported and left out, the others go on. Nothing is removed. Raises AliasError where the file
    as a whole cannot be used, OSError where it cannot be read.
    """
    pairs: list[_Pair] = []
    faults: list[FileFault] = []
    for row in _read(path):
        if isinstance(row, _Pair):
            pairs.append(row)
        else:
            faults.append(row)

    def told(statement: str, about: list[_Pair]) -> Iterator[tuple[int, FileFault]]:
        for index, field, message in conn.execute(_SQL[statement], _arrays(about)):
            yield index, FileFault(path.name, about[index].line, field, message)

    rejected = dict(told("alias_faults", pairs))
    good = [pair for index, pair in enumerate(pairs) if index not in rejected]
    added = _insert(conn, good, added_by, note=None)
    faults += rejected.values()
    return AliasImport(
        read=len(good) + len(faults),
        added=added,
        known=len(good) - added,
        faults=tuple(sorted(faults, key=lambda fault: fault.line)),
        doubts=tuple(doubt for _, doubt in told("alias_doubts", good)),
    )


def alias_doubts(conn: psycopg.Connection, alias: str, sku: str) -> list[str]:
    """Return what speaks against an alias, each in a sentence; it may be right all the same."""
    asked = _arrays([_Pair(0, alias, sku)])
    return [
        f"{alias if field == 'alias' else sku} {message}"
        for _, field, message in conn.execute(_SQL["alias_doubts"], asked)
    ]


def add_alias(conn: psycopg.Connection, alias: str, sku: str, added_by: str, note: str | None = None) -> bool:
    """Add one alias; return whether it is new. Raises AliasError where it is empty or says nothing."""
    pair = _Pair(0, alias.strip(), sku.strip())
    for _, field, message in conn.execute(_SQL["alias_faults"], _arrays([pair])):
        raise AliasError(f"{field} {message}")
    return _insert(conn, [pair], added_by, note) == 1


def remove_alias(conn: psycopg.Connection, alias: str, sku: str | None = None) -> int:
    """Remove an alias, for one SKU or for all of them; return how many pairs went.

    What was decided by it stays decided.
    """
    return conn.execute(_SQL["delete_alias"], {"alias": alias, "sku": sku}).rowcount


def list_aliases(conn: psycopg.Connection) -> list[SkuAlias]:
    """Return all aliases, by alias, then SKU."""
    with conn.cursor(row_factory=class_row(SkuAlias)) as cursor:
        return cursor.execute(_SQL["list_aliases"]).fetchall()


def _insert(conn: psycopg.Connection, pairs: list[_Pair], added_by: str, note: str | None) -> int:
    parameters = {**_arrays(pairs), "added_by": added_by, "note": note}
    return conn.execute(_SQL["insert_aliases"], parameters).rowcount


def _arrays(pairs: list[_Pair]) -> dict[str, list[int] | list[str]]:
    return {
        "row_indexes": list(range(len(pairs))),
        "aliases": [pair.alias for pair in pairs],
        "skus": [pair.sku for pair in pairs],
    }


def _read(path: Path) -> Iterator[_Pair | FileFault]:
    rows = read_csv(path)
    header = next(rows, None)
    names = [name.strip().lower() for name in header.values] if header else []
    if names.count("alias") != 1 or names.count("sku") != 1:
        raise AliasError(
            f"{path.name}: the first line reads {','.join(names)!r}; expected alias,sku (with a comma)"
        )
    for row in rows:
        yield _read_row(path.name, row, names)


def _read_row(file: str, row: CsvRow, names: list[str]) -> _Pair | FileFault:
    if row.fault is not None:
        return FileFault(file, row.line, "row", row.fault)
    values = dict(zip(names, row.values, strict=True))
    alias, sku = values["alias"].strip(), values["sku"].strip()
    for field, value in (("alias", alias), ("sku", sku)):
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
            return FileFault(file, row.line, field, "is not UTF-8, or holds a control character")
    return _Pair(row.line, alias, sku)


def _plain(value: object) -> str:
    """Return a Decimal as text in plain notation, without zeros at its end: 0.350 is 0.35."""
    if not isinstance(value, Decimal):
        raise TypeError(f"A policy cannot hold {type(value).__name__}")
    return f"{value.normalize():f}"
