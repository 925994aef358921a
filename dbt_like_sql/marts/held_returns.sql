/*
Return lines that came too early: why, since when, how often asked, and when they are asked again.

materialized: view
window: registered_at
grain: subject
owner: ops
columns:
    amount_at_stake: an estimate, the units' price on the order before discounts and tax, converted where they are other ones,
        and no more than all that was sold of them cost; null where no price or no rate is known
*/
select
    holds.subject,
    holds.return_id,
    holds.return_line_key,
    holds.order_reference,
    holds.reason,
    holds.quantity,
    worth.currency,
    ledger.amount_at_stake(holds.quantity, worth.unit_price, worth.most_amount, worth.digits) as amount_at_stake,
    holds.held_since,
    holds.attempts,
    holds.next_check_at,
    holds.registered_at
from ledger.holds as holds
-- An aggregate, because then nothing of it is looked up where nothing of it is read.
left join lateral (
    select
        (array_agg(line_values.currency order by line_values.position))[1] as currency,
        (array_agg(line_values.unit_price order by line_values.position))[1] as unit_price,
        (array_agg(line_values.most_amount order by line_values.position))[1] as most_amount,
        (array_agg(line_values.digits order by line_values.position))[1] as digits
    from intermediate.int_return_line_values as line_values
    where line_values.return_id = holds.return_id and line_values.return_line_key = holds.return_line_key
) as worth on true
where holds.resolved_at is null
