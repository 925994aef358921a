/*
The taxes of the credit notes of this decision by code and rate, where OroCommerce said them when the order was first credited.
What is charged on an item is cut twice: along its taxes, and along its units; that of shipping along its taxes, and along what
the notes of the order bring of it. So the taxes of a note add up to its tax, and those of all notes of an order to what was
charged at each rate. What no rate explains stands under none.

materialized: append
window: registered_at
grain: credit_note_number, applies_to, position
owner: finance
*/
with

orders as (
    select
        orders.order_id,
        orders.digits,
        orders.shipping_tax_amount
    from ledger.orders as orders
    where
        orders.has_subtotals
        and orders.order_id in (select notes.order_id from intermediate.int_credit_notes as notes)
),

taxes as (
    select
        taxes.order_id,
        taxes.order_line_id,
        taxes.tax_code,
        taxes.rate,
        sum(taxes.tax_weight) over upto - taxes.tax_weight as weight_before,
        sum(taxes.tax_weight) over upto as weight_after,
        sum(taxes.tax_weight) over whole_line as weight_of_line
    from orders
    inner join ledger.order_taxes as taxes on orders.order_id = taxes.order_id
    window
        whole_line as (partition by taxes.order_id, taxes.order_line_id),
        upto as (partition by taxes.order_id, taxes.order_line_id order by taxes.position)
),

claimed as (
    select
        claims.credit_note_number,
        claims.units_from,
        claims.units_to,
        items.quantity,
        orders.digits,
        items.tax_amount,
        taxes.tax_code,
        taxes.rate,
        ledger.share(items.net_amount, claims.units_to, items.quantity, orders.digits)
        - ledger.share(items.net_amount, claims.units_from, items.quantity, orders.digits) as taxable_amount,
        case
            when taxes.weight_of_line <> 0
                then ledger.share(items.tax_amount, taxes.weight_before, taxes.weight_of_line, orders.digits)
            else 0
        end as tax_before,
        case
            when taxes.weight_of_line <> 0
                then ledger.share(items.tax_amount, taxes.weight_after, taxes.weight_of_line, orders.digits)
            else items.tax_amount
        end as tax_after
    from intermediate.int_claims as claims
    inner join orders on claims.order_id = orders.order_id
    inner join ledger.order_items as items on claims.item_number = items.item_number
    left join taxes
        on
            items.order_id = taxes.order_id
            and items.order_line_id = taxes.order_line_id
            and (taxes.weight_of_line <> 0 or items.tax_amount = 0)
),

goods as (
    select
        claimed.credit_note_number,
        claimed.tax_code,
        claimed.rate,
        claimed.taxable_amount,
        ledger.share(claimed.tax_after, claimed.units_to, claimed.quantity, claimed.digits)
        - ledger.share(claimed.tax_after, claimed.units_from, claimed.quantity, claimed.digits)
        - ledger.share(claimed.tax_before, claimed.units_to, claimed.quantity, claimed.digits)
        + ledger.share(claimed.tax_before, claimed.units_from, claimed.quantity, claimed.digits) as tax_amount
    from claimed
    where claimed.rate is not null or claimed.tax_amount <> 0
),

-- In the sequence in which they were decided.
notes_of_orders as (
    select
        notes.credit_note_number,
        sum(notes.shipping_tax_amount) over upto - notes.shipping_tax_amount as tax_from,
        sum(notes.shipping_tax_amount) over upto as tax_to
    from orders
    inner join ledger.credit_notes as notes on orders.order_id = notes.order_id
    window
        upto as (
            partition by notes.order_id
            order by notes.decision_id, notes.registered_at, length(notes.return_id), notes.return_id
        )
),

brought as (
    select
        notes.credit_note_number,
        notes.shipping_amount,
        notes.shipping_tax_amount,
        notes_of_orders.tax_from,
        notes_of_orders.tax_to,
        orders.shipping_tax_amount as tax_of_order,
        orders.digits,
        taxes.tax_code,
        taxes.rate,
        ledger.share(orders.shipping_tax_amount, taxes.weight_before, taxes.weight_of_line, orders.digits) as tax_before,
        ledger.share(orders.shipping_tax_amount, taxes.weight_after, taxes.weight_of_line, orders.digits) as tax_after
    from intermediate.int_credit_notes as notes
    inner join notes_of_orders on notes.credit_note_number = notes_of_orders.credit_note_number
    inner join orders on notes.order_id = orders.order_id
    left join taxes on notes.order_id = taxes.order_id and taxes.order_line_id = ''
    where notes.shipping_tax_amount <> 0
),

shipping as (
    select
        brought.credit_note_number,
        brought.tax_code,
        brought.rate,
        brought.shipping_amount as taxable_amount,
        case
            when brought.rate is null then brought.shipping_tax_amount
            else
                ledger.share(brought.tax_after, brought.tax_to, brought.tax_of_order, brought.digits)
                - ledger.share(brought.tax_after, brought.tax_from, brought.tax_of_order, brought.digits)
                - ledger.share(brought.tax_before, brought.tax_to, brought.tax_of_order, brought.digits)
                + ledger.share(brought.tax_before, brought.tax_from, brought.tax_of_order, brought.digits)
        end as tax_amount
    from brought
),

summed as (
    select
        goods.credit_note_number,
        'goods' as applies_to,
        goods.tax_code,
        goods.rate,
        sum(goods.taxable_amount) as taxable_amount,
        sum(goods.tax_amount) as tax_amount
    from goods
    group by goods.credit_note_number, goods.tax_code, goods.rate
    union all
    select
        shipping.credit_note_number,
        'shipping' as applies_to,
        shipping.tax_code,
        shipping.rate,
        shipping.taxable_amount,
        shipping.tax_amount
    from shipping
)

select
    summed.credit_note_number,
    summed.applies_to,
    (row_number() over (
        partition by summed.credit_note_number, summed.applies_to order by summed.rate, summed.tax_code
    ))::integer as position,
    summed.tax_code,
    summed.rate,
    summed.taxable_amount,
    summed.tax_amount,
    notes.registered_at
from summed
inner join ledger.credit_notes as notes on summed.credit_note_number = notes.credit_note_number
