"""ReBound's state in one SQLite file: returns, parcels, pushed orders, and who logged in wrongly how often."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from rebound_oro_pipeline.sandbox.rebound.documents import template
from rebound_oro_pipeline.sandbox.rebound.records import ReturnRecord

JsonObject = dict[str, Any]

_TABLES = """
create table if not exists returns (
    id text primary key, registered_at text not null, situation text not null, template text not null
);
create index if not exists returns_registered_at on returns (registered_at);
create table if not exists parcels (code text primary key, return_id text not null);
create table if not exists orders (
    reference text primary key, document text not null, pushed_at text not null, pushes integer not null
);
create table if not exists wrong_logins (address text primary key, count integer not null);
"""


@dataclass(frozen=True, slots=True)
class StoredReturn:
    """A return with its template, see `documents.template`."""

    return_id: str
    registered_at: datetime
    situation: str
    template: JsonObject


@dataclass(frozen=True, slots=True)
class PushedOrder:
    """An order that was pushed, as it was pushed last, and how often."""

    reference: str
    document: JsonObject
    pushed_at: datetime
    pushes: int


class ReboundStore:
    """One imitated ReBound account; to be used from one thread at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.only_offered = False
        """Whether the portal lets customers register returns of offered items only."""
        self._connection.executescript("pragma journal_mode = wal; pragma synchronous = off;" + _TABLES)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def add_returns(self, records: Iterable[ReturnRecord]) -> None:
        """Store returns with their parcels; a repeated id raises `sqlite3.IntegrityError`."""
        records = list(records)
        self._connection.execute("begin")
        self._connection.executemany(
            "insert into returns values (?, ?, ?, ?)",
            (
                (
                    record.return_id,
                    record.registered_at.isoformat(),
                    record.situation,
                    json.dumps(template(record)),
                )
                for record in records
            ),
        )
        self._connection.executemany(
            "insert into parcels values (?, ?)",
            ((parcel.tracking_code, record.return_id) for record in records for parcel in record.parcels),
        )
        self._connection.execute("commit")

    def search(self, first: date, last: date, now: datetime) -> list[str]:
        """Return the ids of the returns registered from one day to another (both included), not after now."""
        rows = self._connection.execute(
            "select id from returns where date(registered_at) between ? and ? and registered_at <= ? order by id",
            (first.isoformat(), last.isoformat(), now.isoformat()),
        )
        return [row[0] for row in rows]

    def find(self, return_id: str, now: datetime) -> StoredReturn | None:
        """Return a return that is registered by now, or None."""
        rows = self._select("id = ? and registered_at <= ?", (return_id, now.isoformat()))
        return rows[0] if rows else None

    def of_parcel(self, code: str, now: datetime) -> StoredReturn | None:
        """Return the return that came in this parcel, or None."""
        row = self._connection.execute("select return_id from parcels where code = ?", (code,)).fetchone()
        return self.find(row[0], now) if row else None

    def returns(self, now: datetime) -> list[StoredReturn]:
        """Return all returns that are registered by now, by id."""
        return self._select("registered_at <= ?", (now.isoformat(),))

    def push_order(self, reference: str, document: JsonObject, *, overwrite: bool, at: datetime) -> bool:
        """Store an order; False where it is known already and must not be overwritten."""
        if (
            not overwrite
            and self._connection.execute("select 1 from orders where reference = ?", (reference,)).fetchone()
        ):
            return False
        self._connection.execute(
            "insert into orders values (?, ?, ?, 1) on conflict (reference) do update "
            "set document = excluded.document, pushed_at = excluded.pushed_at, pushes = pushes + 1",
            (reference, json.dumps(document), at.isoformat()),
        )
        return True

    def pushed_order(self, reference: str) -> PushedOrder | None:
        """Return a pushed order, or None; blanks around the reference and case do not matter."""
        wanted = reference.strip().lower()
        return next((each for each in self.pushed_orders() if each.reference.lower() == wanted), None)

    def count_returns(self) -> int:
        """Return how many returns there are, those that are registered later included."""
        return int(self._connection.execute("select count(*) from returns").fetchone()[0])

    def pushed_orders(self) -> list[PushedOrder]:
        """Return the pushed orders by reference."""
        rows = self._connection.execute("select * from orders order by reference")
        return [
            PushedOrder(reference, json.loads(document), datetime.fromisoformat(at), pushes)
            for reference, document, at, pushes in rows
        ]

    def wrong_login(self, address: str) -> None:
        """Count a wrong login from an address."""
        self._connection.execute(
            "insert into wrong_logins values (?, 1) on conflict (address) do update set count = count + 1",
            (address,),
        )

    def wrong_logins(self, address: str) -> int:
        """Return how often an address logged in wrongly since it was last forgiven."""
        row = self._connection.execute(
            "select count from wrong_logins where address = ?", (address,)
        ).fetchone()
        return int(row[0]) if row else 0

    def forgive(self) -> None:
        """Unblock every address."""
        self._connection.execute("delete from wrong_logins")

    def _select(self, where: str, parameters: tuple[object, ...]) -> list[StoredReturn]:
        rows = self._connection.execute(
            f"select id, registered_at, situation, template from returns where {where} order by id",
            parameters,
        )
        return [
            StoredReturn(return_id, datetime.fromisoformat(at), situation, json.loads(kept))
            for return_id, at, situation, kept in rows
        ]
