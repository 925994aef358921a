/*
Lines of the credit notes; sku, quantity and unit are those of what came back, the order line may be its kit's.
Shipping and fees are on the note only.

materialized: view
window: registered_at
grain: credit_note_number, position
owner: finance
*/
select
    lines.credit_note_number,
    lines.position,
    lines.return_line_key,
    lines.order_line_id,
    lines.sku,
    lines.quantity,
    lines.unit_code,
    lines.net_amount,
    lines.discount_amount,
    lines.tax_amount,
    lines.total_amount,
    lines.reason_code,
    lines.registered_at
from ledger.credit_note_lines as lines
