"""The core rules in DuckDB, reading from and writing to a PostgreSQL: what `make bench` compares deciding with.

    .venv-bench/bin/python benchmarks/peers/duckdb_decide.py postgresql://…

Core rules: match by identifier and SKU, gate, clip by a running sum, spread of order discounts and shipping, cut at
both ends of a claim, restock, quarantine. Left out: aliases, kits and units, earlier claims, explaining the order,
odd digits, holds that end, the outbox, checks, keys and guards of what is written. Prints {"seconds": …, "lines": …}.
"""

import json
import sys
import time

import adbc_driver_postgresql.dbapi as adbc
import duckdb

READ = {
    "returns": "select return_id, order_reference_key, registered_at, status from landing.rebound_returns",
    "return_lines": """
        select return_id, position, sku_key, coalesce(quantity_received, quantity)::float8 as quantity, disposition
        from landing.rebound_return_lines
    """,
    "orders": """
        select order_id, identifier_key, shipping_status, (order_discounts_amount * 100)::int8 as discount,
            (coalesce(estimated_shipping_cost_amount, 0) * 100)::int8 as shipping
        from landing.oro_orders
    """,
    "order_lines": """
        select order_id, order_line_id, sku_key, quantity::float8 as quantity,
            round(quantity * value * 100)::int8 as row_amount, (row_total_discount_amount * 100)::int8 as promotion,
            ((row_total_after_discount_including_tax - row_total_after_discount_excluding_tax) * 100)::int8 as tax
        from landing.oro_order_lines
    """,
}

DECIDE = """
create temp table touched as
select distinct orders.* from returns inner join orders on returns.order_reference_key = orders.identifier_key;

create temp table items as
with valued as (
    select
        lines.*, touched.discount, touched.shipping, row_amount - promotion as own,
        sum(row_amount - promotion) over (partition by order_id order by order_line_id) as upto,
        sum(row_amount - promotion) over (partition by order_id) as whole
    from order_lines as lines inner join touched using (order_id)
)
select
    order_id, order_line_id, sku_key, quantity, tax, shipping, whole - discount as order_net,
    own - (round(discount * upto / whole) - round(discount * (upto - own) / whole))::int8 as net
from valued;

create temp table decided as
with joined as (
    select
        lines.return_id, lines.position, returns.registered_at, lines.quantity, lines.disposition, touched.order_id,
        touched.shipping_status, items.order_line_id, items.net, items.tax, items.quantity as ordered, items.shipping,
        items.order_net,
        sum(lines.quantity) over (
            partition by items.order_line_id order by returns.registered_at, lines.return_id, lines.position
        ) as running
    from return_lines as lines
    inner join returns using (return_id)
    left join touched on returns.order_reference_key = touched.identifier_key
    left join items on touched.order_id = items.order_id and lines.sku_key = items.sku_key
    where returns.status = 'processed'
)
select
    *,
    case
        when order_id is null then 'unknown_order'
        when shipping_status <> 'shipped' then 'not_dispatched'
        when order_line_id is null then 'unknown_sku'
        when running - quantity >= ordered then 'over_return'
    end as reason,
    least(running - quantity, ordered) as claimed_from,
    least(running, ordered) as claimed_to
from joined;

create temp table credit_note_lines as
select
    return_id || '-' || order_id as credit_note_number, return_id, position, order_id, order_line_id, registered_at,
    claimed_to - claimed_from as quantity, disposition,
    (round(net * claimed_to / ordered) - round(net * claimed_from / ordered))::int8 as net_amount,
    (round(tax * claimed_to / ordered) - round(tax * claimed_from / ordered))::int8 as tax_amount, shipping, order_net
from decided where reason is null;

create temp table credit_notes as
with notes as (
    select credit_note_number, order_id, any_value(shipping) as shipping, any_value(order_net) as order_net,
        min(registered_at) as registered_at, sum(net_amount)::int8 as net_amount, sum(tax_amount)::int8 as tax_amount
    from credit_note_lines group by all
), running as (
    select *, sum(net_amount) over (partition by order_id order by registered_at, credit_note_number) as upto from notes
)
select
    credit_note_number, order_id, net_amount, tax_amount,
    (round(shipping * upto / order_net) - round(shipping * (upto - net_amount) / order_net))::int8 as shipping_amount
from running;

create temp table inventory_deltas as
select credit_note_number, position, order_line_id, quantity, disposition = 'restock' as restocks
from credit_note_lines;

create temp table quarantine as
select
    return_id, position, coalesce(reason, 'over_return') as reason,
    quantity - coalesce(claimed_to - claimed_from, 0) as quantity
from decided where reason is not null or claimed_to - claimed_from < quantity;
"""

WRITTEN = {
    "credit_notes": "select * from credit_notes",
    "credit_note_lines": "select * exclude (shipping, order_net) from credit_note_lines",
    "inventory_deltas": "select * from inventory_deltas",
    "quarantine": "select * from quarantine",
}


def main(url: str) -> None:
    """Read, decide, write; print how long it took."""
    started = time.perf_counter()
    duck = duckdb.connect()
    with adbc.connect(url) as pg, pg.cursor() as cursor:
        for name, query in READ.items():
            cursor.execute(query)
            table = cursor.fetch_arrow_table()
            duck.register(f"arrow_{name}", table)
            duck.execute(f"create temp view {name} as select * from arrow_{name}")
        duck.execute(DECIDE)
        cursor.execute("create schema peer")
        pg.commit()
        lines = 0
        for name, query in WRITTEN.items():
            result = duck.execute(query).to_arrow_table()
            lines += result.num_rows
            cursor.adbc_ingest(name, result, mode="create", db_schema_name="peer")
        pg.commit()
    print(json.dumps({"seconds": time.perf_counter() - started, "rows": lines}))


main(sys.argv[1])
