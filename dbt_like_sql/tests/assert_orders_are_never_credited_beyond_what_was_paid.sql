/*
Fails if the notes of an order credit more than the order's total, or more of its shipping than it cost. Goodwill is paid on
top by decision and does not count.

severity: error
blocking: yes
on: marts.credit_notes
*/
select
    orders.order_id,
    orders.total_value,
    sum(notes.net_amount + notes.tax_amount + notes.shipping_amount + notes.shipping_tax_amount) as credited_amount
from ledger.orders as orders
inner join ledger.credit_notes as notes on orders.order_id = notes.order_id
where
    orders.order_id in (
        select credited.order_id from ledger.credit_notes as credited
        where credited.registered_at >= %(window_start)s and credited.registered_at < %(window_end)s
    )
group by orders.order_id, orders.total_value, orders.shipping_amount
having
    sum(notes.net_amount + notes.tax_amount + notes.shipping_amount + notes.shipping_tax_amount) > orders.total_value
    or sum(notes.shipping_amount) > greatest(orders.shipping_amount, 0)
