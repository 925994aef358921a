/*
Credit notes, one per return, order and decision.

materialized: append
window: registered_at
grain: credit_note_number
not_null: return_id, order_id, total_amount
owner: finance
*/
select
    notes.credit_note_number,
    notes.return_id,
    notes.order_id,
    notes.sequence,
    notes.order_identifier,
    notes.customer_id,
    notes.currency,
    notes.net_amount,
    notes.discount_amount,
    notes.tax_amount,
    notes.shipping_amount,
    notes.shipping_tax_amount,
    notes.fee_amount,
    notes.total_amount,
    notes.shipping_base_amount,
    notes.registered_at,
    %(decided_at)s as decided_at,
    %(decision_id)s as decision_id,
    %(policy_version)s as policy_version
from intermediate.int_credit_notes as notes
