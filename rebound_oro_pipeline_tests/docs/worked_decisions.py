"""Decides all worked examples with the real SQL models, in few decisions, and reads what came out of each."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.decide import decide
from rebound_oro_pipeline.services.offer_returnable_items import offer_returnable_items
from rebound_oro_pipeline.warehouse import reference
from rebound_oro_pipeline_tests.docs.notation import Example, Order
from rebound_oro_pipeline_tests.docs.worked_documents import (
    order_document,
    own,
    product_document,
    return_document,
    told,
)
from rebound_oro_pipeline_tests.prepared import models
from rebound_oro_pipeline_tests.rules.sql_runner import land

FIRST_DAY = datetime(2026, 3, 1, tzinfo=UTC)
"""Examples with one policy and one rhythm share a day of returns; the next such group takes the next day."""

FIGURES = ("net", "discount", "tax", "shipping", "shipping tax", "fee", "total")

_QUERIES: Mapping[str, str] = {
    "notes": "select * from ledger.credit_notes order by registered_at, credit_note_number",
    "lines": "select * from ledger.credit_note_lines order by credit_note_number, position",
    "deltas": "select * from ledger.inventory_deltas order by credit_note_number, position",
    "quarantine": "select * from ledger.quarantine where resolved_at is null",
    "holds": "select * from ledger.holds where resolved_at is null",
    "places": "select * from marts.return_line_destinations",
    "offers": "select distinct on (order_id) offers.*, order_reference as return_id from ledger.offers"
    " order by order_id, version desc",
    "taxes": "select taxes.*, notes.return_id from marts.credit_note_taxes as taxes"
    " inner join ledger.credit_notes as notes using (credit_note_number)",
}


@dataclass
class Came:
    """What came out of one stage of an example; names, SKUs and lines as the example tells them.

    Notes are those that the stage added; everything else is what is open after it.
    """

    notes: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    lines: dict[tuple[str, int], dict[str, Decimal]] = field(default_factory=lambda: defaultdict(dict))
    line_units: dict[tuple[str, int], dict[str, Decimal]] = field(default_factory=lambda: defaultdict(dict))
    taxes: dict[tuple[str, str], dict[tuple[str, Decimal], tuple[Decimal, Decimal]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    offers: dict[str, tuple[str, dict[str, tuple[Decimal, Decimal, bool]]]] = field(default_factory=dict)
    stock: dict[str, dict[tuple[str, str], Decimal]] = field(default_factory=lambda: defaultdict(dict))
    places: dict[tuple[str, str, str | None], dict[str, Decimal]] = field(
        default_factory=lambda: defaultdict(dict)
    )


def decide_examples(conn: psycopg.Connection[Any], examples: Iterable[Example]) -> dict[int, list[Came]]:
    """Decide every stage of every example; returns by example number what came out, stage by stage."""
    groups: dict[tuple[str, tuple[timedelta, ...]], list[Example]] = defaultdict(list)
    for example in examples:
        rhythm = tuple(stage.wait for stage in example.stages)
        groups[json.dumps(_policy(example), sort_keys=True), rhythm].append(example)
    came: dict[int, list[Came]] = defaultdict(list)
    for place, ((policy, rhythm), members) in enumerate(groups.items()):
        day = FIRST_DAY + timedelta(days=place)
        version = reference.save_policy(conn, Policy.model_validate(json.loads(policy)).document())
        decided_at = day + timedelta(days=1)
        for number, wait in enumerate(rhythm):
            decided_at += wait
            known = {row["credit_note_number"] for row in _rows(conn, "notes")}
            for example in members:
                _land(conn, example, number, day)
            decide(
                conn,
                models(),
                Window.day(day.date()),
                policy_version=version,
                decided_at=decided_at,
                run_id="docs",
            )
            offer_returnable_items(
                conn, models(), policy_version=version, decided_at=decided_at, run_id="docs"
            )
            tables = {name: _rows(conn, name) for name in _QUERIES}
            tables["notes"] = [row for row in tables["notes"] if row["credit_note_number"] not in known]
            for example in members:
                came[example.number].append(_read(example, tables))
    conn.rollback()
    return came


def _policy(example: Example) -> dict[str, Any]:
    """Return the policy of an example; what it says of SKUs is of its own ones."""
    policy = dict(example.policy)
    if "non_returnable_skus" in policy.get("offer", {}):
        own_skus = [own(example, sku) for sku in policy["offer"]["non_returnable_skus"]]
        policy["offer"] = {**policy["offer"], "non_returnable_skus": own_skus}
    return policy


def _land(conn: psycopg.Connection[Any], example: Example, number: int, day: datetime) -> None:
    stage = example.stages[number]
    orders = _orders(example, number)
    for alias, sku in stage.aliases:
        reference.add_alias(conn, own(example, alias), own(example, sku), added_by="docs")
    products = list(example.products.items()) if number == 0 else []
    earlier = [given.name for before in example.stages[:number] for given in before.returns]
    places: dict[str, int] = {}
    for name in earlier + [given.name for given in stage.returns]:
        places.setdefault(name, len(places))
    land(
        conn,
        [
            order_document(example, order, place, day.isoformat())
            for place, order in enumerate(orders)
            if order in stage.orders
        ],
        [
            return_document(example, given, orders, (day + timedelta(minutes=places[given.name])).isoformat())
            for given in stage.returns
        ],
        [product_document(example, sku, units, place) for place, (sku, units) in enumerate(products)],
    )


def _orders(example: Example, number: int) -> list[Order]:
    """Return the orders as they are at a stage: a later version of one takes its place."""
    latest: dict[str, Order] = {}
    for stage in example.stages[: number + 1]:
        latest |= {order.name: order for order in stage.orders}
    return list(latest.values())


def _rows(conn: psycopg.Connection[Any], name: str) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_QUERIES[name]).fetchall()


def _read(example: Example, tables: Mapping[str, list[dict[str, Any]]]) -> Came:
    came = Came()
    mine = {name: [row for row in rows if _is_own(example, row)] for name, rows in tables.items()}
    names: dict[str, str] = {}
    for note in mine["notes"]:
        suffix = "" if note["sequence"] == 1 else f"-{note['sequence']}"
        names[note["credit_note_number"]] = told(example, note["return_id"]) + suffix
        came.notes[names[note["credit_note_number"]]] = {
            figure: note[f"{figure.replace(' ', '_')}_amount"] for figure in FIGURES
        }
    _read_parts(example, came, mine, names)
    for row in mine["offers"]:
        items = {
            told(example, item["sku"]): (
                Decimal(item["quantity"]),
                Decimal(item["price"]),
                not item["non_returnable"],
            )
            for item in row["items"]
        }
        came.offers[told(example, row["order_reference"])] = (row["reason"] or row["state"], items)
    for row in mine["places"]:
        if row["destination"] != "credited":
            kind = "quarantine" if row["destination"] == "quarantined" else row["destination"]
            key_of_place = (kind, told(example, row["return_id"]), row["reason"])
            _count(came.places[key_of_place], told(example, row["sku"].strip()), row["quantity"])
    return came


def _read_parts(
    example: Example, came: Came, mine: Mapping[str, list[dict[str, Any]]], names: Mapping[str, str]
) -> None:
    """Read lines, taxes and stock of the notes that were added."""
    for row in mine["lines"]:
        if row["credit_note_number"] in names:
            key = (names[row["credit_note_number"]], int(row["order_line_id"].removeprefix(row["order_id"])))
            for figure in ("net", "discount", "tax", "total"):
                amounts = came.lines[key]
                amounts[figure] = amounts.get(figure, Decimal(0)) + row[f"{figure}_amount"]
            _count(came.line_units[key], told(example, row["sku"]), row["quantity"])
    for row in mine["taxes"]:
        if row["credit_note_number"] in names:
            of_note = came.taxes[names[row["credit_note_number"]], row["applies_to"]]
            of_note[row["tax_code"], row["rate"]] = (row["taxable_amount"], row["tax_amount"])
    for row in mine["deltas"]:
        if row["credit_note_number"] in names:
            how = "restocked" if row["restocks"] else "not restocked"
            stock = came.stock[names[row["credit_note_number"]]]
            stock[told(example, row["sku"]), how] = row["quantity"]


def _count(units: dict[str, Decimal], sku: str, quantity: Decimal) -> None:
    units[sku] = units.get(sku, Decimal(0)) + quantity


def _is_own(example: Example, row: Mapping[str, Any]) -> bool:
    return str(row["return_id"]).startswith(f"x{example.number}-")
