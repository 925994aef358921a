/*
Fails if a credit note of the window is not the sum of its lines, or does not add up itself.

severity: error
blocking: yes
on: marts.credit_notes
*/
select
    notes.credit_note_number,
    notes.total_amount,
    sum(lines.net_amount) as lines_net_amount,
    sum(lines.tax_amount) as lines_tax_amount
from ledger.credit_notes as notes
left join ledger.credit_note_lines as lines on notes.credit_note_number = lines.credit_note_number
where notes.registered_at >= %(window_start)s and notes.registered_at < %(window_end)s
group by notes.credit_note_number
having
    coalesce(sum(lines.net_amount), 0) <> notes.net_amount
    or coalesce(sum(lines.tax_amount), 0) <> notes.tax_amount
    or coalesce(sum(lines.discount_amount), 0) <> notes.discount_amount
    or notes.net_amount + notes.tax_amount + notes.shipping_amount + notes.shipping_tax_amount - notes.fee_amount
    <> notes.total_amount
