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
        claims.line_number,
        min(items.product_id) as product_id,
        items.sku,
        items.unit_code,
        items.is_free_form,
        min(items.position) as item_position,
        sum(claims.units_to - claims.units_from) as quantity
    from intermediate.int_claims as claims
    inner join ledger.order_items as items on claims.item_number = items.item_number
    group by
        claims.line_number,
        items.sku,
        items.unit_code,
        items.is_free_form
)

select
    lines.credit_note_number,
    (row_number() over (
        partition by lines.credit_note_number order by lines.line_number, moved.item_position
    ))::integer as position,
    lines.return_id,
    lines.return_line_key,
    moved.product_id,
    moved.sku,
    moved.unit_code,
    moved.quantity,
    coalesce(lines.disposition, 'unknown') as disposition,
    coalesce(lines.disposition = any(policy.saleable_dispositions), false) and not moved.is_free_form as restocks,
    lines.registered_at,
    %(decided_at)s as decided_at
from moved
inner join intermediate.int_claim_lines as lines on moved.line_number = lines.line_number
inner join ledger.credit_notes as notes on lines.credit_note_number = notes.credit_note_number
cross join intermediate.int_policy as policy
