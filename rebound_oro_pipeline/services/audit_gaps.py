"""The gaps that an audit looks for: what each means, what to do, and its records with the money at stake."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from rebound_oro_pipeline.services.spreadsheets import csv_text
from rebound_oro_pipeline.warehouse import statements

EXAMPLES: Final = 10
"""Records of a gap that stand in the report; all of them stand in its CSV file."""

_SQL = statements.load("audit_gaps")


@dataclass(frozen=True)
class Kind:
    """What a gap is; `name` is also that of its statement, and of its CSV file."""

    name: str
    title: str
    what_it_means: str
    what_happens: str
    what_to_do: str
    amount_is: str


_ORDER_TOTALS = "totals of these orders"
_RETURN_VALUES = "an estimate: units at their price on the order, or at the average price of the SKU"
_LINE_VALUES = "values of these lines before discounts and tax"

KINDS: Final = (
    Kind(
        "orders_without_tax_data",
        "Orders without tax data",
        "Tax was charged, but the lines do not say how much of it is theirs.",
        "Their returns go to the quarantine as tax_unresolvable, unless the policy lets the tax be spread by value.",
        "Have the orders' tax values restored in OroCommerce, or set tax.without_rows to by_value in the policy.",
        _ORDER_TOTALS,
    ),
    Kind(
        "orders_that_do_not_add_up",
        "Orders that do not add up",
        "Neither reading of the order's figures explains its total, or two currencies meet in it.",
        "Nothing is credited from figures that cannot be explained: their returns go to the quarantine.",
        "Look at the detail of each with finance; correct the order in OroCommerce, or credit its returns by hand.",
        _ORDER_TOTALS,
    ),
    Kind(
        "returns_without_orders",
        "Returns without orders",
        "No order is found by the reference of the return, or several are.",
        "They are held for a while, then go to the quarantine; several orders by one reference at once.",
        "See which field of OroCommerce the references come from, and name it in the policy's order_reference; "
        "correct the others in ReBound.",
        _RETURN_VALUES,
    ),
    Kind(
        "returned_skus_not_on_their_order",
        "Returned SKUs that are not on their order",
        "The order is known, but none of its lines, components or aliases has the SKU that came back.",
        "The lines go to the quarantine as unknown_sku.",
        "Collect the historical codes in a CSV file and import them: rebound-oro alias import FILE.",
        _RETURN_VALUES,
    ),
    Kind(
        "skus_without_products",
        "SKUs without products",
        "OroCommerce shows no product for a SKU that was sold or came back.",
        "Units and precisions cannot be checked, and the goods cannot be restocked.",
        "Where all are missing, give the API's user the permission View on products. Else the product was deleted or "
        "renamed: add an alias, or restock by hand.",
        _LINE_VALUES,
    ),
    Kind(
        "skus_without_levels",
        "Products without a stock level",
        "The product has no inventory level in the unit in which it was sold.",
        "Its returns are credited, but the restock is refused and waits in the quarantine as push_rejected.",
        "Where all are missing, give the API's user the permission View on products and inventory levels. Else add the "
        "unit to the product in OroCommerce, which makes its level.",
        _LINE_VALUES,
    ),
    Kind(
        "duplicated_external_ids",
        "References that several orders have",
        "Several of the orders read have the same identifier, PO number or external id.",
        "A return that names one is ambiguous: it goes to the quarantine as unknown_order.",
        "Let returns name the identifier, which is unique; or take the field out of the policy's order_reference.",
        _ORDER_TOTALS,
    ),
    Kind(
        "statuses_without_mapping",
        "Statuses, dispositions and reasons without a mapping",
        "A value is neither in the lists of this pipeline nor in the policy.",
        "It depends on the value; each row tells.",
        "Add ReBound's values to the mapping or to the seeds, OroCommerce's statuses to the policy's gate.",
        "worth of the returns, or totals of the orders, that have the value",
    ),
    Kind(
        "shipping_statuses_null",
        "Orders whose shipping status is empty",
        "The order has no shipping status at all, as imported and old ones have not.",
        "The policy's gate.when_status_missing decides; where that is not dispatched, returns are held.",
        "Choose gate.when_status_missing, or set the status of these orders in OroCommerce before their returns come.",
        _ORDER_TOTALS,
    ),
    Kind(
        "relations_null",
        "Relations that are empty",
        "The customer, product or status behind a record is empty. OroCommerce also shows it so, in silence, where the "
        "API's user may not view what is behind it.",
        "Credit notes miss their customer, stock finds no product.",
        "Where all records of a kind are affected, give the permission View at the level of the organization, and "
        "audit again. Else the product or customer was deleted.",
        "totals of these orders, or values of these lines",
    ),
    Kind(
        "documents_that_cannot_be_read",
        "Documents that cannot be read",
        "A return, one of its lines, or an order holds something else than its field may.",
        "It goes to the quarantine as malformed_document; the rest goes on without it.",
        "Correct the field at its source, or the mapping of ReBound's documents.",
        _RETURN_VALUES,
    ),
)


@dataclass(frozen=True)
class AtStake:
    """Records of a gap in one currency; None where no currency is known, and no amount where none can be told."""

    currency: str | None
    records: int
    amount: Decimal | None


@dataclass(frozen=True)
class Gap:
    """What was found of a kind; `columns` and `examples` are its first records, `file` has them all."""

    kind: Kind
    at_stake: tuple[AtStake, ...]
    columns: tuple[str, ...]
    examples: tuple[tuple[Any, ...], ...]
    file: Path

    @property
    def records(self) -> int:
        """How many rows its file has."""
        return sum(each.records for each in self.at_stake)

    def amount_in(self, currency: str) -> Decimal:
        """Return the money at stake in a currency."""
        return sum(
            (each.amount or Decimal(0) for each in self.at_stake if each.currency == currency), Decimal(0)
        )


def find_gaps(conn: psycopg.Connection[Any], out: Path, parameters: Mapping[str, object]) -> Iterator[Gap]:
    """Look for every kind of gap in the database of an audit, and write its records below `out` as CSV."""
    for kind in KINDS:
        table = sql.Identifier(f"audit_{kind.name}")
        # The statement is text of ours; its parameters stay parameters.
        records = sql.SQL(_SQL[kind.name].rstrip(";"))
        conn.execute(
            sql.SQL(
                "create temporary table {} as"
                " select row_number() over () as record_number, records.* from ({}) as records"
            ).format(table, records),
            parameters,
        )
        yield _read(conn, kind, table, out / f"{kind.name}.csv")


def _read(conn: psycopg.Connection[Any], kind: Kind, table: sql.Identifier, file: Path) -> Gap:
    with conn.cursor(row_factory=class_row(AtStake)) as cursor:
        at_stake = cursor.execute(sql.SQL(_SQL["at_stake"].rstrip(";")).format(gap=table)).fetchall()
    with conn.cursor() as cursor:
        found = cursor.execute(sql.SQL("select * from {} limit 0").format(table)).description or ()
    columns = tuple(column.name for column in found if column.name != "record_number")
    shown = sql.SQL(", ").join(
        sql.SQL(_SQL["money"].rstrip(";")) if column == "amount" else sql.Identifier("gap", column)
        for column in columns
    )
    examples: list[tuple[Any, ...]] = []
    with (
        conn.cursor(name="audit_records") as cursor,
        file.open("w", encoding="utf-8", newline="") as text,
    ):
        cursor.itersize = 5_000
        writer = csv.writer(text, lineterminator="\n")
        cursor.execute(sql.SQL(_SQL["records"].rstrip(";")).format(columns=shown, gap=table))
        writer.writerow(columns)
        for row in cursor:
            writer.writerow([csv_text(plain(value)) for value in row])
            if len(examples) < EXAMPLES:
                examples.append(row)
    return Gap(kind, tuple(at_stake), columns, tuple(examples), file)


def plain(value: object) -> str:
    """Return a value as text: exact decimals without an exponent, times in UTC, nothing for null."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds")
        case _:
            return str(value)


def currencies(gaps: Sequence[Gap]) -> list[str]:
    """List the currencies in which anything is at stake, those with most records first."""
    records: dict[str, int] = {}
    for gap in gaps:
        for each in gap.at_stake:
            if each.currency is not None and each.amount:
                records[each.currency] = records.get(each.currency, 0) + each.records
    return sorted(records, key=lambda currency: (-records[currency], currency))
