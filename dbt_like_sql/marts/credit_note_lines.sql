/*
Lines of the credit notes: what came back, in the words and units of the order. Two boxes of 50 that came back of an order of
items are a line of 100 items, and an alias is the SKU that it stands for. Shipping is on the note only, and the total of a line
is without its fee.

materialized: view
window: registered_at
grain: credit_note_number, position
owner: finance
columns:
    order_line_id: the order line that was matched; of a component its kit's
    sku: as on the order line, of a component as in the kit
    quantity: units of the order line or the component, converted where ReBound counts in another unit
    unit_code: the unit of the order line or the component
    net_amount: after all discounts, without tax
    total_amount: net + tax; the fees of the lines (fee_amount of ledger.credit_note_lines) add up to that of the note, which
        takes no more than it gives
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
