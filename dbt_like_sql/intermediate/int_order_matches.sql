/*
Which order each reference means: the first kind of reference, in the policy's sequence, under which any order is found.
More than one order under it is no match (orders_found tells).

materialized: table
grain: order_reference_key
owner: ops
*/
with

-- Sorted, because orders lie about as their numbers run: what is looked up next is where one has just read.
references_at_hand as (
    select distinct lines.order_reference_key
    from intermediate.int_return_lines as lines
    where lines.verdict is null and lines.order_reference_key is not null
    order by lines.order_reference_key
),

found as (
    select
        references_at_hand.order_reference_key,
        'identifier' as kind,
        orders.order_id
    from references_at_hand
    inner join staging.stg_oro__orders as orders on references_at_hand.order_reference_key = orders.identifier_key
    union all
    select
        references_at_hand.order_reference_key,
        'poNumber' as kind,
        orders.order_id
    from references_at_hand
    inner join staging.stg_oro__orders as orders on references_at_hand.order_reference_key = orders.po_number_key
    union all
    select
        references_at_hand.order_reference_key,
        'externalId' as kind,
        orders.order_id
    from references_at_hand
    inner join staging.stg_oro__orders as orders on references_at_hand.order_reference_key = orders.external_id_key
),

by_kind as (
    select
        found.order_reference_key,
        found.kind,
        array_position(policy.order_reference, found.kind) as preference,
        count(*) as orders_found,
        min(found.order_id) as order_id
    from found
    cross join intermediate.int_policy as policy
    where array_position(policy.order_reference, found.kind) is not null
    group by found.order_reference_key, found.kind, preference
)

select distinct on (by_kind.order_reference_key)
    by_kind.order_reference_key,
    by_kind.kind,
    by_kind.orders_found,
    case when by_kind.orders_found = 1 then by_kind.order_id end as order_id
from by_kind
order by by_kind.order_reference_key, by_kind.preference
