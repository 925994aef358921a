/*
Taxes of the lines of the orders explained by this decision, by code and rate, as the subtotal `Subtotal Tax` lists them: its
items stand in the sequence of the lines. A list of another length than the order's lines says nothing of any of them.

materialized: table
grain: order_id, order_line_id, tax_code, rate
owner: finance
columns:
    rate: a fraction, 0.08 for eight per cent
    tax_amount: rounded for show, so a weight and not what was charged
*/
with

orders as (
    select explained.order_id from intermediate.int_orders_explained as explained
    where explained.verdict is null
),

items as (
    select
        subtotals.order_id,
        items.position,
        items.item,
        count(*) over (partition by subtotals.order_id, subtotals.position) as item_count
    from orders
    inner join landing.oro_order_subtotals as subtotals on orders.order_id = subtotals.order_id
    cross join
        lateral jsonb_array_elements(
            case when jsonb_typeof(subtotals.data -> 'items') = 'array' then subtotals.data -> 'items' else '[]' end
        ) with ordinality as items (item, position)
    where subtotals.subtotal_type = 'tax' and subtotals.label = 'Subtotal Tax'
),

lines as (
    select
        lines.order_id,
        lines.order_line_id,
        lines.position,
        count(*) over (partition by lines.order_id) as line_count
    from orders
    inner join landing.oro_order_lines as lines on orders.order_id = lines.order_id
),

taxes as (
    select
        lines.order_id,
        lines.order_line_id,
        taxes.position,
        taxes.tax ->> 'tax' as tax_code,
        taxes.tax ->> 'rate' as rate,
        taxes.tax ->> 'taxAmount' as tax_amount
    from items
    inner join lines
        on
            items.order_id = lines.order_id
            and items.position = lines.position
            and items.item_count = lines.line_count
    cross join lateral jsonb_array_elements(
        case when jsonb_typeof(items.item -> 'taxes') = 'array' then items.item -> 'taxes' else '[]' end
    ) with ordinality as taxes (tax, position)
)

select
    taxes.order_id,
    taxes.order_line_id,
    taxes.tax_code,
    taxes.rate::numeric as rate,
    min(taxes.position)::integer as position,
    sum(taxes.tax_amount::numeric) as tax_amount
from taxes
where
    taxes.tax_code is not null
    and taxes.rate ~ '^[0-9]{1,9}([.][0-9]{1,20})?$'
    and taxes.tax_amount ~ '^-?[0-9]{1,20}([.][0-9]{1,20})?$'
group by taxes.order_id, taxes.order_line_id, taxes.tax_code, taxes.rate::numeric
