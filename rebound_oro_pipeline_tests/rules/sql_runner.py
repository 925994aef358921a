"""The SQL models behind the same call as the oracle: land documents, decide, read what is open."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from rebound_oro_pipeline.contracts.oro import read_orders, read_products
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.rebound import read_return
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.decide import decide
from rebound_oro_pipeline.warehouse import landing, reference
from rebound_oro_pipeline_tests.prepared import models
from rebound_oro_pipeline_tests.rules.deciding import DECIDED_AT, Document
from rebound_oro_pipeline_tests.rules.deciding import Window as Days
from rebound_oro_pipeline_tests.rules.outcomes import Tables

ALWAYS = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))

# A table gives its rows in no order of its own: they lie where vacuuming has made room.
_IN_TURN = 'registered_at, length(return_id), return_id collate "C"'
_OUTPUTS: Mapping[str, str] = {
    "credit_notes": f"select * from ledger.credit_notes order by {_IN_TURN}, sequence",
    "credit_note_lines": f"select * from ledger.credit_note_lines order by {_IN_TURN}, credit_note_number, position",
    "inventory_deltas": f"select * from ledger.inventory_deltas order by {_IN_TURN}, credit_note_number, position",
    "quarantine": f"select * from ledger.quarantine where resolved_at is null order by {_IN_TURN}, subject, reason",
    "held": f"select * from ledger.holds where resolved_at is null order by {_IN_TURN}, subject, reason",
}


@dataclass(frozen=True)
class Landed:
    """A connection on whose database documents were landed, and the policy to decide under."""

    conn: psycopg.Connection[Any]
    policy_version: int

    def decide(self, windows: Sequence[Days | None] = (None,), decided_at: datetime = DECIDED_AT) -> Tables:
        """Decide the windows one after another (None: everything) and return the open state after the last."""
        for window in windows:
            decide(
                self.conn,
                models(),
                ALWAYS if window is None else Window(*window),
                policy_version=self.policy_version,
                decided_at=decided_at,
                run_id="test",
            )
        return self.tables()

    def tables(self) -> Tables:
        """Read the open state."""
        with self.conn.cursor(row_factory=dict_row) as cursor:
            return Tables(**{name: cursor.execute(query).fetchall() for name, query in _OUTPUTS.items()})

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Take back, at its end, what is decided or landed inside."""
        with self.conn.transaction(force_rollback=True):
            yield


@contextmanager
def landed(
    conn: psycopg.Connection[Any],
    orders: Iterable[Document],
    returns: Iterable[Document],
    *,
    products: Iterable[Document] = (),
    aliases: Sequence[tuple[str, str]] = (),
    policy: Document | None = None,
) -> Iterator[Landed]:
    """Land documents in a prepared database for the time of the block; everything in it is taken back at its end."""
    with conn.transaction(force_rollback=True):
        for alias, sku in aliases:
            reference.add_alias(conn, alias, sku, added_by="test")
        land(conn, orders, returns, products)
        yield Landed(conn, reference.save_policy(conn, Policy.model_validate(policy or {}).document()))


def land(
    conn: psycopg.Connection[Any],
    orders: Iterable[Document],
    returns: Iterable[Document],
    products: Iterable[Document] = (),
) -> None:
    """Land documents as they are read from files."""
    stamp: dict[str, Any] = {"source": "file", "landed_by": "test", "landed_at": DECIDED_AT}
    landing.land_orders(conn, (each for document in orders for each in read_orders(document)), **stamp)
    landing.land_products(conn, (each for document in products for each in read_products(document)), **stamp)
    landing.land_returns(conn, (read_return(document, default_mapping()) for document in returns), **stamp)


def decide_with_sql(
    conn: psycopg.Connection[Any],
    orders: Iterable[Document],
    returns: Iterable[Document],
    *,
    products: Iterable[Document] = (),
    aliases: Sequence[tuple[str, str]] = (),
    policy: Document | None = None,
    windows: Sequence[Days | None] = (None,),
) -> Tables:
    """Land and decide in a prepared database, take everything back, and return what was decided."""
    with landed(conn, orders, returns, products=products, aliases=aliases, policy=policy) as there:
        return there.decide(windows)
