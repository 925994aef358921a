/*
Credit notes of this decision: one per return, order and decision. Shipping, less its discount, and its tax are cut along the
net amount credited on the order so far, a step per note; what is left of them comes with the note that completes the order,
all of it where the order's net is nothing, or the policy waits for the complete return (docs/rules.md, Shipping).

materialized: table
grain: credit_note_number
owner: finance
previous: ledger.credit_notes
*/
with

notes as (
    select
        lines.credit_note_number,
        lines.return_id,
        lines.order_id,
        lines.note_sequence,
        lines.registered_at,
        min(lines.line_number) as first_line_number,
        sum(lines.net_amount) as net_amount,
        sum(lines.discount_amount) as discount_amount,
        sum(lines.tax_amount) as tax_amount,
        sum(lines.fee_amount) as fee_amount,
        sum(lines.net_amount) filter (where lines.credits_shipping) as net_amount_of_reasons,
        bool_or(lines.credits_shipping) as credits_shipping
    from intermediate.int_credit_lines as lines
    group by lines.credit_note_number, lines.return_id, lines.order_id, lines.note_sequence, lines.registered_at
),

orders as (
    select kept.* from ledger.orders as kept
    where kept.order_id in (select notes.order_id from notes)
),

-- An order is complete when every unit of every item is claimed; the units of this decision count note by note.
units_of_notes as (
    select
        claims.credit_note_number,
        sum(claims.units_to - claims.units_from) as units
    from intermediate.int_claims as claims
    group by claims.credit_note_number
),

units_of_orders as (
    select
        items.order_id,
        sum(items.quantity) as ordered_units,
        sum(items.claimed_quantity) as claimed_units
    from intermediate.int_order_items as items
    group by items.order_id
),

credited_before as (
    select
        earlier.order_id,
        sum(earlier.shipping_base_amount) as shipping_base_amount,
        sum(earlier.shipping_amount) as shipping_amount,
        sum(earlier.shipping_tax_amount) as shipping_tax_amount
    from ledger.credit_notes as earlier
    where
        earlier.order_id in (
            select orders.order_id from orders
            where orders.decision_id <> %(decision_id)s
        )
    group by earlier.order_id
),

based as (
    select
        notes.*,
        policy.shipping as shipping_policy,
        case policy.shipping
            when 'pro_rata' then notes.net_amount
            when 'by_reason' then coalesce(notes.net_amount_of_reasons, 0)
            else 0
        end as shipping_base_amount,
        units_of_orders.claimed_units
        + sum(units_of_notes.units) over (partition by notes.order_id order by notes.first_line_number)
        = units_of_orders.ordered_units as completes_order
    from notes
    inner join units_of_notes on notes.credit_note_number = units_of_notes.credit_note_number
    inner join units_of_orders on notes.order_id = units_of_orders.order_id
    cross join intermediate.int_policy as policy
),

stepped as (
    select
        based.*,
        orders.order_identifier,
        orders.customer_id,
        orders.currency,
        orders.digits,
        orders.net_amount as order_net_amount,
        orders.shipping_amount as order_shipping_amount,
        orders.shipping_tax_amount as order_shipping_tax_amount,
        least(orders.net_amount, 0) as least_base,
        greatest(orders.net_amount, 0) as most_base,
        coalesce(credited_before.shipping_base_amount, 0) as base_of_before,
        coalesce(credited_before.shipping_base_amount, 0)
        + sum(based.shipping_base_amount) over (partition by based.order_id order by based.first_line_number) as base_upto,
        orders.shipping_amount - coalesce(credited_before.shipping_amount, 0) as shipping_left,
        orders.shipping_tax_amount - coalesce(credited_before.shipping_tax_amount, 0) as shipping_tax_left,
        based.shipping_policy <> 'never' and (based.shipping_policy <> 'by_reason' or based.credits_shipping)
            as credits_any_shipping,
        -- Pro rata, too: that is what is left to be cut anyway, unless the policy was another one before.
        based.shipping_policy in ('on_complete_return', 'pro_rata') or orders.net_amount = 0 as takes_what_is_left
    from based
    inner join orders on based.order_id = orders.order_id
    left join credited_before on based.order_id = credited_before.order_id
),

-- Lines may be worth less than nothing (a discount larger than what it is spread over); shipping is never cut beyond its ends.
-- Each end is a part of the order's net: where this decision began, and before and after each of its notes.
bounded as (
    select
        stepped.*,
        case when stepped.order_net_amount = 0 then 1 else stepped.order_net_amount end as whole,
        least(greatest(stepped.base_of_before, stepped.least_base), stepped.most_base) as base_at_first,
        least(greatest(stepped.base_upto - stepped.shipping_base_amount, stepped.least_base), stepped.most_base) as base_before,
        least(greatest(stepped.base_upto, stepped.least_base), stepped.most_base) as base_after
    from stepped
),

cut as (
    select
        bounded.*,
        ledger.share(bounded.order_shipping_amount, bounded.base_at_first, bounded.whole, bounded.digits) as shipping_at_first,
        ledger.share(bounded.order_shipping_amount, bounded.base_before, bounded.whole, bounded.digits) as shipping_before,
        ledger.share(bounded.order_shipping_amount, bounded.base_after, bounded.whole, bounded.digits) as shipping_after,
        ledger.share(bounded.order_shipping_tax_amount, bounded.base_at_first, bounded.whole, bounded.digits)
            as shipping_tax_at_first,
        ledger.share(bounded.order_shipping_tax_amount, bounded.base_before, bounded.whole, bounded.digits)
            as shipping_tax_before,
        ledger.share(bounded.order_shipping_tax_amount, bounded.base_after, bounded.whole, bounded.digits)
            as shipping_tax_after
    from bounded
),

shipped as (
    select
        cut.*,
        case
            when not cut.credits_any_shipping then 0
            when cut.completes_order and cut.takes_what_is_left
                then cut.shipping_left - (cut.shipping_before - cut.shipping_at_first)
            else cut.shipping_after - cut.shipping_before
        end as shipping_amount,
        case
            when not cut.credits_any_shipping then 0
            when cut.completes_order and cut.takes_what_is_left
                then cut.shipping_tax_left - (cut.shipping_tax_before - cut.shipping_tax_at_first)
            else cut.shipping_tax_after - cut.shipping_tax_before
        end as shipping_tax_amount
    from cut
),

-- A fee never turns a credit into a claim on the customer.
capped as (
    select
        shipped.*,
        case
            when shipped.fee_amount > 0
                then least(
                    shipped.fee_amount,
                    greatest(
                        shipped.net_amount + shipped.tax_amount + shipped.shipping_amount + shipped.shipping_tax_amount, 0
                    )
                )
            else shipped.fee_amount
        end as fee_taken
    from shipped
)

select
    capped.credit_note_number,
    capped.return_id,
    capped.order_id,
    capped.note_sequence as sequence,
    capped.order_identifier,
    capped.customer_id,
    capped.currency,
    capped.net_amount,
    capped.discount_amount,
    capped.tax_amount,
    capped.shipping_amount,
    capped.shipping_tax_amount,
    capped.fee_taken as fee_amount,
    capped.net_amount + capped.tax_amount + capped.shipping_amount + capped.shipping_tax_amount - capped.fee_taken
        as total_amount,
    capped.shipping_base_amount,
    capped.registered_at
from capped
