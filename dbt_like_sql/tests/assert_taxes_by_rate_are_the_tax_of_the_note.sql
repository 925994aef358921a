/*
Fails if the taxes by rate of a credit note of the window do not add up to its tax, or to its shipping tax.

severity: error
blocking: yes
on: ledger.credit_note_taxes
*/
select
    notes.credit_note_number,
    notes.tax_amount,
    notes.shipping_tax_amount,
    coalesce(sum(taxes.tax_amount) filter (where taxes.applies_to = 'goods'), 0) as goods_tax_by_rate,
    coalesce(sum(taxes.tax_amount) filter (where taxes.applies_to = 'shipping'), 0) as shipping_tax_by_rate
from ledger.credit_notes as notes
inner join ledger.orders as orders on notes.order_id = orders.order_id and orders.has_subtotals
left join ledger.credit_note_taxes as taxes on notes.credit_note_number = taxes.credit_note_number
where notes.registered_at >= %(window_start)s and notes.registered_at < %(window_end)s
group by notes.credit_note_number, notes.tax_amount, notes.shipping_tax_amount
having
    coalesce(sum(taxes.tax_amount) filter (where taxes.applies_to = 'goods'), 0) <> notes.tax_amount
    or coalesce(sum(taxes.tax_amount) filter (where taxes.applies_to = 'shipping'), 0) <> notes.shipping_tax_amount
