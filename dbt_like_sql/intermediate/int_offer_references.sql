/*
Which order each reference of the touched orders means, those that they have and those under which they were offered, as the
decision of returns would find it (docs/rules.md, Match): the first kind of reference, in the policy's sequence, under which
any order is found.

materialized: table
step: offers
grain: reference_key
owner: ops
previous: ledger.offers
indexes: (order_id)
columns:
    order_id: null where several orders are found
*/
with

policy as (
    select policies.* from intermediate.int_policies as policies
    where policies.policy_version = %(policy_version)s
),

keys as (
    select order_references.reference_key
    from intermediate.int_orders_touched as touched
    inner join intermediate.int_order_references as order_references on touched.order_id = order_references.order_id
    union
    select landing.match_key(offers.order_reference) as reference_key
    from intermediate.int_orders_touched as touched
    inner join ledger.offers as offers on touched.order_id = offers.order_id
),

by_kind as (
    select
        keys.reference_key,
        order_references.kind,
        array_position(policy.order_reference, order_references.kind) as preference,
        count(*) as orders_found,
        min(order_references.order_id) as order_id
    from keys
    inner join intermediate.int_order_references as order_references on keys.reference_key = order_references.reference_key
    cross join policy
    where array_position(policy.order_reference, order_references.kind) is not null
    group by keys.reference_key, order_references.kind, preference
)

select distinct on (by_kind.reference_key)
    by_kind.reference_key,
    by_kind.kind,
    by_kind.preference,
    case when by_kind.orders_found = 1 then by_kind.order_id end as order_id
from by_kind
order by by_kind.reference_key, by_kind.preference
