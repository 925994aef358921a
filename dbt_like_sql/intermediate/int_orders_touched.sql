/*
Orders whose offer may have to change, because something landed in the window or was decided after the decision given: the
order itself, another order with the reference under which it was offered, a return of it, a claim on it, or what a person
decided about a return of it. The window is here one of landing. An order that is as it was when its offer was made is passed
over. One that was withdrawn because its reference is not its own is looked at every time: what gives it back may be a change
of an order that had it.

materialized: table
step: offers
grain: order_id
owner: ops
previous: ledger.claims, ledger.offers
*/
with

policy as (
    select policies.* from intermediate.int_policies as policies
    where policies.policy_version = %(policy_version)s
),

orders_landed as (
    select orders.order_id
    from landing.oro_orders as orders
    left join lateral (
        select
            offers.document_hash,
            offers.policy_version
        from ledger.offers as offers
        where offers.order_id = orders.order_id
        order by offers.version desc
        limit 1
    ) as latest on true
    where
        orders.landed_at >= %(window_start)s
        and (latest.document_hash, latest.policy_version) is distinct from (orders.document_hash, %(policy_version)s)
        and (
            latest.document_hash is not null
            or coalesce(orders.created_at, orders.updated_at)
            >= %(decided_at)s - make_interval(days => (select policy.days_for_return from policy))
        )
),

references_landed as (
    select
        orders.order_id,
        order_references.reference_key
    from landing.oro_orders as orders
    inner join intermediate.int_order_references as order_references on orders.order_id = order_references.order_id
    cross join policy
    where
        orders.landed_at >= %(window_start)s
        and array_position(policy.order_reference, order_references.kind) is not null
),

returns_touched as (
    select returns.order_reference_key
    from landing.rebound_returns as returns
    where returns.landed_at >= %(window_start)s
    union
    -- What a webhook brought landed as of its receipt, which may lie long before it was read.
    select returns.order_reference_key
    from inbox.deliveries as deliveries
    inner join landing.rebound_returns as returns on deliveries.document_id = returns.return_id
    where deliveries.processed_at >= %(window_start)s and deliveries.outcome = 'landed'
    union
    select returns.order_reference_key
    from reference.operator_decisions as decisions
    inner join landing.rebound_returns as returns on decisions.return_id = returns.return_id
    where decisions.decided_at >= %(window_start)s or decisions.revoked_at >= %(window_start)s
)

select orders_landed.order_id
from orders_landed
union
select offers.order_id
from references_landed
inner join ledger.offers as offers on references_landed.reference_key = landing.match_key(offers.order_reference)
where references_landed.order_id <> offers.order_id
union
select offers.order_id
from ledger.offers as offers
where
    offers.reason = 'reference_shared'
    and not exists (
        select from ledger.offers as later
        where later.order_id = offers.order_id and later.version > offers.version
    )
union
select claims.order_id
from ledger.claims as claims
where claims.decision_id > %(decision_id)s
union
select order_references.order_id
from returns_touched
inner join intermediate.int_order_references as order_references
    on returns_touched.order_reference_key = order_references.reference_key
