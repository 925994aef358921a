/*
Fails if the claims on an item of an order leave a gap, overlap, or go beyond what was ordered.

severity: error
blocking: yes
on: ledger.claims
*/
select
    items.order_id,
    items.order_item_id,
    items.quantity,
    sum(upper(claims.units) - lower(claims.units)) as claimed_quantity,
    max(upper(claims.units)) as claimed_upto
from ledger.claims as claims
inner join ledger.order_items as items on claims.item_number = items.item_number
where
    claims.order_id in (
        select notes.order_id from ledger.credit_notes as notes
        where notes.registered_at >= %(window_start)s and notes.registered_at < %(window_end)s
    )
group by items.order_id, items.order_item_id, items.quantity
having
    sum(upper(claims.units) - lower(claims.units)) <> max(upper(claims.units))
    or max(upper(claims.units)) > items.quantity
