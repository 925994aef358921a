/*
Fails if an order whose every unit was returned is not credited its total to the cent (shipping pro rata or on complete return).

severity: error
blocking: yes
on: marts.credit_notes
*/
with

orders as (
    select orders.* from ledger.orders as orders
    where
        orders.order_id in (
            select notes.order_id from ledger.credit_notes as notes
            where notes.registered_at >= %(window_start)s and notes.registered_at < %(window_end)s
        )
),

ordered as (
    select
        items.order_id,
        sum(items.quantity) as quantity
    from ledger.order_items as items
    where items.order_id in (select orders.order_id from orders)
    group by items.order_id
),

claimed as (
    select
        claims.order_id,
        sum(upper(claims.units) - lower(claims.units)) as quantity
    from ledger.claims as claims
    where claims.order_id in (select orders.order_id from orders)
    group by claims.order_id
),

credited as (
    select
        notes.order_id,
        sum(notes.net_amount + notes.tax_amount + notes.shipping_amount + notes.shipping_tax_amount) as amount,
        bool_and(policies.document #>> '{credit,shipping}' in ('pro_rata', 'on_complete_return')) as credits_all_shipping,
        count(distinct policies.document #>> '{credit,shipping}') as shipping_policies
    from ledger.credit_notes as notes
    inner join reference.policies as policies on notes.policy_version = policies.policy_version
    where notes.order_id in (select orders.order_id from orders)
    group by notes.order_id
)

select
    orders.order_id,
    orders.total_value,
    credited.amount
from orders
inner join ordered on orders.order_id = ordered.order_id
inner join claimed on orders.order_id = claimed.order_id
inner join credited on orders.order_id = credited.order_id
where
    claimed.quantity = ordered.quantity
    and credited.credits_all_shipping
    and credited.shipping_policies = 1
    and credited.amount <> orders.total_value
