-- Statements of services/audit.py, run in a private database: what gaps are looked for in, and what a decision came to.

-- name: release_lines
-- So that returns still under way are matched too: as if they were received, and their status and disposition known.
insert into reference.operator_decisions (
    subject, reason, return_id, return_line_key, registered_at, verdict, who, why
)
select
    lines.subject,
    reasons.reason,
    lines.return_id,
    lines.return_line_key,
    returns.registered_at,
    'released' as verdict,
    'audit' as who,
    'as if it had come' as why
from staging.stg_rebound__return_lines as lines
inner join staging.stg_rebound__returns as returns on lines.return_id = returns.return_id
cross join (values ('unknown_status'), ('unknown_disposition')) as reasons (reason)
where lines.fault is null;

-- name: make_prices
create temporary table audit_prices as
select distinct on (lines.sku_key)
    lines.sku_key,
    orders.currency,
    sum(lines.quantity * lines.unit_price) / sum(lines.quantity) as unit_price
from staging.stg_oro__order_lines as lines
inner join staging.stg_oro__orders as orders on lines.order_id = orders.order_id
where lines.sku_key is not null and lines.quantity > 0
group by lines.sku_key, orders.currency
order by lines.sku_key, sum(lines.quantity) desc, orders.currency;

-- name: make_return_lines
-- The return lines with their fate and an estimate of their worth: units at the price on their order, before discounts
-- and tax; where the order or the SKU on it is unknown, at the SKU's average price in the currency it is mostly sold in.
create temporary table audit_return_lines as
with

placed as (
    select
        lines.return_id,
        lines.position,
        lines.return_line_key,
        lines.sku,
        lines.sku_key,
        lines.received_quantity,
        lines.disposition,
        lines.reason_code,
        lines.fault_path,
        lines.fault,
        returns.registered_at,
        returns.order_reference,
        returns.order_reference_key,
        returns.status,
        gated.order_id,
        outcomes.destination,
        outcomes.reason,
        outcomes.detail,
        outcomes.quantity
    from staging.stg_rebound__return_lines as lines
    inner join staging.stg_rebound__returns as returns on lines.return_id = returns.return_id
    left join intermediate.int_return_lines_gated as gated
        on lines.return_id = gated.return_id and lines.position = gated.position
    left join intermediate.int_return_line_outcomes as outcomes
        on lines.return_id = outcomes.return_id and lines.position = outcomes.position
)

select
    placed.*,
    coalesce(on_order.currency, prices.currency) as currency,
    ledger.amount_at_stake(
        coalesce(placed.quantity, placed.received_quantity),
        case when on_order.order_id is null then prices.unit_price else on_order.unit_price end,
        on_order.most_amount,
        coalesce(on_order.digits, currencies.digits, 2)
    ) as amount
from placed
left join intermediate.int_return_line_values as on_order
    on placed.return_id = on_order.return_id and placed.position = on_order.position
left join audit_prices as prices on placed.sku_key = prices.sku_key
left join seeds.currencies as currencies on prices.currency = currencies.currency;

-- name: make_goods
-- What is sold, and may come back: plain lines and components of kits; a product is known by its id, else by its SKU.
create temporary table audit_goods as
with

sold as (
    select
        lines.order_id,
        lines.order_line_id,
        'order line' as sold_as,
        lines.product_id,
        lines.sku,
        lines.sku_key,
        lines.unit_code,
        lines.quantity * lines.unit_price as amount,
        exists (
            select from staging.stg_oro__order_kit_items as items
            where items.order_id = lines.order_id and items.order_line_id = lines.order_line_id
        ) as is_kit
    from staging.stg_oro__order_lines as lines
    where not lines.is_free_form
    union all
    select
        items.order_id,
        items.order_line_id,
        'kit component' as sold_as,
        items.product_id,
        items.sku,
        items.sku_key,
        items.unit_code,
        items.quantity_per_kit * lines.quantity * items.unit_price as amount,
        false as is_kit
    from staging.stg_oro__order_kit_items as items
    inner join staging.stg_oro__order_lines as lines
        on items.order_id = lines.order_id and items.order_line_id = lines.order_line_id
)

select
    sold.order_id,
    sold.order_line_id,
    sold.sold_as,
    sold.product_id as named_product_id,
    sold.sku,
    sold.sku_key,
    sold.unit_code,
    sold.is_kit,
    coalesce(by_id.product_id, by_sku.product_id) as product_id,
    coalesce(by_id.product_type, by_sku.product_type) as product_type,
    orders.currency,
    sold.amount
from sold
inner join staging.stg_oro__orders as orders on sold.order_id = orders.order_id
left join landing.oro_products as by_id on sold.product_id = by_id.product_id
left join lateral (
    select
        products.product_id,
        products.product_type
    from landing.oro_products as products
    where by_id.product_id is null and products.sku_key = sold.sku_key
    order by products.product_id
    limit 1
) as by_sku on true;

-- name: rehearsed_by_day
select
    (registered_at at time zone 'UTC')::date as day,
    destination,
    count(*) as lines
from marts.return_line_destinations
group by day, destination
order by day, destination;

-- name: read
select
    (select count(*) from landing.rebound_returns) as returns,
    (select count(*) from landing.rebound_return_lines) as return_lines,
    (select count(*) from landing.oro_orders) as orders,
    (select count(*) from landing.oro_orders where created_at >= %(window_start)s and created_at < %(window_end)s)
        as orders_of_the_window,
    (select count(*) from landing.oro_orders where has_subtotals) as orders_with_tax_rates,
    (select count(*) from landing.oro_products) as products,
    (select count(*) from landing.oro_inventory_levels) as inventory_levels;

-- name: order_values
select
    currency,
    count(*) as orders,
    sum(total_amount) as total_amount
from staging.stg_oro__orders
group by currency
order by currency;
