/*
Return lines that ReBound registered although they were not on offer at that moment, with what was wrong. They are decided
like any other; that they exist says that something besides the offers lets returns in. Judged are returns registered since
the first offer arrived, by the offer that had arrived by then.

materialized: view
step: offers
window: registered_at
grain: return_id, position
owner: ops
columns:
    finding: order_not_offered, offer_withdrawn, item_not_offered, not_returnable, nothing_left, more_than_offered or too_late
    quantity: units announced, in all lines of this SKU and unit in the return
    offered_quantity: units that were on offer, in the unit of the return line; null where the item was not
*/
with

lines as (
    select
        returns.return_id,
        lines.position,
        lines.return_line_key,
        returns.order_reference,
        returns.order_reference_key,
        returns.registered_at,
        lines.sku,
        lines.sku_key,
        lower(lines.unit_code) as unit_key,
        -- The moment is the return's own; that it is named here lets a window be looked at alone.
        sum(lines.announced_quantity) over (
            partition by returns.return_id, returns.registered_at, lines.sku_key, lower(lines.unit_code)
        ) as quantity
    from staging.stg_rebound__returns as returns
    inner join staging.stg_rebound__return_lines as lines on returns.return_id = lines.return_id
    left join seeds.rebound_statuses as statuses on returns.status = statuses.status
    where
        returns.registered_at >= (
            select min(messages.confirmed_at)
            from outbox.messages as messages
            where messages.kind = 'rebound_order' and messages.confirmed_at is not null
        )
        and lines.fault is null
        and lines.sku_key is not null
        and not coalesce(statuses.is_withdrawn, false)
),

judged as (
    select
        lines.*,
        in_force.order_id,
        in_force.version,
        in_force.order_date,
        in_force.state as offer_state,
        item.quantity as offered_quantity,
        item.is_returnable,
        item.days_for_return
    from lines
    left join lateral (
        select offers.*
        from ledger.offers as offers
        inner join outbox.messages as messages
            on
                messages.kind = 'rebound_order'
                and messages.business_key = offers.order_id || ':' || offers.version
                and lines.registered_at >= messages.confirmed_at
        where landing.match_key(offers.order_reference) = lines.order_reference_key
        order by messages.confirmed_at desc, offers.version desc
        limit 1
    ) as in_force on true
    left join lateral (
        select
            sum(
                (items.item ->> 'quantity')::numeric
                * coalesce(
                    (
                        select conversions.rate
                        from landing.oro_products as products
                        inner join intermediate.int_unit_conversions as conversions
                            on products.product_id = conversions.product_id
                        where
                            lines.unit_key <> lower(items.item ->> 'unit_code')
                            and products.sku_key = landing.match_key(items.item ->> 'sku')
                            and conversions.unit_key = lower(items.item ->> 'unit_code')
                            and conversions.into_unit_key = lines.unit_key
                        order by products.product_id
                        limit 1
                    ),
                    1
                )
            ) as quantity,
            bool_or(not (items.item ->> 'non_returnable')::boolean) as is_returnable,
            max((items.item ->> 'days_for_return')::integer) as days_for_return
        from jsonb_array_elements(in_force.items) as items (item)
        where
            landing.match_key(items.item ->> 'sku') = lines.sku_key
            or landing.match_key(items.item ->> 'sku') in (
                select aliases.sku_key
                from reference.sku_aliases as aliases
                where aliases.alias_key = lines.sku_key
            )
    ) as item on true
),

found as (
    select
        judged.*,
        case
            when judged.order_id is null then 'order_not_offered'
            when judged.offer_state = 'withdrawn' then 'offer_withdrawn'
            when judged.offered_quantity is null then 'item_not_offered'
            when judged.offered_quantity = 0 then 'nothing_left'
            when not judged.is_returnable then 'not_returnable'
            when judged.quantity > judged.offered_quantity then 'more_than_offered'
            when (judged.registered_at at time zone 'UTC')::date > judged.order_date + judged.days_for_return then 'too_late'
        end as finding
    from judged
)

select
    found.return_id,
    found.position,
    found.return_line_key,
    found.registered_at,
    found.order_reference,
    found.order_id,
    found.sku,
    found.finding,
    found.quantity,
    found.offered_quantity,
    found.version as offer_version
from found
where found.finding is not null
