"""What the demo shows at its end: where every unit is, what was credited, and what OroCommerce holds of it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

import psycopg
from psycopg.rows import class_row, tuple_row
from rich.console import Console
from rich.table import Table

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.summarise import (
    Credited,
    Destination,
    credited,
    destinations,
    lines_without_a_place,
    restocked,
)
from rebound_oro_pipeline.warehouse import statements

_SQL = statements.load("demo")
T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """How many credit notes or stock levels compare in one way with what OroCommerce holds."""

    finding: str
    count: int
    difference: Decimal


@dataclass(frozen=True)
class Told:
    """How many orders, with how many items, ReBound was told of in one way."""

    offer_state: str
    push_state: str
    orders: int
    items: int


@dataclass(frozen=True)
class Report:
    """The demo's result. Units are those of the return lines, amounts those of the credit notes.

    Units that are restocked or not are those of the order lines, kits as their components: two boxes that came back
    of an order of items are 2 in `destinations` and 100 here.
    `documents_unread` are returns of which not even the lines could be read; kept raw, and quarantined.
    """

    destinations: list[Destination]
    credited: list[Credited]
    units_restocked: Decimal
    units_not_restocked: Decimal
    lines_without_a_place: int
    documents_unread: int
    notes_against_oro: list[Finding]
    levels_against_oro: list[Finding]
    messages_unsettled: int
    orders_told: list[Told]

    @property
    def accounted_for(self) -> bool:
        """Whether every unit is in one place, and OroCommerce holds what was decided or refused it by name."""
        # What OroCommerce refused stands in the quarantine, with its reason and an owner.
        fine = {"equal", "nothing_to_send", "refused"}
        return (
            self.lines_without_a_place == 0
            and self.messages_unsettled == 0
            and all(
                finding.finding in fine for finding in (*self.notes_against_oro, *self.levels_against_oro)
            )
        )


def read_report(conn: psycopg.Connection, window: Window) -> Report:
    """Read the report from the database, after OroCommerce was read back."""
    back, not_back = restocked(conn, window)
    return Report(
        destinations=destinations(conn, window),
        credited=credited(conn, window),
        units_restocked=back,
        units_not_restocked=not_back,
        lines_without_a_place=lines_without_a_place(conn, window),
        documents_unread=_count(conn, "documents_unread"),
        notes_against_oro=_rows(conn, "notes_against_oro", Finding),
        levels_against_oro=_rows(conn, "levels_against_oro", Finding),
        messages_unsettled=_count(conn, "messages_unsettled"),
        orders_told=_rows(conn, "offers_told", Told),
    )


def print_report(console: Console, report: Report, elapsed: float) -> None:
    """Print the report for a person; `elapsed` are the seconds that the demo took."""
    console.print()
    console.print(_destinations_table(report))
    if report.documents_unread:
        console.print(
            f"Documents that cannot be read: {report.documents_unread}, kept raw, quarantined as malformed_document"
        )
    console.print(_credits_table(report))
    console.print(
        f"Units back on the shelf: [bold]{report.units_restocked.normalize():f}[/], "
        f"not saleable: {report.units_not_restocked.normalize():f} "
        "(in the order's units, kits as components; the table above counts in the return's)"
    )
    for title, findings in (
        ("Credit notes in OroCommerce", report.notes_against_oro),
        ("Stock levels in OroCommerce", report.levels_against_oro),
    ):
        said = ", ".join(f"{finding.count} {finding.finding.replace('_', ' ')}" for finding in findings)
        console.print(f"{title}: {said or 'none'}")
    told = ", ".join(
        f"{each.orders} {each.offer_state} with {each.items} items ({each.push_state})"
        for each in report.orders_told
    )
    console.print(f"Orders at ReBound: {told or 'none'}")
    console.print(f"[dim]{elapsed:.1f} s in all[/]", highlight=False)
    if report.accounted_for:
        console.print("[green]Every unit and every cent is accounted for.[/]")
    else:
        console.print(
            "[red]Something is not accounted for: see the findings above, or `make dev`, group reconciliation.[/]"
        )
    console.print("Next: `make dev` opens this in Dagster's UI; docs/tour.md follows one return through it.")


def _destinations_table(report: Report) -> Table:
    table = Table(title="Where the return lines are", title_justify="left")
    for name in ("destination", "reason"):
        table.add_column(name)
    for name in ("lines", "units"):
        table.add_column(name, justify="right")
    for place in report.destinations:
        table.add_row(place.destination, place.reason or "", str(place.lines), f"{place.units.normalize():f}")
    return table


def _credits_table(report: Report) -> Table:
    table = Table(title="Credit notes", title_justify="left")
    table.add_column("currency")
    table.add_column("notes", justify="right")
    table.add_column("total", justify="right")
    for total in report.credited:
        table.add_row(total.currency, str(total.notes), f"{total.total_amount:,}")
    return table


def _count(conn: psycopg.Connection, name: str) -> int:
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_SQL[name]).fetchone()
    return int(row[0]) if row else 0


def _rows(conn: psycopg.Connection, name: str, kind: type[T]) -> list[T]:
    with conn.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(_SQL[name]).fetchall()
