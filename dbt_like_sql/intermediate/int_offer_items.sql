/*
What can come back of the orders to offer, and how much of it was credited: plain lines, and the components of kit lines.
An order that was ever credited goes by what was kept of it, as its further returns do; prices are those of the order.

materialized: table
step: offers
grain: order_id, order_item_id
owner: ops
previous: ledger.order_items, ledger.claims
indexes: (order_id, sku_key); (order_id, line_sku_key)
*/
with

lines as (
    select lines.*
    from intermediate.int_orders_to_offer as orders
    inner join staging.stg_oro__order_lines as lines on orders.order_id = lines.order_id
),

components as (
    select components.*
    from intermediate.int_orders_to_offer as orders
    inner join staging.stg_oro__order_kit_items as components on orders.order_id = components.order_id
),

as_landed as (
    select
        lines.order_id,
        lines.order_line_id as order_item_id,
        lines.order_line_id,
        lines.sku,
        lines.sku_key,
        lines.sku_key as line_sku_key,
        lines.product_name,
        lines.product_id,
        lines.is_free_form,
        lines.unit_code,
        null::integer as unit_precision,
        lines.quantity,
        null::numeric as quantity_per_kit,
        lines.unit_price
    from lines
    where
        not exists (
            select 1
            from components
            where
                components.order_id = lines.order_id
                and components.order_line_id = lines.order_line_id
                and components.quantity_per_kit > 0
        )
    union all
    select
        components.order_id,
        components.order_line_id || '/' || components.kit_item_line_id as order_item_id,
        components.order_line_id,
        components.sku,
        components.sku_key,
        lines.sku_key as line_sku_key,
        components.product_name,
        components.product_id,
        lines.is_free_form,
        components.unit_code,
        components.unit_precision,
        lines.quantity * components.quantity_per_kit as quantity,
        components.quantity_per_kit,
        components.unit_price
    from components
    inner join lines on components.order_id = lines.order_id and components.order_line_id = lines.order_line_id
),

kept as (
    select
        kept.*,
        (
            select coalesce(sum(upper(claims.units) - lower(claims.units)), 0)
            from ledger.claims as claims
            where claims.order_id = kept.order_id and claims.order_item_id = kept.order_item_id
        ) as claimed_quantity
    from intermediate.int_orders_to_offer as orders
    inner join ledger.order_items as kept on orders.order_id = kept.order_id
),

items as (
    select
        as_landed.order_id,
        as_landed.order_item_id,
        as_landed.order_line_id,
        as_landed.sku,
        as_landed.sku_key,
        as_landed.line_sku_key,
        as_landed.product_name,
        as_landed.product_id,
        as_landed.is_free_form,
        as_landed.unit_code,
        as_landed.unit_precision,
        as_landed.quantity,
        as_landed.quantity_per_kit,
        as_landed.unit_price,
        0::numeric as claimed_quantity
    from as_landed
    where as_landed.order_id not in (select kept.order_id from kept)
    union all
    select
        kept.order_id,
        kept.order_item_id,
        kept.order_line_id,
        kept.sku,
        kept.sku_key,
        kept.line_sku_key,
        as_landed.product_name,
        kept.product_id,
        kept.is_free_form,
        kept.unit_code,
        kept.unit_precision,
        kept.quantity,
        kept.quantity_per_kit,
        as_landed.unit_price,
        kept.claimed_quantity
    from kept
    left join as_landed on kept.order_id = as_landed.order_id and kept.order_item_id = as_landed.order_item_id
),

-- A line's product may be null for want of a permission alone; then its SKU tells which product it is.
known as (
    select
        items.*,
        coalesce(
            items.product_id,
            case
                when not items.is_free_form
                    then (
                        select min(products.product_id)
                        from landing.oro_products as products
                        where products.sku_key = items.sku_key
                    )
            end
        ) as found_product_id
    from items
    where items.sku_key is not null and items.quantity > 0
)

select
    known.order_id,
    known.order_item_id,
    known.order_line_id,
    known.sku,
    known.sku_key,
    known.line_sku_key,
    known.product_name,
    known.found_product_id as product_id,
    known.is_free_form,
    known.unit_code,
    coalesce(known.unit_precision, units.unit_precision) as unit_precision,
    known.quantity,
    known.quantity_per_kit,
    known.unit_price,
    known.claimed_quantity
from known
left join staging.stg_oro__product_units as units
    on known.found_product_id = units.product_id and known.unit_code = units.unit_code
