/*
What of each order to offer may still come back (docs/rules.md, Offers), one row per SKU and unit, because ReBound knows no
order lines: ordered, less credited, less what is on its way back. What was offered before and is no longer on the order
stays, with nothing left of it: ReBound may merge items instead of replacing them.

materialized: table
step: offers
grain: order_id, sku_key, unit_or_none
owner: ops
previous: ledger.offers
columns:
    quantity: units that may still come back, in the unit of the order line
    unit_price: of the cheapest unit that is left, as on the order
*/
with

policy as (
    select policies.* from intermediate.int_policies as policies
    where policies.policy_version = %(policy_version)s
),

pools as (
    select
        items.order_id,
        items.sku_key,
        items.unit_code,
        coalesce(items.unit_code, '') as unit_or_none,
        min(btrim(items.sku)) as sku,
        min(items.product_name) as product_name,
        min(items.product_id) as product_id,
        min(items.unit_precision) as unit_precision,
        bool_and(items.is_free_form) as is_free_form,
        sum(items.quantity) as ordered_quantity,
        sum(items.claimed_quantity) as credited_quantity,
        coalesce(
            min(items.unit_price) filter (where items.claimed_quantity < items.quantity), min(items.unit_price)
        ) as unit_price,
        row_number() over (partition by items.order_id, items.sku_key order by items.unit_code) as pool_number
    from intermediate.int_offer_items as items
    group by items.order_id, items.sku_key, items.unit_code
),

-- Units on their way back count in their own pool, in the first one where no unit is named or none has it. Letter case tells
-- units apart only where there are both.
at_hand as (
    select
        open_units.order_id,
        open_units.sku_key,
        open_units.unit_or_none as returned_unit_or_none,
        open_units.quantity,
        pools.unit_or_none,
        pools.unit_code,
        pools.product_id,
        lower(pools.unit_or_none) = lower(open_units.unit_or_none) as is_own_pool,
        row_number() over (
            partition by open_units.order_id, open_units.sku_key, open_units.unit_or_none
            order by
                pools.unit_or_none = open_units.unit_or_none desc,
                lower(pools.unit_or_none) = lower(open_units.unit_or_none) desc,
                pools.pool_number
        ) as preference
    from intermediate.int_open_return_units as open_units
    inner join pools on open_units.order_id = pools.order_id and open_units.sku_key = pools.sku_key
),

used as (
    select
        at_hand.order_id,
        at_hand.sku_key,
        at_hand.unit_or_none,
        sum(round(at_hand.quantity * coalesce(conversions.rate, 1), 12)) as quantity
    from at_hand
    left join lateral (
        select conversions.rate
        from intermediate.int_unit_conversions as conversions
        where
            not at_hand.is_own_pool
            and conversions.product_id = at_hand.product_id
            and conversions.unit_key = lower(at_hand.returned_unit_or_none)
            and conversions.into_unit_key = lower(at_hand.unit_code)
    ) as conversions on true
    where at_hand.preference = 1
    group by at_hand.order_id, at_hand.sku_key, at_hand.unit_or_none
),

left_over as (
    select
        pools.*,
        coalesce(used.quantity, 0) as open_quantity,
        greatest(pools.ordered_quantity - pools.credited_quantity - coalesce(used.quantity, 0), 0) as quantity
    from pools
    left join used
        on
            pools.order_id = used.order_id
            and pools.sku_key = used.sku_key
            and pools.unit_or_none = used.unit_or_none
),

offered_before as (
    select
        orders.order_id,
        landing.match_key(items.item ->> 'sku') as sku_key,
        coalesce(items.item ->> 'unit_code', '') as unit_or_none,
        items.item
    from intermediate.int_orders_to_offer as orders
    inner join ledger.offers as offers on orders.order_id = offers.order_id and orders.latest_version = offers.version
    cross join lateral jsonb_array_elements(offers.items) as items (item)
)

select
    left_over.order_id,
    left_over.sku_key,
    left_over.unit_or_none,
    left_over.sku,
    left_over.product_name,
    left_over.unit_code,
    left_over.ordered_quantity,
    left_over.credited_quantity,
    left_over.open_quantity,
    case
        when left_over.unit_precision is null then left_over.quantity
        else trunc(left_over.quantity, left_over.unit_precision)
    end as quantity,
    left_over.unit_price,
    (
        (left_over.is_free_form and policy.free_form_lines = 'non_returnable')
        or policy.non_returnable_skus @> to_jsonb(left_over.sku_key::text)
    ) as is_non_returnable
from left_over
cross join policy
union all
select
    offered_before.order_id,
    offered_before.sku_key,
    offered_before.unit_or_none,
    offered_before.item ->> 'sku' as sku,
    offered_before.item ->> 'description' as product_name,
    offered_before.item ->> 'unit_code' as unit_code,
    0 as ordered_quantity,
    0 as credited_quantity,
    0 as open_quantity,
    0 as quantity,
    (offered_before.item ->> 'price')::numeric as unit_price,
    true as is_non_returnable
from offered_before
where not exists (
    select 1
    from pools
    where
        pools.order_id = offered_before.order_id
        and pools.sku_key = offered_before.sku_key
        and pools.unit_or_none = offered_before.unit_or_none
)
