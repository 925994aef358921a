/*
Fails if more of an order is offered than was ordered and not yet credited, over all its items.

blocking: yes
on: ledger.offers
*/
with

made as (
    select
        offers.order_id,
        offers.version,
        (
            select sum((items.item ->> 'quantity')::numeric)
            from jsonb_array_elements(offers.items) as items (item)
        ) as offered_quantity
    from intermediate.int_orders_to_offer as orders
    inner join ledger.offers as offers
        on orders.order_id = offers.order_id and orders.latest_version + 1 = offers.version
),

ordered as (
    select
        made.order_id,
        coalesce(
            (
                select sum(kept.quantity)
                from ledger.order_items as kept
                where kept.order_id = made.order_id
            ),
            (
                select
                    sum(lines.quantity * coalesce(
                        (
                            -- A kit that has units of none of its components comes back as a plain line.
                            select nullif(sum(components.quantity_per_kit), 0)
                            from staging.stg_oro__order_kit_items as components
                            where
                                components.order_id = lines.order_id
                                and components.order_line_id = lines.order_line_id
                        ),
                        1
                    ))
                from staging.stg_oro__order_lines as lines
                where lines.order_id = made.order_id
            )
        ) as ordered_quantity,
        (
            select coalesce(sum(upper(claims.units) - lower(claims.units)), 0)
            from ledger.claims as claims
            where claims.order_id = made.order_id
        ) as credited_quantity
    from made
)

select
    made.order_id,
    made.version,
    made.offered_quantity,
    ordered.ordered_quantity,
    ordered.credited_quantity
from made
inner join ordered on made.order_id = ordered.order_id
where made.offered_quantity > ordered.ordered_quantity - ordered.credited_quantity
