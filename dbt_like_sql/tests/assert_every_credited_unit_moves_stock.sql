/*
Fails if the stock movements of a credit note of the window are not exactly the units it credits.

severity: error
blocking: yes
on: marts.inventory_deltas
*/
with

claimed as (
    select
        claims.credit_note_number,
        sum(upper(claims.units) - lower(claims.units)) as quantity
    from ledger.credit_notes as notes
    inner join ledger.claims as claims
        on notes.return_id = claims.return_id and notes.credit_note_number = claims.credit_note_number
    where notes.registered_at >= %(window_start)s and notes.registered_at < %(window_end)s
    group by claims.credit_note_number
),

moved as (
    select
        deltas.credit_note_number,
        sum(deltas.quantity) as quantity
    from ledger.inventory_deltas as deltas
    where deltas.registered_at >= %(window_start)s and deltas.registered_at < %(window_end)s
    group by deltas.credit_note_number
)

select
    claimed.credit_note_number,
    claimed.quantity as claimed_quantity,
    moved.quantity as moved_quantity
from claimed
full join moved on claimed.credit_note_number = moved.credit_note_number
where claimed.quantity is distinct from moved.quantity
