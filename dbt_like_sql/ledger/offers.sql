/*
What ReBound is to know of each order: a new version wherever that differs from the latest one. An item of which nothing is
left stays in the list, with no quantity and not returnable; of a withdrawn order that is so of every item.

materialized: append
step: offers
owner: ops
columns:
    items: per item sku, description, unit_code, quantity, price, non_returnable, days_for_return; decimals are strings
*/
with

policy as (
    select policies.* from intermediate.int_policies as policies
    where policies.policy_version = %(policy_version)s
),

items as (
    select
        items.*,
        orders.withdrawn_because is not null or items.quantity = 0 as is_gone,
        coalesce(currencies.digits, 2) as digits
    from intermediate.int_returnable_items as items
    inner join intermediate.int_orders_to_offer as orders on items.order_id = orders.order_id
    left join seeds.currencies as currencies on orders.currency = currencies.currency
),

listed as (
    select
        items.order_id,
        jsonb_agg(
            jsonb_strip_nulls(jsonb_build_object(
                'sku', items.sku,
                'description', nullif(btrim(items.product_name), ''),
                'unit_code', items.unit_code,
                'quantity', case when items.is_gone then '0' else trim_scale(items.quantity)::text end,
                'price', round(
                    items.unit_price, greatest(items.digits, scale(trim_scale(items.unit_price)))
                )::text,
                'non_returnable', items.is_gone or items.is_non_returnable,
                'days_for_return', policy.days_for_return
            ))
            order by items.sku_key, items.unit_or_none
        ) as items
    from items
    cross join policy
    group by items.order_id
)

select
    orders.order_id,
    orders.latest_version + 1 as version,
    orders.order_reference,
    orders.order_date,
    orders.currency,
    case when orders.withdrawn_because is null then 'offered' else 'withdrawn' end as state,
    orders.withdrawn_because as reason,
    listed.items,
    orders.document_hash,
    %(decided_at)s::timestamptz as offered_at,
    %(policy_version)s as policy_version
from intermediate.int_orders_to_offer as orders
inner join listed on orders.order_id = listed.order_id
left join ledger.offers as latest on orders.order_id = latest.order_id and orders.latest_version = latest.version
where
    (latest.state, latest.reason, latest.order_date, latest.currency, latest.items)
    is distinct from (
        case when orders.withdrawn_because is null then 'offered' else 'withdrawn' end,
        orders.withdrawn_because, orders.order_date, orders.currency, listed.items
    )
