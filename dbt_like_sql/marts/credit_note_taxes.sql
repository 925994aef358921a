/*
The taxes of the credit notes by code and rate, for orders whose subtotals were asked for. Per note they add up to its tax and
its shipping tax; what no rate explains stands under none.

materialized: view
window: registered_at
grain: credit_note_number, applies_to, position
owner: finance
columns:
    applies_to: goods or shipping
    rate: a fraction, 0.08 for eight per cent; null where no rate is known
    taxable_amount: the credited amount that the rate was charged on
*/
select
    taxes.credit_note_number,
    taxes.applies_to,
    taxes.position,
    notes.order_id,
    notes.currency,
    taxes.tax_code,
    taxes.rate,
    taxes.taxable_amount,
    taxes.tax_amount,
    taxes.registered_at
from ledger.credit_note_taxes as taxes
inner join ledger.credit_notes as notes on taxes.credit_note_number = notes.credit_note_number
