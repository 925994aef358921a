/*
Fails if the notes of an order credit more of a line than was paid for it, or more of its shipping than it cost. Goodwill is
paid on top by decision and does not count.

severity: error
blocking: yes
on: marts.credit_notes
*/
with

orders as (
    select notes.order_id from ledger.credit_notes as notes
    where notes.registered_at >= %(window_start)s and notes.registered_at < %(window_end)s
    group by notes.order_id
),

-- Summed over one list instead of joined: whatever the planner thinks of the sizes, each table is read once.
amounts as (
    select
        items.order_id,
        items.order_line_id,
        items.net_amount + items.tax_amount as paid_amount,
        abs(items.net_amount) + abs(items.tax_amount) as most_amount,
        0 as credited_net_amount,
        0 as credited_tax_amount
    from ledger.order_items as items
    where items.order_id in (select orders.order_id from orders)
    union all
    select
        lines.order_id,
        lines.order_line_id,
        0 as paid_amount,
        0 as most_amount,
        lines.net_amount as credited_net_amount,
        lines.tax_amount as credited_tax_amount
    from ledger.credit_note_lines as lines
    inner join ledger.credit_notes as notes on lines.credit_note_number = notes.credit_note_number
    where notes.order_id in (select orders.order_id from orders)
),

shipping as (
    select
        kept.order_id,
        kept.shipping_amount,
        kept.shipping_tax_amount,
        0 as credited_amount,
        0 as credited_tax_amount
    from ledger.orders as kept
    where kept.order_id in (select orders.order_id from orders)
    union all
    select
        notes.order_id,
        0 as shipping_amount,
        0 as shipping_tax_amount,
        notes.shipping_amount as credited_amount,
        notes.shipping_tax_amount as credited_tax_amount
    from ledger.credit_notes as notes
    where notes.order_id in (select orders.order_id from orders)
)

select
    amounts.order_id,
    amounts.order_line_id,
    sum(amounts.paid_amount) as paid_amount,
    sum(amounts.credited_net_amount + amounts.credited_tax_amount) as credited_amount
from amounts
group by amounts.order_id, amounts.order_line_id
having abs(sum(amounts.credited_net_amount)) + abs(sum(amounts.credited_tax_amount)) > sum(amounts.most_amount)
union all
select
    shipping.order_id,
    null as order_line_id,
    sum(shipping.shipping_amount + shipping.shipping_tax_amount) as paid_amount,
    sum(shipping.credited_amount + shipping.credited_tax_amount) as credited_amount
from shipping
group by shipping.order_id
having
    abs(sum(shipping.credited_amount)) > abs(sum(shipping.shipping_amount))
    or abs(sum(shipping.credited_tax_amount)) > abs(sum(shipping.shipping_tax_amount))
