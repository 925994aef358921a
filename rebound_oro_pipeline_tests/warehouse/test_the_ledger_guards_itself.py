"""What the ledger refuses whoever writes to it: changes, rows without what they belong to, and units twice."""

import psycopg
import pytest
from psycopg import errors, sql

GROWS_ONLY = (
    "claims",
    "credit_note_lines",
    "credit_note_taxes",
    "credit_notes",
    "inventory_deltas",
    "order_items",
    "order_taxes",
    "orders",
)
OF_NOTHING = {
    "claims": "insert into ledger.claims (item_number, order_id, order_item_id, units, ordered_quantity, return_id,"
    " return_line_key, registered_at, received_units, credit_note_number, is_whole_kit, decision_id)"
    " values (7, '1', '1', numrange(0, 1), 1, '1', '1', now(), 1, '1-1', false, 1)",
    "credit_note_lines": "insert into ledger.credit_note_lines (credit_note_number, position, return_id,"
    " return_line_key, order_id, order_line_id, sku, quantity, net_amount, discount_amount, tax_amount,"
    " total_amount, fee_amount, registered_at)"
    " values ('1-1', 1, '1', '1', '1', '1', 'A', 1, 1, 0, 0, 1, 0, now())",
    "credit_note_taxes": "insert into ledger.credit_note_taxes (credit_note_number, applies_to, position,"
    " taxable_amount, tax_amount, registered_at) values ('1-1', 'goods', 1, 1, 1, now())",
    "inventory_deltas": "insert into ledger.inventory_deltas (credit_note_number, position, return_id,"
    " return_line_key, sku, quantity, disposition, restocks, registered_at, decided_at)"
    " values ('1-1', 1, '1', '1', 'A', 1, 'restock', true, now(), now())",
    "order_items": "insert into ledger.order_items (order_item_id, order_id, order_line_id, position, is_free_form,"
    " quantity, net_amount, discount_amount, tax_amount, line_net_amount, line_quantity, decision_id)"
    " values ('1', '1', '1', 1, false, 1, 1, 0, 0, 1, 1, 1)",
    "order_taxes": "insert into ledger.order_taxes (order_id, order_line_id, position, tax_code, rate, tax_weight,"
    " decision_id) values ('1', '1', 1, 'VAT', 0.2, 1, 1)",
}  # fmt: skip


def test_every_table_of_the_ledger_is_looked_at(conn: psycopg.Connection) -> None:
    tables = conn.execute("select tablename from pg_tables where schemaname = 'ledger' order by 1").fetchall()
    changing = {"decisions", "holds", "offer_progress", "offers", "quarantine"}
    assert tuple(name for (name,) in tables if name not in changing) == GROWS_ONLY


@pytest.mark.parametrize("table", GROWS_ONLY)
@pytest.mark.parametrize("change", ["delete from {}", "truncate {}", "update {} set order_id = order_id"])
def test_what_is_decided_stays(conn: psycopg.Connection, table: str, change: str) -> None:
    name = sql.Identifier("ledger", table)
    if change.startswith("update"):
        columns = conn.execute(sql.SQL("select * from {} limit 0").format(name)).description
        assert columns is not None
        change = change.replace("order_id", columns[1].name)
    with pytest.raises(errors.RaiseException, match=rf"ledger\.{table} is append-only"):
        conn.execute(sql.SQL(change).format(name))


@pytest.mark.parametrize("table", OF_NOTHING)
def test_nothing_stands_without_what_it_belongs_to(conn: psycopg.Connection, table: str) -> None:
    with pytest.raises(errors.ForeignKeyViolation, match=rf"ledger\.{table}: ledger\.\w+ has no row for"):
        conn.execute(OF_NOTHING[table])
