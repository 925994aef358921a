/*
Lines of the credit notes of this decision, in the SKU and unit of the order line, or of the kit's component, that came back.

materialized: append
window: registered_at
grain: credit_note_number, position
owner: finance
*/
select
    lines.credit_note_number,
    lines.position,
    lines.return_id,
    lines.return_line_key,
    lines.order_id,
    lines.order_line_id,
    lines.order_item_id,
    lines.sku,
    lines.quantity,
    lines.unit_code,
    lines.net_amount,
    lines.discount_amount,
    lines.tax_amount,
    lines.total_amount,
    lines.fee_amount,
    lines.reason_code,
    lines.registered_at
from intermediate.int_credit_lines as lines
inner join ledger.credit_notes as notes on lines.credit_note_number = notes.credit_note_number
