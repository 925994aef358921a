/*
Stock movements of this decision: every credited unit, in the SKU and unit of the order, kits as their components.
Only a disposition that the policy calls saleable restocks, and never a free-form line (docs/rules.md, Stock).

materialized: append
window: registered_at
grain: credit_note_number, position
owner: ops
*/
with

moved as (
    select
        claims.credit_note_number,
        claims.return_id,
        claims.return_line_key,
        claims.registered_at,
        min(items.product_id) as product_id,
        items.sku,
        items.unit_code,
        items.is_free_form,
        min(items.position) as item_position,
        sum(claims.units_to - claims.units_from) as quantity
    from intermediate.int_claims as claims
    inner join ledger.credit_notes as notes on claims.credit_note_number = notes.credit_note_number
    inner join ledger.order_items as items on claims.item_number = items.item_number
    group by
        claims.credit_note_number,
        claims.return_id,
        claims.return_line_key,
        claims.registered_at,
        items.sku,
        items.unit_code,
        items.is_free_form
)

select
    moved.credit_note_number,
    (row_number() over (
        partition by moved.credit_note_number order by lines.claim_order, moved.item_position
    ))::integer as position,
    moved.return_id,
    moved.return_line_key,
    moved.product_id,
    moved.sku,
    moved.unit_code,
    moved.quantity,
    coalesce(lines.disposition, 'unknown') as disposition,
    coalesce(lines.disposition = any(policy.saleable_dispositions), false) and not moved.is_free_form as restocks,
    moved.registered_at,
    %(decided_at)s as decided_at
from moved
inner join intermediate.int_claim_lines as lines
    on moved.return_id = lines.return_id and moved.return_line_key = lines.return_line_key
cross join intermediate.int_policy as policy
