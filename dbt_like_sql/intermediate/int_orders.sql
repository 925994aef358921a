/*
Orders of the returns at hand, and whether they are cancelled, confirmed and dispatched under the policy's status lists.
The document tells the version: one with a shippingStatus relation is 6.1 or later, one with internalStatus alone 6.0,
one with neither 5.1.

materialized: table
grain: order_id
owner: ops
previous: ledger.orders
*/
with

orders as (
    select
        orders.*,
        case
            when orders.has_shipping_status then '6.1'
            when orders.has_internal_status then '6.0'
            else '5.1'
        end as oro_version
    from staging.stg_oro__orders as orders
    where orders.order_id in (select matches.order_id from intermediate.int_order_matches as matches)
),

-- A person says of a line of theirs that they were dispatched, or that they count although they are cancelled.
released as (
    select distinct matches.order_id
    from intermediate.int_return_lines as lines
    inner join intermediate.int_order_matches as matches on lines.order_reference_key = matches.order_reference_key
    where lines.released_reasons && array['order_cancelled', 'dispatch_timeout']
),

gated as (
    select
        orders.*,
        kept.order_id is not null as is_kept,
        released.order_id is not null as is_released,
        coalesce(orders.internal_status = any(policy.cancelled_statuses), false) as is_cancelled,
        case
            when not orders.has_internal_status then true
            when orders.internal_status is null then false
            when orders.internal_status = any(policy.not_confirmed_statuses || policy.cancelled_statuses) then false
            else
                (policy.confirmed_statuses -> orders.oro_version) @> '"*"'
                or (policy.confirmed_statuses -> orders.oro_version) @> to_jsonb(orders.internal_status)
        end as is_confirmed,
        case
            when orders.oro_version = '6.1' then orders.shipping_status
            else orders.internal_status
        end as dispatch_status
    from orders
    left join ledger.orders as kept on orders.order_id = kept.order_id
    left join released on orders.order_id = released.order_id
    cross join intermediate.int_policy as policy
)

select
    gated.order_id,
    gated.order_identifier,
    gated.customer_id,
    gated.currency,
    gated.oro_version,
    gated.internal_status,
    gated.shipping_status,
    gated.is_kept,
    gated.is_released,
    gated.is_cancelled,
    coalesce(gated.is_confirmed, false) as is_confirmed,
    coalesce(
        case
            when gated.dispatch_status is null
                then case policy.when_status_missing
                    when 'closed_is_dispatched' then gated.internal_status in ('closed', 'shipped', 'archived')
                    when 'tracking_is_dispatched' then gated.has_shipping_trackings
                    else false
                end
            when gated.dispatch_status = 'partially_shipped' and policy.partially_shipped = 'hold' then false
            else (policy.dispatched_statuses -> gated.oro_version) @> to_jsonb(gated.dispatch_status)
        end,
        false
    ) as is_dispatched
from gated
cross join intermediate.int_policy as policy
