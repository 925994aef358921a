/*
Touched orders that ReBound has to know of, or knew of: those that pass the gate, and those that were offered and do not pass
it any more, or whose reference is not theirs alone any more (withdrawn_because). An order keeps the reference under which it
was first offered; one that was withdrawn because of it is offered under the next that is its own.

materialized: table
step: offers
grain: order_id
not_null: order_reference, order_date
owner: ops
previous: ledger.offers
columns:
    withdrawn_because: order_cancelled, not_confirmed, not_dispatched or reference_shared; null while it is offered
    latest_version: of its offers so far, 0 for none
*/
with

policy as (
    select policies.* from intermediate.int_policies as policies
    where policies.policy_version = %(policy_version)s
),

latest as (
    select
        touched.order_id,
        offers.version,
        offers.order_reference,
        offers.reason
    from intermediate.int_orders_touched as touched
    cross join lateral (
        select
            known.version,
            known.order_reference,
            known.reason
        from ledger.offers as known
        where known.order_id = touched.order_id
        order by known.version desc
        limit 1
    ) as offers
),

-- The first of its references, in the policy's sequence, under which a return would be found to be of this order.
found as (
    select distinct on (order_references.order_id)
        order_references.order_id,
        order_references.order_reference
    from intermediate.int_offer_references as meant
    inner join intermediate.int_order_references as order_references
        on meant.order_id = order_references.order_id and meant.reference_key = order_references.reference_key
    cross join policy
    where array_position(policy.order_reference, order_references.kind) is not null
    order by order_references.order_id, array_position(policy.order_reference, order_references.kind)
),

gated as (
    select
        gated.order_id,
        gated.currency,
        gated.document_hash,
        (coalesce(gated.created_at, gated.updated_at) at time zone 'UTC')::date as order_date,
        coalesce(gated.created_at, gated.updated_at)
        >= %(decided_at)s - make_interval(days => policy.days_for_return) as is_recent,
        case
            when gated.is_cancelled then 'order_cancelled'
            when not gated.is_confirmed then 'not_confirmed'
            when not gated.is_dispatched then 'not_dispatched'
            when gated.is_partially_shipped and policy.offer_partially_shipped = 'hold' then 'not_dispatched'
        end as not_passed_because
    from intermediate.int_orders_gated as gated
    inner join intermediate.int_orders_touched as touched on gated.order_id = touched.order_id
    cross join policy
    where gated.policy_version = %(policy_version)s
),

judged as (
    select
        gated.*,
        coalesce(latest.version, 0) as latest_version,
        latest.order_reference as told_reference,
        btrim(found.order_reference) as own_reference,
        coalesce(latest.reason = 'reference_shared', false) as was_shared,
        case
            -- What was withdrawn stays so until it can be offered under a reference of its own.
            when latest.reason = 'reference_shared'
                then case
                    when found.order_id is null or gated.not_passed_because is not null or not gated.is_recent
                        then 'reference_shared'
                end
            when gated.not_passed_because is not null then gated.not_passed_because
            when meant.reference_key is not null and coalesce(meant.order_id <> latest.order_id, true) then 'reference_shared'
        end as withdrawn_because
    from gated
    left join latest on gated.order_id = latest.order_id
    left join found on gated.order_id = found.order_id
    left join intermediate.int_offer_references as meant
        on landing.match_key(latest.order_reference) = meant.reference_key
)

select
    judged.order_id,
    case
        when judged.was_shared and judged.withdrawn_because is null then judged.own_reference
        else coalesce(judged.told_reference, judged.own_reference)
    end as order_reference,
    judged.order_date,
    judged.currency,
    judged.document_hash,
    judged.latest_version,
    judged.withdrawn_because
from judged
where
    coalesce(judged.told_reference, judged.own_reference) is not null
    and judged.order_date is not null
    and (judged.latest_version > 0 or (judged.withdrawn_because is null and judged.is_recent))
