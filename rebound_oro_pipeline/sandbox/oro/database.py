"""SQLite under the shop: one table of JSON records per type, transactions, and a pool of connections.

A record keeps its attributes and its relations (name → id, ids or null) as JSON; what is filtered, sorted or
unique is an expression over that JSON with an index. So the tables know nothing of Oro's versions. A type whose
records Oro names by UUIDs keeps these as the attribute `key`, beside a number of our own.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

JsonObject = dict[str, Any]

_INDEXES: Mapping[str, tuple[str, ...]] = {
    # type → expressions; the leading word says whether values may repeat
    "customers": (),
    "inventorylevels": ("unique r.product, r.productUnitPrecision", "index r.productUnitPrecision"),
    "orderaddresses": (),
    "orderdiscounts": ("index r.order",),
    "orderlineitems": (),
    "orderpricing": (),
    "orderproductkititemlineitems": ("index r.lineItem",),
    "orders": (
        "unique a.identifier",
        "index lower a.identifier",
        "index lower a.poNumber",
        "index a.externalId",
        "index a.updatedAt",
        "index a.createdAt",
        "index r.customer",
    ),
    "ordershippingtrackings": (),
    "productkititemproducts": (),
    "productkititems": ("index r.productKit",),
    "products": ("unique a.sku",),
    "producttaxcodes": (),
    "productunitprecisions": ("index r.product",),
    "reboundcreditnotelines": ("unique a.returnLineKey", "index r.creditNote"),
    "reboundcreditnotes": ("unique a.creditNoteNumber", "index r.order", "index a.updatedAt"),
    "asyncoperations": (),
    "asyncoperationerrors": ("index r.operation",),
    "queue": ("unique r.operation",),
    "clients": ("unique a.clientId",),
    "tokens": ("unique a.token",),
    "webhooks": ("unique a.key",),
}


def attribute_sql(name: str, *, fold: bool = False) -> str:
    """Return the SQL expression of an attribute (in lower case where `fold`), as the indexes have it."""
    expression = f"json_extract(attributes, '$.{name}')"
    return f"lower({expression})" if fold else expression


def relation_sql(name: str) -> str:
    """Return the SQL expression of a to-one relation: the id as text, or null."""
    return f"json_extract(relations, '$.{name}')"


@dataclass(slots=True)
class Record:
    """One stored row: `relations` maps a name to an id (text), a list of ids, or None."""

    type: str
    id: int
    attributes: JsonObject
    relations: JsonObject

    @property
    def key(self) -> str:
        """The id on the wire."""
        return str(self.attributes.get("key", self.id))


Happening = Literal["created", "updated", "deleted"]
Change = tuple[Happening, Record]
"""What happened to a record, and the record as it is now, or was."""


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} is not JSON: give text, a number, or a Decimal")


def dump(value: object) -> str:
    """Return compact JSON; a Decimal becomes text in plain notation, as Oro prints money."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_plain)


class Transaction:
    """Reads and writes of one SQLite transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._ids: dict[str, int] = {}
        self.changes: list[Change] = []
        """What the shop will tell others of once this is committed."""

    def new_id(self, type_name: str) -> int:
        """Take the next id of a type; ids are never used twice."""
        if type_name not in self._ids:
            row = self._connection.execute(
                "select seq from sqlite_sequence where name = ?", (type_name,)
            ).fetchone()
            self._ids[type_name] = int(row[0]) if row else 0
        self._ids[type_name] += 1
        return self._ids[type_name]

    def insert(
        self,
        type_name: str,
        attributes: Mapping[str, Any],
        relations: Mapping[str, Any] | None = None,
        record_id: int | None = None,
    ) -> int:
        """Store one record and return its id; a repeated unique value raises `sqlite3.IntegrityError`."""
        number = self.new_id(type_name) if record_id is None else record_id
        self.insert_many(type_name, [(number, attributes, relations or {})])
        return number

    def insert_many(
        self, type_name: str, rows: Iterable[tuple[int, Mapping[str, Any], Mapping[str, Any]]]
    ) -> None:
        """Store many records with ids of the caller's."""
        self._connection.executemany(
            f'insert into "{type_name}" (id, attributes, relations) values (?, ?, ?)',
            ((record_id, dump(attributes), dump(relations)) for record_id, attributes, relations in rows),
        )

    def update(self, record: Record) -> None:
        """Write the record's attributes and relations back."""
        self._connection.execute(
            f'update "{record.type}" set attributes = ?, relations = ? where id = ?',
            (dump(record.attributes), dump(record.relations), record.id),
        )

    def delete(self, type_name: str, record_id: int) -> None:
        """Remove one record."""
        self._connection.execute(f'delete from "{type_name}" where id = ?', (record_id,))

    def get(self, type_name: str, record_id: int | str | None) -> Record | None:
        """Return one record by id (number, its text, or a key), or None."""
        number = to_id(record_id)
        if number is not None:
            return self.fetch(type_name, [number]).get(number)
        is_keyed = "unique a.key" in _INDEXES[type_name]
        return self.find(type_name, "key", record_id) if is_keyed else None

    def fetch(self, type_name: str, ids: Iterable[int]) -> dict[int, Record]:
        """Return the records with these ids, by id."""
        wanted = dump(list(ids))
        found = self.select(type_name, "id in (select value from json_each(?))", (wanted,))
        return {record.id: record for record in found}

    def select(
        self,
        type_name: str,
        where: str = "true",
        parameters: Sequence[object] = (),
        tail: str = "order by id",
    ) -> list[Record]:
        """Return the records that satisfy a condition; `tail` orders and limits them."""
        rows = self._connection.execute(
            f'select id, attributes, relations from "{type_name}" where {where} {tail}', parameters
        )
        return [Record(type_name, row[0], json.loads(row[1]), json.loads(row[2])) for row in rows.fetchall()]

    def find(self, type_name: str, attribute: str, value: object) -> Record | None:
        """Return the first record whose attribute has this value, or None."""
        found = self.select(type_name, f"{attribute_sql(attribute)} = ?", (value,), "order by id limit 1")
        return found[0] if found else None

    def count(self, type_name: str, where: str = "true", parameters: Sequence[object] = ()) -> int:
        """Return how many records satisfy a condition."""
        row = self._connection.execute(
            f'select count(*) from "{type_name}" where {where}', parameters
        ).fetchone()
        return int(row[0])


def to_id(value: int | str | None) -> int | None:
    """Return an id as a number, or None where the text is none."""
    if value is None or isinstance(value, int):
        return value
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


class Database:
    """A SQLite file in WAL mode: many readers, one writer at a time, usable from any thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._idle: deque[sqlite3.Connection] = deque()
        self._writing = threading.Lock()
        self._closed = False
        with self._connection() as connection:
            connection.execute("pragma journal_mode = wal")
            connection.execute("begin immediate")
            for type_name, indexes in _INDEXES.items():
                _create_table(connection, type_name, indexes)
            connection.execute("commit")

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Open a transaction that sees one state of the database."""
        with self._connection() as connection:
            connection.execute("begin")
            try:
                yield Transaction(connection)
            finally:
                connection.execute("rollback")

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Open the one writing transaction: committed when the block ends, undone when it raises."""
        with self._writing, self._connection() as connection:
            connection.execute("begin immediate")
            try:
                yield Transaction(connection)
            except BaseException:
                connection.execute("rollback")
                raise
            connection.execute("commit")

    @contextmanager
    def rehearse(self) -> Iterator[Transaction]:
        """Open a writing transaction that is undone in any case."""
        with self._writing, self._connection() as connection:
            connection.execute("begin immediate")
            try:
                yield Transaction(connection)
            finally:
                connection.execute("rollback")

    def close(self) -> None:
        """Close the idle connections; those in use close when they come back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = sqlite3.connect(
                self._path, timeout=30, isolation_level=None, check_same_thread=False
            )
            connection.execute("pragma synchronous = normal")
        try:
            yield connection
        finally:
            if self._closed:
                connection.close()
            else:
                self._idle.append(connection)


def _create_table(connection: sqlite3.Connection, type_name: str, indexes: Sequence[str]) -> None:
    connection.execute(
        f'create table if not exists "{type_name}" ('
        "id integer primary key autoincrement, attributes text not null, relations text not null)"
    )
    for number, index in enumerate(indexes):
        kind, _, fields = index.partition(" ")
        unique = "unique" if kind == "unique" else ""
        expressions = ", ".join(_index_sql(name.strip()) for name in fields.split(","))
        connection.execute(
            f'create {unique} index if not exists "{type_name}_{number}" on "{type_name}" ({expressions})'
        )


def _index_sql(name: str) -> str:
    fold = name.startswith("lower ")
    kind, _, column = name.removeprefix("lower ").partition(".")
    return attribute_sql(column, fold=fold) if kind == "a" else relation_sql(column)
