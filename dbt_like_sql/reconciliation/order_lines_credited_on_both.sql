/*
Order lines that were credited beyond what was ordered, because they were credited on an order and again on its sub-order. A
sub-order is numbered as the order that it was split off, with a count behind, and both list the same lines: a return of each
is credited by each.

materialized: view
step: reconciliation
grain: order_id, order_item_id, parent_order_id
owner: finance
columns:
    order_id: the sub-order
    order_item_id: the line, or the component of a kit line, which both list
    quantity: units ordered
    credited_quantity: units credited on the sub-order
    parent_credited_quantity: units credited on the order that it was split off
    decided_at: when the last of them was credited
*/
with

families as (
    select
        parts.order_id,
        parts.order_identifier,
        parents.order_id as parent_order_id,
        parents.order_identifier as parent_order_identifier
    from ledger.orders as parts
    inner join ledger.orders as parents
        on regexp_replace(parts.order_identifier, '-[0-9]+$', '') = parents.order_identifier
    where parts.order_identifier ~ '-[0-9]+$'
),

shared_items as (
    select
        families.order_id,
        families.order_identifier,
        families.parent_order_id,
        families.parent_order_identifier,
        items.order_item_id,
        items.sku,
        items.quantity,
        items.item_number,
        twins.item_number as twin_number
    from families
    inner join ledger.order_items as items on families.order_id = items.order_id
    inner join ledger.order_items as twins
        on families.parent_order_id = twins.order_id and items.order_item_id = twins.order_item_id
),

credited as (
    select
        claims.item_number,
        sum(upper(claims.units) - lower(claims.units)) as units,
        max(decisions.decided_at) as decided_at
    from ledger.claims as claims
    inner join ledger.decisions as decisions on claims.decision_id = decisions.decision_id
    where
        claims.item_number in (
            select items.item_number from shared_items as items
            union all
            select items.twin_number from shared_items as items
        )
    group by claims.item_number
)

select
    items.order_id,
    items.order_identifier,
    items.parent_order_id,
    items.parent_order_identifier,
    items.order_item_id,
    items.sku,
    items.quantity,
    here.units as credited_quantity,
    there.units as parent_credited_quantity,
    greatest(here.decided_at, there.decided_at) as decided_at
from shared_items as items
inner join credited as here on items.item_number = here.item_number
inner join credited as there on items.twin_number = there.item_number
where here.units + there.units > items.quantity
