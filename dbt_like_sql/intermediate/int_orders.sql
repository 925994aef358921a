/*
Orders of the returns at hand, and whether they are cancelled, confirmed and dispatched under the policy of this decision.
A kept order goes by the number and in the currency in which it was kept.

materialized: table
grain: order_id
owner: ops
previous: ledger.orders
*/
with

-- A person says of a line of theirs that they were dispatched, or that they count although they are cancelled.
released as (
    select distinct matches.order_id
    from intermediate.int_return_lines as lines
    inner join intermediate.int_order_matches as matches on lines.order_reference_key = matches.order_reference_key
    where lines.released_reasons && array['order_cancelled', 'dispatch_timeout']
),

-- Sorted, because orders lie about as their ids run: what is looked up next is where one has just read.
matched as (
    select distinct matches.order_id
    from intermediate.int_order_matches as matches
    where matches.order_id is not null
    order by matches.order_id
)

select
    gated.order_id,
    coalesce(kept.order_identifier, gated.order_identifier) as order_identifier,
    gated.customer_id,
    coalesce(kept.currency, gated.currency) as currency,
    gated.oro_version,
    gated.internal_status,
    gated.shipping_status,
    kept.order_id is not null as is_kept,
    released.order_id is not null as is_released,
    gated.is_cancelled,
    gated.is_confirmed,
    gated.is_dispatched
from matched
inner join intermediate.int_orders_gated as gated on matched.order_id = gated.order_id
left join ledger.orders as kept on gated.order_id = kept.order_id
left join released on gated.order_id = released.order_id
where gated.policy_version = %(policy_version)s
