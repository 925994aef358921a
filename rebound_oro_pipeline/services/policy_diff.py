"""What another policy would change: a window decided under two policies, side by side, in a private database.

The window is decided anew from the landed documents, under the policy in force and under the other one. Earlier
returns of the same orders are decided before it under the policy in force, so that both find the same units taken;
orders that were credited before it go by the figures that were kept.
The pipeline's own database is only read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.decide import decide
from rebound_oro_pipeline.services.private_database import analyse_landed, private_database
from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.warehouse import reference, statements

_SQL = statements.load("policy_diff")
_BEGINNING = datetime.min.replace(tzinfo=UTC)
AMOUNTS = (
    "net_amount",
    "discount_amount",
    "tax_amount",
    "shipping_amount",
    "shipping_tax_amount",
    "fee_amount",
    "total_amount",
)
"""Amounts of a note that are compared; `total_amount` is the one that is summed up."""


@dataclass(frozen=True)
class NoteChange:
    """A credit note that would be another, or that only one of the policies gives.

    `in_force` and `proposed` are its amounts by name, None where the policy gives no such note.
    """

    credit_note_number: str
    return_id: str
    order_identifier: str
    currency: str
    in_force: Mapping[str, Decimal] | None
    proposed: Mapping[str, Decimal] | None

    @property
    def difference(self) -> Decimal:
        """By how much more the proposed policy would credit."""
        return _total(self.proposed) - _total(self.in_force)


@dataclass(frozen=True)
class CurrencyChange:
    """Notes and their totals in one currency under both policies."""

    currency: str
    notes_in_force: int
    notes_proposed: int
    total_in_force: Decimal
    total_proposed: Decimal

    @property
    def difference(self) -> Decimal:
        """By how much more the proposed policy would credit."""
        return self.total_proposed - self.total_in_force


@dataclass(frozen=True)
class PlaceChange:
    """A return line whose units would be elsewhere; each place is `3 credited`, `1 quarantined over_return`."""

    return_id: str
    return_line_key: str | None
    in_force: tuple[str, ...]
    proposed: tuple[str, ...]


@dataclass(frozen=True)
class ShelfChange:
    """Units of a SKU that would go back on the shelf under each policy, in that unit."""

    sku: str
    unit_code: str | None
    in_force: Decimal
    proposed: Decimal


@dataclass(frozen=True)
class PolicyDiff:
    """What would change in a window; all empty but `currencies` where the policies decide alike."""

    window: Window
    notes: tuple[NoteChange, ...]
    currencies: tuple[CurrencyChange, ...]
    places: tuple[PlaceChange, ...]
    shelf: tuple[ShelfChange, ...]

    @property
    def is_empty(self) -> bool:
        """Whether both policies decide the window alike."""
        return not (self.notes or self.places or self.shelf)


@dataclass(frozen=True)
class _Decided:
    notes: Mapping[str, Mapping[str, Any]]
    places: Mapping[tuple[str, str | None], tuple[str, ...]]
    shelf: Mapping[tuple[str, str | None], Decimal]


def policy_diff(
    conn: psycopg.Connection[Any],
    server_url: str,
    models: Models,
    window: Window,
    *,
    in_force: Policy,
    proposed: Policy,
    now: datetime | None = None,
) -> PolicyDiff:
    """Decide `window` under both policies beside the database of `conn`, which is only read, and compare.

    `server_url` is any database of a server on which we may create one, else PrivateDatabaseError. Raises
    DecisionRefused where a policy leads to a decision that the invariants refuse.
    """
    moment = now or datetime.now(UTC)
    with private_database(server_url, models, purpose="policy_diff") as private:
        present = reference.save_policy(private, in_force.document())
        other = reference.save_policy(private, proposed.document())
        _copy_what_is_needed(conn, private, window, policy_version=present)
        analyse_landed(private)
        private.commit()
        earlier = Window(_BEGINNING, window.start)
        decide(private, models, earlier, policy_version=present, decided_at=moment, run_id="policy diff")
        private.commit()
        before, after = (_decided(private, models, window, version, moment) for version in (present, other))
    return _compare(window, before, after)


def _copy_what_is_needed(
    conn: psycopg.Connection[Any], private: psycopg.Connection[Any], window: Window, *, policy_version: int
) -> None:
    needed: dict[str, Any] = dict(window.bounds)
    for name, query in (
        ("orders", "orders_at_hand"),
        ("returns", "returns_at_hand"),
        ("products", "products_at_hand"),
        ("kept", "kept_orders"),
    ):
        needed[name] = [row[0] for row in conn.execute(_SQL[query], needed)]
    # As stored, whatever version of the policy it was: the private database knows only its own two.
    fixed = {"policy_version": policy_version, "decision_id": 0}
    for relation, column, keys in (
        ("landing.rebound_returns", "return_id", "returns"),
        ("landing.rebound_return_lines", "return_id", "returns"),
        ("landing.oro_orders", "order_id", "orders"),
        ("landing.oro_order_lines", "order_id", "orders"),
        ("landing.oro_order_kit_items", "order_id", "orders"),
        ("landing.oro_order_subtotals", "order_id", "orders"),
        ("landing.oro_products", "product_id", "products"),
        ("landing.oro_product_units", "product_id", "products"),
        ("reference.sku_aliases", None, None),
        ("reference.operator_decisions", "return_id", "returns"),
        ("ledger.orders", "order_id", "kept"),
        ("ledger.order_items", "order_id", "kept"),
        ("ledger.order_taxes", "order_id", "kept"),
        ("ledger.holds", "return_id", "returns"),
        ("ledger.quarantine", "return_id", "returns"),
    ):
        rows: sql.Composable = sql.SQL("true")
        if column and keys:
            rows = sql.SQL("{} = any({})").format(sql.Identifier(column), sql.Literal(needed[keys]))
        _copy(conn, private, relation, rows=rows, fixed=fixed)


def _copy(
    conn: psycopg.Connection[Any],
    private: psycopg.Connection[Any],
    relation: str,
    *,
    rows: sql.Composable,
    fixed: Mapping[str, int],
) -> None:
    """Copy rows, but for columns that are fixed; what is generated is generated anew."""
    columns = [row[0] for row in private.execute(_SQL["columns"], {"relation": relation})]
    table = sql.Identifier(*relation.split("."))
    read = [sql.Literal(fixed[name]) if name in fixed else sql.Identifier(name) for name in columns]
    source = sql.SQL("copy (select {} from {} where {}) to stdout").format(
        sql.SQL(", ").join(read), table, rows
    )
    target = sql.SQL("copy {} ({}) from stdin").format(
        table, sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with (
        conn.cursor() as reading,
        private.cursor() as writing,
        reading.copy(source) as out,
        writing.copy(target) as into,
    ):
        for block in out:
            into.write(block)


def _decided(
    private: psycopg.Connection[Any], models: Models, window: Window, policy_version: int, moment: datetime
) -> _Decided:
    with (
        private.transaction(force_rollback=True),
        private.cursor(row_factory=dict_row) as cursor,
    ):
        decide(
            private, models, window, policy_version=policy_version, decided_at=moment, run_id="policy diff"
        )
        notes = {row["credit_note_number"]: row for row in cursor.execute(_SQL["notes"], window.bounds)}
        places: dict[tuple[str, str | None], tuple[str, ...]] = {}
        for row in cursor.execute(_SQL["places"], window.bounds):
            line = row["return_id"], row["return_line_key"]
            places[line] = (*places.get(line, ()), _place(row))
        shelf = {
            (row["sku"], row["unit_code"]): row["quantity"]
            for row in cursor.execute(_SQL["shelf"], window.bounds)
        }
    return _Decided(notes, places, shelf)


def _place(row: Mapping[str, Any]) -> str:
    quantity = "" if row["quantity"] is None else f"{row['quantity'].normalize():f}"
    return " ".join(filter(None, (quantity, row["destination"], row["reason"])))


def _compare(window: Window, before: _Decided, after: _Decided) -> PolicyDiff:
    return PolicyDiff(
        window,
        tuple(_note_changes(before.notes, after.notes)),
        tuple(_currency_changes(before.notes, after.notes)),
        tuple(
            PlaceChange(*line, before.places.get(line, ()), after.places.get(line, ()))
            for line in {**before.places, **after.places}
            if before.places.get(line) != after.places.get(line)
        ),
        tuple(
            ShelfChange(*key, before.shelf.get(key, Decimal(0)), after.shelf.get(key, Decimal(0)))
            for key in {**before.shelf, **after.shelf}
            if before.shelf.get(key) != after.shelf.get(key)
        ),
    )


def _note_changes(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> Iterator[NoteChange]:
    for number, note in {**before, **after}.items():
        amounts = [
            {name: side[number][name] for name in AMOUNTS} if number in side else None
            for side in (before, after)
        ]
        if amounts[0] != amounts[1]:
            yield NoteChange(
                number, note["return_id"], note["order_identifier"], note["currency"], amounts[0], amounts[1]
            )


def _currency_changes(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> Iterator[CurrencyChange]:
    for currency in sorted({note["currency"] for side in (before, after) for note in side.values()}):
        totals = [
            [note["total_amount"] for note in side.values() if note["currency"] == currency]
            for side in (before, after)
        ]
        yield CurrencyChange(
            currency, len(totals[0]), len(totals[1]), sum(totals[0], Decimal(0)), sum(totals[1], Decimal(0))
        )


def _total(amounts: Mapping[str, Decimal] | None) -> Decimal:
    return Decimal(0) if amounts is None else amounts["total_amount"]
