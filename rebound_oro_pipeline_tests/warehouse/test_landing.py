"""Landing: what is new or changed is written, and nothing else; what cannot be read is kept and healed."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from rebound_oro_pipeline.contracts.documents import parse
from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.oro import read_levels, read_orders, read_products
from rebound_oro_pipeline.contracts.rebound import ReturnDocument, read_return
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.warehouse import landing
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.landing import (
    Landed,
    land_levels,
    land_orders,
    land_products,
    land_returns,
)

RECORDED = Path(__file__).parents[1] / "recorded"
MAPPING = default_mapping()
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
TABLES = (
    "rebound_returns",
    "rebound_return_lines",
    "oro_orders",
    "oro_order_lines",
    "oro_order_kit_items",
    "oro_order_subtotals",
    "oro_products",
    "oro_product_units",
    "oro_inventory_levels",
    "malformed_documents",
    "replaced_documents",
)


def stamp(at: datetime = NOON) -> dict[str, Any]:
    return {"source": "api", "landed_by": "run-1", "landed_at": at}


def a_return(return_id: str = "R1", *, quantities: tuple[str, ...] = ("1", "2"), **values: Any) -> str:
    items = [{"sku_code": f"SKU-{at}", "quantity": quantity} for at, quantity in enumerate(quantities)]
    return json.dumps({"id": return_id, "date_added": "2026-11-03", "item": items, **values})


def read(*documents: str) -> Iterator[ReturnDocument | Fault]:
    return (read_return(document, MAPPING) for document in documents)


def recorded(name: str) -> Any:
    return parse((RECORDED / f"{name}.json").read_bytes())


def answer(name: str) -> Any:
    return recorded(f"exchanges/{name}")["response"]["body"]


def an_order(**changes: Any) -> dict[str, Any]:
    order = answer("order_kit")
    order["data"]["attributes"] |= changes
    return order  # type: ignore[no-any-return]


def rows(conn: psycopg.Connection, table: str) -> list[dict[str, Any]]:
    query = sql.SQL("select * from landing.{} order by 1, 2").format(sql.Identifier(table))
    return conn.cursor(row_factory=dict_row).execute(query).fetchall()


def versions(conn: psycopg.Connection) -> dict[str, list[tuple[str, str]]]:
    """Return place and writing transaction of every landed row: both change if it is written again."""
    return {
        table: conn.execute(
            sql.SQL("select ctid::text, xmin::text from landing.{} order by 1").format(sql.Identifier(table))
        ).fetchall()
        for table in TABLES
    }


def land_everything(conn: psycopg.Connection, at: datetime) -> list[Landed]:
    return [
        land_orders(conn, read_orders(recorded("orders")), **stamp(at)),
        land_products(conn, read_products(answer("products_by_sku_list")), **stamp(at)),
        land_levels(conn, read_levels(answer("inventorylevels_by_sku_list")), **stamp(at)),
        land_returns(conn, read(a_return(), a_return("R2", date_added="soon"), "{"), **stamp(at)),
    ]


def test_documents_land_with_their_values_and_as_they_were_said(conn: psycopg.Connection) -> None:
    landed = land_returns(conn, read(a_return(order_reference=" so-1 ", weight=1.50)), **stamp())
    assert landed == Landed(received=1, new=1)
    (found,) = rows(conn, "rebound_returns")
    assert found["order_reference_key"] == "so-1"
    assert found["registered_at"] == datetime(2026, 11, 3, tzinfo=UTC)
    assert found["document"]["weight"] == Decimal("1.5")
    assert (found["source"], found["landed_by"], found["landed_at"]) == ("api", "run-1", NOON)
    assert [(line["sku"], line["quantity"]) for line in rows(conn, "rebound_return_lines")] == [
        ("SKU-0", Decimal(1)),
        ("SKU-1", Decimal(2)),
    ]


def test_every_recorded_order_lands_whole(conn: psycopg.Connection) -> None:
    document = recorded("orders")
    assert land_orders(conn, read_orders(document), **stamp()) == Landed(received=60, new=60)
    kinds = [each["type"] for each in document["included"]]
    assert len(rows(conn, "oro_order_lines")) == kinds.count("orderlineitems")
    assert len(rows(conn, "oro_order_kit_items")) == kinds.count("orderproductkititemlineitems")
    assert len(rows(conn, "oro_order_subtotals")) == kinds.count("ordersubtotals")
    by_id = {order["id"]: order for order in document["data"]}
    for row in rows(conn, "oro_orders"):
        attributes = by_id[row["order_id"]]["attributes"]
        assert str(row["total_value"]) == attributes["totalValue"]
        assert row["document"]["data"] == by_id[row["order_id"]]


def test_the_recorded_orders_of_six_zero_land_whole(conn: psycopg.Connection) -> None:
    assert land_orders(conn, read_orders(recorded("orders-6.0")), **stamp()) == Landed(received=30, new=30)


def test_the_orders_of_every_recorded_exchange_land(conn: psycopg.Connection) -> None:
    exchanges = sorted((RECORDED / "exchanges").glob("*order_*.json"))
    bodies = (parse(path.read_bytes())["response"]["body"] for path in exchanges)
    orders = [
        order
        for body in bodies
        if isinstance(body, dict)
        and any(each["type"] == "orderlineitems" for each in body.get("included", ()))
        for order in read_orders(body)
    ]
    assert len(orders) >= 17
    landed = land_orders(conn, orders, **stamp())
    assert (landed.received, landed.malformed) == (len(orders), 0)
    assert landed.new == len({order.order_id for order in orders if not isinstance(order, Fault)})


def test_landing_the_same_again_writes_nothing_at_all(conn: psycopg.Connection) -> None:
    """Also not another landed_at: a re-run of ninety days must not rewrite ninety days."""
    first = land_everything(conn, NOON)
    before = versions(conn)
    again = land_everything(conn, LATER)
    assert versions(conn) == before
    assert all(before[table] for table in TABLES if table != "replaced_documents")
    assert [(each.new, each.changed) for each in again] == [(0, 0)] * 4
    assert [each.unchanged for each in again] == [each.new for each in first]
    assert [each.malformed for each in again] == [each.malformed for each in first] == [0, 0, 0, 2]


def test_a_changed_return_replaces_the_stored_one_with_all_its_lines(conn: psycopg.Connection) -> None:
    land_returns(conn, read(a_return(quantities=("1", "2", "3"))), **stamp(NOON))
    assert land_returns(conn, read(a_return(quantities=("5",))), **stamp(LATER)) == Landed(1, changed=1)
    assert [line["quantity"] for line in rows(conn, "rebound_return_lines")] == [Decimal(5)]
    (old,) = rows(conn, "replaced_documents")
    assert (old["resource"], old["document_id"]) == ("returns", "R1")
    assert (old["landed_at"], old["replaced_at"]) == (NOON, LATER)
    assert len(old["document"]["item"]) == 3


def test_a_changed_order_replaces_the_stored_one_with_all_that_hangs_on_it(conn: psycopg.Connection) -> None:
    land_orders(conn, read_orders(an_order()), **stamp(NOON))
    smaller = an_order(totalValue="1.0000")
    smaller["data"]["relationships"]["lineItems"]["data"].pop(0)
    landed = land_orders(conn, read_orders(smaller), **stamp(LATER))
    assert landed == Landed(received=1, changed=1)
    assert len(rows(conn, "oro_order_lines")) == 1
    assert len(rows(conn, "replaced_documents")) == 1


def test_a_changed_product_replaces_its_units(conn: psycopg.Connection) -> None:
    land_products(conn, read_products(answer("products_by_sku_list")), **stamp(NOON))
    changed = answer("products_by_sku_list")
    for unit in changed["included"]:
        if unit["type"] == "productunitprecisions":
            unit["attributes"]["precision"] = 3
    assert land_products(conn, read_products(changed), **stamp(LATER)) == Landed(received=3, changed=3)
    assert {unit["unit_precision"] for unit in rows(conn, "oro_product_units")} == {3}


def test_a_level_changes_its_quantity_and_keeps_what_an_answer_leaves_out(conn: psycopg.Connection) -> None:
    land_levels(conn, read_levels(answer("inventorylevels_by_sku_list")), **stamp(NOON))
    written = answer("level_patch_string")
    assert land_levels(conn, read_levels(written), **stamp(LATER)) == Landed(received=1, changed=1)
    (level,) = (each for each in rows(conn, "oro_inventory_levels") if each["level_id"] == "9")
    assert level["quantity"] == Decimal(written["data"]["attributes"]["quantity"])
    assert (level["sku"], level["landed_at"]) == ("SKU-009", LATER)


def test_new_changed_and_unchanged_documents_of_one_batch_each_go_their_way(
    conn: psycopg.Connection,
) -> None:
    """What is new is copied where it stays, what is known is compared first."""
    land_returns(conn, read(a_return("R1"), a_return("R2")), **stamp(NOON))
    documents = (a_return("R3"), a_return("R2", quantities=("9",)), a_return("R1"), a_return("R0"))
    assert land_returns(conn, read(*documents), **stamp(LATER)) == Landed(4, new=2, changed=1, unchanged=1)
    assert [(each["return_id"], each["landed_at"]) for each in rows(conn, "rebound_returns")] == [
        ("R0", LATER),
        ("R1", NOON),
        ("R2", LATER),
        ("R3", LATER),
    ]
    assert [(line["return_id"], line["quantity"]) for line in rows(conn, "rebound_return_lines")] == [
        ("R0", 1),
        ("R0", 2),
        ("R1", 1),
        ("R1", 2),
        ("R2", 9),
        ("R3", 1),
        ("R3", 2),
    ]


def test_the_last_of_several_versions_in_one_batch_counts(conn: psycopg.Connection) -> None:
    landed = land_returns(
        conn, read(a_return(quantities=("1",)), a_return("R2"), a_return(quantities=("7",))), **stamp()
    )
    assert landed == Landed(received=3, new=2, unchanged=1)
    assert [line["quantity"] for line in rows(conn, "rebound_return_lines")][:1] == [Decimal(7)]


def test_what_was_read_earlier_does_not_undo_what_was_read_later(conn: psycopg.Connection) -> None:
    """Two runs read the same return; the one that read first may be the one that writes last."""
    land_returns(conn, read(a_return(quantities=("2",))), **stamp(LATER))
    assert land_returns(conn, read(a_return(quantities=("1",))), **stamp(NOON)) == Landed(1, unchanged=1)
    assert [line["quantity"] for line in rows(conn, "rebound_return_lines")] == [Decimal(2)]


def test_an_order_with_an_earlier_updated_at_does_not_undo_a_later_one(conn: psycopg.Connection) -> None:
    """A page may have been answered before the change and arrive after it."""
    land_orders(
        conn, read_orders(an_order(updatedAt="2026-11-24T10:00:00Z", totalValue="2.0000")), **stamp(NOON)
    )
    old = an_order(updatedAt="2026-11-24T09:00:00Z", totalValue="1.0000")
    assert land_orders(conn, read_orders(old), **stamp(LATER)) == Landed(received=1, unchanged=1)
    assert rows(conn, "oro_orders")[0]["total_value"] == 2


def test_an_updated_at_in_the_future_does_not_lock_an_order(conn: psycopg.Connection) -> None:
    """Such rows exist; their next real change carries an earlier time."""
    land_orders(
        conn, read_orders(an_order(updatedAt="2027-01-01T00:00:00Z", totalValue="1.0000")), **stamp(NOON)
    )
    changed = an_order(updatedAt="2026-11-24T12:30:00Z", totalValue="2.0000")
    assert land_orders(conn, read_orders(changed), **stamp(LATER)) == Landed(received=1, changed=1)


def without_subtotals() -> dict[str, Any]:
    order = an_order()
    del order["data"]["relationships"]["orderSubtotals"]
    return order


def test_subtotals_are_added_when_they_are_first_asked_for_and_then_kept(conn: psycopg.Connection) -> None:
    assert land_orders(conn, read_orders(without_subtotals()), **stamp(NOON)).new == 1
    assert rows(conn, "oro_order_subtotals") == []
    assert land_orders(conn, read_orders(an_order()), **stamp(LATER)).changed == 1
    assert len(rows(conn, "oro_order_subtotals")) == 7
    assert land_orders(conn, read_orders(without_subtotals()), **stamp(LATER)).unchanged == 1
    assert len(rows(conn, "oro_order_subtotals")) == 7


def test_a_malformed_document_is_kept_raw_with_the_place_of_its_fault(conn: psycopg.Connection) -> None:
    land_returns(conn, read(a_return("R1", date_added="soon"), "{"), **stamp())
    by_id = {each["document_id"]: each for each in rows(conn, "malformed_documents")}
    assert by_id["R1"]["fault_path"] == "date_added"
    assert by_id["R1"]["registered_at"] == NOON
    assert json.loads(by_id["R1"]["document"])["date_added"] == "soon"
    assert (by_id[None]["document"], by_id[None]["fault_path"]) == ("{", "$")


def test_a_good_version_heals_a_malformed_one(conn: psycopg.Connection) -> None:
    land_returns(conn, read(a_return("R1", date_added="soon"), a_return("R2", date_added="soon")), **stamp())
    land_returns(conn, read(a_return("R1")), **stamp(LATER))
    assert [each["document_id"] for each in rows(conn, "malformed_documents")] == ["R2"]


def test_an_unchanged_good_version_heals_a_malformed_one_too(conn: psycopg.Connection) -> None:
    for document in (a_return("R1"), a_return("R1", date_added="soon"), a_return("R1")):
        land_returns(conn, read(document), **stamp())
    assert rows(conn, "malformed_documents") == []


def test_a_malformed_version_leaves_the_last_good_one_in_place(conn: psycopg.Connection) -> None:
    landed = land_returns(conn, read(a_return("R1"), a_return("R1", date_added="soon")), **stamp())
    assert landed == Landed(received=2, new=1, malformed=1)
    assert len(rows(conn, "rebound_returns")) == len(rows(conn, "malformed_documents")) == 1


def test_a_fault_healed_within_the_batch_is_no_row(conn: psycopg.Connection) -> None:
    landed = land_returns(conn, read(a_return("R1", date_added="soon"), a_return("R1")), **stamp())
    assert landed == Landed(received=2, new=1, malformed=1)
    assert rows(conn, "malformed_documents") == []


def test_a_faulty_line_lands_with_its_return(conn: psycopg.Connection) -> None:
    land_returns(conn, read(a_return(quantities=("-1", "2"))), **stamp())
    first, second = rows(conn, "rebound_return_lines")
    assert (first["fault_path"], first["fault"]) == ("item[0].quantity", "is negative: -1")
    assert (second["fault_path"], second["quantity"]) == (None, Decimal(2))


def test_text_that_postgresql_cannot_store_lands_all_the_same(conn: psycopg.Connection) -> None:
    land_returns(
        conn, read(a_return("R\x001", note="\ud800 \x00"), a_return("\x00", date_added="\x00")), **stamp()
    )
    assert rows(conn, "rebound_returns")[0]["return_id"] == "R\ufffd1"
    assert len(rows(conn, "malformed_documents")) == 1


def test_values_with_tabs_newlines_and_backslashes_arrive_as_they_are(conn: psycopg.Connection) -> None:
    land_returns(conn, read(a_return(carrier="a\tb\nc\\N\\d")), **stamp())
    assert rows(conn, "rebound_returns")[0]["carrier"] == "a\tb\nc\\N\\d"


def test_every_batch_is_committed_by_itself(
    database_url: str, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a long landing that breaks off has not been in vain."""
    monkeypatch.setattr(landing, "RETURNS", replace(landing.RETURNS, batch=2))

    def breaking_off() -> Iterator[ReturnDocument | Fault]:
        yield from read(a_return("R1"), a_return("R2"), a_return("R3"))
        raise ConnectionError

    with pytest.raises(ConnectionError):
        land_returns(conn, breaking_off(), **stamp())
    with connect(database_url) as other:
        assert [each["return_id"] for each in rows(other, "rebound_returns")] == ["R1", "R2"]


def test_inside_a_transaction_of_the_caller_nothing_is_committed(conn: psycopg.Connection) -> None:
    with conn.transaction(force_rollback=True):
        assert land_returns(conn, read(a_return()), **stamp()).new == 1
        assert land_returns(conn, read(a_return("R2")), **stamp()).new == 1
    assert rows(conn, "rebound_returns") == []


def test_memory_is_bounded_by_the_text_of_a_batch(
    conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "BATCH_CHARACTERS", 1)
    assert land_returns(conn, read(a_return("R1"), a_return("R1")), **stamp()) == Landed(2, 1, 0, 1)


def test_two_landings_of_the_same_returns_at_once_agree(database_url: str, conn: psycopg.Connection) -> None:
    """The second waits for the first and then finds nothing new."""
    with connect(database_url) as other:
        with conn.transaction():
            land_returns(conn, read(a_return("R1"), a_return("R2")), **stamp())
            other.execute("set lock_timeout = '50ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                land_returns(other, read(a_return("R2"), a_return("R1")), **stamp())
            other.rollback()
        assert land_returns(other, read(a_return("R2"), a_return("R1")), **stamp()) == Landed(2, 0, 0, 2)


def test_nothing_to_land_is_nothing_done(conn: psycopg.Connection) -> None:
    assert land_returns(conn, [], **stamp()) == Landed()
