-- The data of the benchmarks, made by the server itself and the same for the same seed: numbers are drawn by hashing the
-- number of what they are for. A batch has %(returns)s returns of three lines on average, from number %(first)s on, and twice
-- as many orders of five lines on average; batches never share an order unless they are given the same numbers.

-- name: dice
create or replace function pg_temp.dice(seed bigint, thing bigint, salt integer, sides integer) returns integer
language sql immutable parallel safe
return (hashint8extended(thing, seed * 1000 + salt) & 1073741823) %% sides;

-- name: products
-- SKU number k is a kit if k is divisible by 40; the products of kits are not known to us, their components are.
insert into landing.oro_products (
    product_id, sku, product_type, status, inventory_status, document, document_hash, source, landed_at, landed_by
)
select k::text, 'SKU-' || k, case when k %% 40 = 0 then 'kit' else 'simple' end, 'enabled', 'in_stock', '{}', '', 'file',
    '2026-01-01', 'bench'
from generate_series(1, 20000) as k
on conflict do nothing;

-- name: product_units
insert into landing.oro_product_units (product_id, unit_code, unit_precision, conversion_rate)
select k::text, units.unit_code, 0, units.rate
from generate_series(1, 20000) as k
cross join (values ('each', 1), ('box', 6)) as units (unit_code, rate)
on conflict do nothing;

-- name: order_lines
-- Every line of every order, with its money: rows in cents, 8 %% tax charged on top, as Oro answers it.
create temporary table new_lines on commit drop as
with

orders as (
    select
        o,
        3 + pg_temp.dice(%(seed)s, o, 1, 5) as line_count
    from generate_series(%(first)s::bigint * 2, (%(first)s::bigint + %(returns)s) * 2 - 1) as o
),

lines as (
    select
        o,
        l,
        o * 8 + l as line_id,
        -- Within an order the numbers differ by less than 20000, so its SKUs do too, but for the odd twin.
        1 + (pg_temp.dice(%(seed)s, o, 2, 20000) + l * 7 + case when pg_temp.dice(%(seed)s, o * 8 + l, 3, 200) = 0 then -7 else 0 end) %% 20000 as k,
        1 + pg_temp.dice(%(seed)s, o * 8 + l, 4, 5) as quantity,
        (100 + pg_temp.dice(%(seed)s, o * 8 + l, 5, 20000))::numeric / 100 as price,
        pg_temp.dice(%(seed)s, o * 8 + l, 6, 33) = 0 as in_boxes
    from orders
    cross join generate_series(1, orders.line_count) as l
)

select
    lines.*,
    k %% 40 = 0 as is_kit,
    quantity * price as row_amount,
    case when pg_temp.dice(%(seed)s, line_id, 7, 10) = 0 then round(quantity * price * 0.05, 2) else 0 end as promotion
from lines;

-- name: store_orders
with

sums as (
    select
        o,
        sum(row_amount) as rows_amount,
        sum(promotion) as promotions,
        sum(round((row_amount - promotion) * 0.08, 2)) as tax,
        jsonb_agg(jsonb_build_object(
            'type', 'orderlineitems', 'id', line_id, 'productSku', 'SKU-' || k, 'quantity', quantity, 'value', price,
            'rowTotalDiscountAmount', promotion
        )) as lines
    from pg_temp.new_lines
    group by o
),

priced as (
    select
        sums.*,
        case when pg_temp.dice(%(seed)s, o, 8, 10) < 3 then round((rows_amount - promotions) * 0.1, 2) else 0 end as discount,
        case when pg_temp.dice(%(seed)s, o, 9, 10) < 7 then 9.90 else 0 end as shipping
    from sums
)

insert into landing.oro_orders (
    order_id, identifier, po_number, customer_id, currency, subtotal_value, total_value, total_discounts_amount, discount,
    subtotal_with_discounts, order_discounts_amount, estimated_shipping_cost_amount, internal_status, shipping_status,
    has_internal_status, has_shipping_status, has_shipping_trackings, has_subtotals, created_at, updated_at, document,
    document_hash, source, landed_at, landed_by
)
select
    o::text,
    'ORD-' || o,
    'PO-' || o,
    (1 + o %% 5000)::text,
    'USD',
    rows_amount,
    rows_amount - promotions - discount + tax + shipping + round(shipping * 0.08, 2),
    discount,
    promotions,
    rows_amount - promotions - discount,
    discount,
    shipping,
    'open',
    case when pg_temp.dice(%(seed)s, o, 10, 50) = 0 then 'not_shipped' else 'shipped' end,
    true,
    true,
    true,
    pg_temp.dice(%(seed)s, o, 13, 2) = 0,
    '2026-01-01',
    '2026-01-02',
    jsonb_build_object('data', jsonb_build_object('type', 'orders', 'id', o, 'attributes', jsonb_build_object(
        'identifier', 'ORD-' || o, 'subtotalValue', rows_amount, 'currency', 'USD')), 'included', lines),
    decode(md5(o::text), 'hex'),
    'file',
    '2026-01-03',
    'bench'
from priced;

-- name: store_order_lines
insert into landing.oro_order_lines (
    order_id, order_line_id, position, product_id, product_sku, product_name, is_free_form, quantity, product_unit_code,
    value, currency, row_total_discount_amount, row_total_after_discount_including_tax,
    row_total_after_discount_excluding_tax
)
select
    o::text, line_id::text, l, k::text, 'SKU-' || k, 'Product ' || k, false, quantity,
    case when in_boxes then 'box' else 'each' end, price, 'USD', promotion,
    row_amount - promotion + round((row_amount - promotion) * 0.08, 2), row_amount - promotion
from pg_temp.new_lines;

-- name: store_kit_items
insert into landing.oro_order_kit_items (
    order_id, order_line_id, kit_item_line_id, product_id, product_sku, product_name, quantity, product_unit_code,
    product_unit_precision, value, sort_order
)
select
    o::text, line_id::text, (line_id * 4 + c)::text, (k + c)::text, 'SKU-' || (k + c), 'Product ' || (k + c), c, 'each', 0,
    round(price / 4, 2), c
from pg_temp.new_lines
cross join generate_series(1, 2) as c
where is_kit;

-- name: store_subtotals
-- Half of the orders came with what OroCommerce says of their taxes.
with

orders as (
    select
        o,
        sum(round((row_amount - promotion) * 0.08, 2)) as tax,
        case when pg_temp.dice(%(seed)s, o, 9, 10) < 7 then 9.90 else 0 end as shipping,
        jsonb_agg(
            jsonb_build_object('taxes', jsonb_build_array(jsonb_build_object(
                'tax', 'VAT', 'rate', '0.08', 'taxableAmount', (row_amount - promotion)::text,
                'taxAmount', round((row_amount - promotion) * 0.08, 2)::text
            )))
            order by l
        ) as items
    from pg_temp.new_lines
    where pg_temp.dice(%(seed)s, o, 13, 2) = 0
    group by o
)

insert into landing.oro_order_subtotals (order_id, position, subtotal_type, label, amount, currency, data)
select
    o::text, 1, 'tax', 'Subtotal Tax', tax, 'USD', jsonb_build_object('items', items)
from orders
union all
select
    o::text, 2, 'tax', 'Shipping Tax', round(shipping * 0.08, 2), 'USD', jsonb_build_object(
        'shipping', jsonb_build_object('excludingTax', shipping::text, 'taxAmount', round(shipping * 0.08, 2)::text),
        'taxes', jsonb_build_array(jsonb_build_object('tax', 'VAT', 'rate', '0.08'))
    )
from orders;

-- name: store_returns
-- Return r is of order 2r; one in ten is of the order before it, so that this one is returned twice.
with

returns as (
    select
        r,
        'ORD-' || 2 * (r - case when r %% 10 = 9 then 1 else 0 end) as order_reference
    from generate_series(%(first)s::bigint, %(first)s::bigint + %(returns)s - 1) as r
)

insert into landing.rebound_returns (
    return_id, display_id, order_reference, registered_at, status, carrier, document, document_hash, source, landed_at,
    landed_by
)
select
    r::text,
    'R-' || r,
    order_reference,
    %(start)s::timestamptz + (r - %(first)s) * (%(end)s::timestamptz - %(start)s::timestamptz) / %(returns)s,
    'processed',
    'DHL',
    jsonb_build_object('id', r, 'order_reference', order_reference, 'item', '[]'::jsonb, 'note', repeat('x', 200)),
    decode(md5(r::text), 'hex'),
    'file',
    '2026-01-03',
    'bench'
from returns;

-- name: store_return_lines
-- Of a hundred lines two name a SKU that is nowhere, one brings more than was ordered, ten a part of it.
with

wanted as (
    select
        r,
        i,
        2 * (r - case when r %% 10 = 9 then 1 else 0 end) as o,
        pg_temp.dice(%(seed)s, r * 8 + i, 11, 100) as luck
    from generate_series(%(first)s::bigint, %(first)s::bigint + %(returns)s - 1) as r
    cross join generate_series(1, 3) as i
)

insert into landing.rebound_return_lines (
    return_id, position, return_line_key, sku, quantity, quantity_received, unit_code, disposition, reason_code
)
select
    r::text,
    i,
    r || '-' || i,
    case
        when luck < 2 then 'NONE-' || r
        when lines.is_kit and luck %% 2 = 0 then 'SKU-' || (lines.k + 1)
        else 'SKU-' || lines.k
    end,
    greatest(
        case
            when luck = 2 then lines.quantity + 1
            when luck between 3 and 12 then lines.quantity - 1
            when r %% 10 = 9 then lines.quantity / 2
            when r %% 10 = 8 then lines.quantity - lines.quantity / 2
            else lines.quantity
        end,
        1
    ) * case when lines.in_boxes and not lines.is_kit then 6 else 1 end,
    null,
    case when lines.in_boxes and not lines.is_kit then 'each' end,
    case when pg_temp.dice(%(seed)s, r * 8 + i, 12, 5) = 0 then 'damaged' else 'restock' end,
    'unwanted'
from wanted
inner join pg_temp.new_lines as lines on wanted.o = lines.o and wanted.i = lines.l
-- A line of a single unit is not returned twice.
where r %% 10 <> 9 or lines.quantity > 1;

-- name: analyse
analyze
    landing.rebound_returns,
    landing.rebound_return_lines,
    landing.oro_orders,
    landing.oro_order_lines,
    landing.oro_order_kit_items,
    landing.oro_order_subtotals,
    landing.oro_products,
    landing.oro_product_units
