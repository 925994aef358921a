/*
Whether each order is cancelled, confirmed and dispatched under the status lists of each policy (docs/rules.md, Gate).
To be read for single orders and one policy: without a `with`, so that the planner can look for these orders alone.

materialized: view
owner: ops
columns:
    is_partially_shipped: whether only a part of it has left the warehouse
*/
select
    orders.order_id,
    policies.policy_version,
    orders.order_identifier,
    orders.customer_id,
    orders.currency,
    orders.created_at,
    orders.updated_at,
    orders.document_hash,
    orders.oro_version,
    orders.internal_status,
    orders.shipping_status,
    coalesce(policies.cancelled_statuses @> to_jsonb(orders.internal_status), false) as is_cancelled,
    coalesce(
        case
            when not orders.has_internal_status then true
            when orders.internal_status is null then false
            when
                policies.not_confirmed_statuses @> to_jsonb(orders.internal_status)
                or policies.cancelled_statuses @> to_jsonb(orders.internal_status)
                then false
            else
                (policies.confirmed_statuses -> orders.oro_version) @> '"*"'
                or (policies.confirmed_statuses -> orders.oro_version) @> to_jsonb(orders.internal_status)
        end,
        false
    ) as is_confirmed,
    coalesce(
        case
            when orders.dispatch_status is null
                then case policies.when_status_missing
                    when 'closed_is_dispatched' then orders.internal_status in ('closed', 'shipped', 'archived')
                    when 'tracking_is_dispatched' then orders.has_shipping_trackings
                    else false
                end
            when orders.dispatch_status = 'partially_shipped' and policies.partially_shipped = 'hold' then false
            else (policies.dispatched_statuses -> orders.oro_version) @> to_jsonb(orders.dispatch_status)
        end,
        false
    ) as is_dispatched,
    coalesce(orders.dispatch_status = 'partially_shipped', false) as is_partially_shipped
from staging.stg_oro__orders as orders
cross join intermediate.int_policies as policies
