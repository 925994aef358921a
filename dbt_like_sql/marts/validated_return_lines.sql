/*
Return lines that passed every rule, with the order line they were matched to and what they are worth.

materialized: view
window: registered_at
grain: credit_note_number, position
owner: finance
*/
select
    lines.return_id,
    lines.return_line_key,
    notes.order_id,
    notes.order_identifier,
    lines.order_line_id,
    lines.sku,
    lines.quantity,
    lines.unit_code,
    lines.reason_code,
    notes.currency,
    lines.total_amount,
    lines.credit_note_number,
    lines.position,
    lines.registered_at,
    notes.decided_at
from ledger.credit_note_lines as lines
inner join ledger.credit_notes as notes on lines.credit_note_number = notes.credit_note_number
