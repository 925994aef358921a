/*
What a unit of a return line was sold for, before discounts and tax: the lowest price of its SKU, or of an alias of it, on the
order that it names. An estimate of the money at stake while nothing is decided; null where the order or the SKU on it is not
known, or where it was sold in another unit and no rate converts them (docs/rules.md, Match: Units). To be read for single lines.

materialized: view
owner: finance
columns:
    order_id: the order; null where it is not known, or has nothing of the SKU
    unit_price: in the currency of the order, for a unit in which the return counts
    most_amount: what the lines of the order that it may claim cost together; no units of the return line are worth more
    digits: digits after the point of that currency
*/
select
    lines.return_id,
    lines.position,
    lines.return_line_key,
    priced.order_id,
    priced.currency,
    priced.unit_price,
    priced.most_amount,
    priced.digits
from staging.stg_rebound__return_lines as lines
inner join staging.stg_rebound__returns as returns on lines.return_id = returns.return_id
left join lateral (
    select
        orders.order_id,
        orders.currency,
        case
            when
                lines.unit_code is null
                or lines.unit_code = sold.unit_code
                -- Letter case tells units apart where the product has both.
                or (
                    lower(lines.unit_code) = lower(sold.unit_code)
                    and returned_units.unit_code is distinct from lines.unit_code
                )
                then sold.unit_price
            when returned_units.conversion_rate > 0 and ordered_units.conversion_rate > 0
                then sold.unit_price * returned_units.conversion_rate / ordered_units.conversion_rate
        end as unit_price,
        sum(sold.quantity * sold.unit_price) over (partition by orders.order_id) as most_amount,
        coalesce(currencies.digits, 2) as digits
    from intermediate.int_order_references as named
    inner join staging.stg_oro__orders as orders on named.order_id = orders.order_id
    inner join lateral (
        select
            order_lines.sku_key,
            order_lines.product_id,
            order_lines.unit_code,
            order_lines.quantity,
            order_lines.unit_price
        from staging.stg_oro__order_lines as order_lines
        where order_lines.order_id = orders.order_id
        union all
        select
            items.sku_key,
            items.product_id,
            items.unit_code,
            items.quantity_per_kit * kits.quantity as quantity,
            items.unit_price
        from staging.stg_oro__order_kit_items as items
        inner join staging.stg_oro__order_lines as kits
            on items.order_id = kits.order_id and items.order_line_id = kits.order_line_id
        where items.order_id = orders.order_id
    ) as sold on true
    left join seeds.currencies as currencies on orders.currency = currencies.currency
    left join lateral (
        select
            units.unit_code,
            units.conversion_rate
        from staging.stg_oro__product_units as units
        where units.product_id = sold.product_id and lower(units.unit_code) = lower(lines.unit_code)
        order by units.unit_code = lines.unit_code desc, units.unit_code asc
        limit 1
    ) as returned_units on true
    left join staging.stg_oro__product_units as ordered_units
        on sold.product_id = ordered_units.product_id and sold.unit_code = ordered_units.unit_code
    where
        named.reference_key = returns.order_reference_key
        and (
            sold.sku_key = lines.sku_key
            or sold.sku_key in (
                select aliases.sku_key from reference.sku_aliases as aliases
                where aliases.alias_key = lines.sku_key
            )
        )
    order by unit_price, orders.order_id
    limit 1
) as priced on true
