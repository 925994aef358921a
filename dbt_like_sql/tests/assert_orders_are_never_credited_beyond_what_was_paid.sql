/*
Fails if the notes of an order credit more of a line than was paid for it, or more of its shipping than it cost. Goodwill is
paid on top by decision and does not count.

severity: error
blocking: yes
on: marts.credit_notes
*/
with

orders as (
    select orders.* from ledger.orders as orders
    where
        orders.order_id in (
            select notes.order_id from ledger.credit_notes as notes
            where notes.registered_at >= %(window_start)s and notes.registered_at < %(window_end)s
        )
),

paid as (
    select
        items.order_id,
        items.order_line_id,
        sum(items.net_amount + items.tax_amount) as paid_amount,
        sum(abs(items.net_amount) + abs(items.tax_amount)) as most_amount
    from ledger.order_items as items
    where items.order_id in (select orders.order_id from orders)
    group by items.order_id, items.order_line_id
),

credited as (
    select
        lines.order_id,
        lines.order_line_id,
        sum(lines.net_amount) as net_amount,
        sum(lines.tax_amount) as tax_amount
    from ledger.credit_note_lines as lines
    where lines.order_id in (select orders.order_id from orders)
    group by lines.order_id, lines.order_line_id
),

shipped as (
    select
        notes.order_id,
        sum(notes.shipping_amount) as shipping_amount,
        sum(notes.shipping_tax_amount) as shipping_tax_amount
    from ledger.credit_notes as notes
    where notes.order_id in (select orders.order_id from orders)
    group by notes.order_id
)

select
    credited.order_id,
    credited.order_line_id,
    paid.paid_amount,
    credited.net_amount + credited.tax_amount as credited_amount
from credited
inner join paid on credited.order_id = paid.order_id and credited.order_line_id = paid.order_line_id
where abs(credited.net_amount) + abs(credited.tax_amount) > paid.most_amount
union all
select
    shipped.order_id,
    null as order_line_id,
    orders.shipping_amount + orders.shipping_tax_amount as paid_amount,
    shipped.shipping_amount + shipped.shipping_tax_amount as credited_amount
from shipped
inner join orders on shipped.order_id = orders.order_id
where
    abs(shipped.shipping_amount) > abs(orders.shipping_amount)
    or abs(shipped.shipping_tax_amount) > abs(orders.shipping_tax_amount)
