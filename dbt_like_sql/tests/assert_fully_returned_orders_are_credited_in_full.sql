/*
Fails if an order whose every unit was returned is not credited its total to the cent (shipping pro rata or on complete return).

severity: error
blocking: yes
on: marts.credit_notes
*/
with

orders as (
    select notes.order_id from ledger.credit_notes as notes
    where notes.registered_at >= %(window_start)s and notes.registered_at < %(window_end)s
    group by notes.order_id
),

-- Summed over one list instead of joined: whatever the planner thinks of the sizes, each table is read once.
counted as (
    select
        kept.order_id,
        kept.total_value,
        null::numeric as ordered_quantity,
        null::numeric as claimed_quantity,
        null::numeric as amount,
        null::text as shipping_policy
    from ledger.orders as kept
    where kept.order_id in (select orders.order_id from orders)
    union all
    select
        items.order_id,
        null as total_value,
        items.quantity as ordered_quantity,
        null as claimed_quantity,
        null as amount,
        null as shipping_policy
    from ledger.order_items as items
    where items.order_id in (select orders.order_id from orders)
    union all
    select
        claims.order_id,
        null as total_value,
        null as ordered_quantity,
        upper(claims.units) - lower(claims.units) as claimed_quantity,
        null as amount,
        null as shipping_policy
    from ledger.claims as claims
    where claims.order_id in (select orders.order_id from orders)
    union all
    select
        notes.order_id,
        null as total_value,
        null as ordered_quantity,
        null as claimed_quantity,
        notes.net_amount + notes.tax_amount + notes.shipping_amount + notes.shipping_tax_amount as amount,
        policies.document #>> '{credit,shipping}' as shipping_policy
    from ledger.credit_notes as notes
    inner join reference.policies as policies on notes.policy_version = policies.policy_version
    where notes.order_id in (select orders.order_id from orders)
)

select
    counted.order_id,
    sum(counted.total_value) as total_value,
    sum(counted.amount) as amount
from counted
group by counted.order_id
having
    sum(counted.claimed_quantity) = sum(counted.ordered_quantity)
    and bool_and(counted.shipping_policy in ('pro_rata', 'on_complete_return'))
    and sum(counted.amount) <> sum(counted.total_value)
