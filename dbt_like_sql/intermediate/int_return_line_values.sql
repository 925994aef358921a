/*
What a unit of a return line was sold for, before discounts and tax: the lowest price of its SKU, or of an alias of it, on the
order that it names. An estimate of the money at stake while nothing is decided; null where the order or the SKU on it is not
known. To be read for single lines.

materialized: view
owner: finance
columns:
    unit_price: in the currency of the order, for a unit of the order line
    digits: digits after the point of that currency
*/
select
    lines.return_id,
    lines.position,
    lines.return_line_key,
    priced.order_id,
    priced.currency,
    priced.unit_price,
    priced.digits
from staging.stg_rebound__return_lines as lines
inner join staging.stg_rebound__returns as returns on lines.return_id = returns.return_id
left join lateral (
    select
        orders.order_id,
        orders.currency,
        sold.unit_price,
        coalesce(currencies.digits, 2) as digits
    from intermediate.int_order_references as named
    inner join staging.stg_oro__orders as orders on named.order_id = orders.order_id
    inner join lateral (
        select
            order_lines.sku_key,
            order_lines.unit_price
        from staging.stg_oro__order_lines as order_lines
        where order_lines.order_id = orders.order_id
        union all
        select
            items.sku_key,
            items.unit_price
        from staging.stg_oro__order_kit_items as items
        where items.order_id = orders.order_id
    ) as sold on true
    left join seeds.currencies as currencies on orders.currency = currencies.currency
    where
        named.reference_key = returns.order_reference_key
        and (
            sold.sku_key = lines.sku_key
            or sold.sku_key in (
                select aliases.sku_key from reference.sku_aliases as aliases
                where aliases.alias_key = lines.sku_key
            )
        )
    order by sold.unit_price, orders.order_id
    limit 1
) as priced on true
