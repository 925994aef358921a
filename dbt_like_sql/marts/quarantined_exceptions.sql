/*
What people have to work on: every open quarantine row with its owner, what happened and the remedy in plain words, and what
OroCommerce refused.

materialized: view
window: registered_at
grain: subject, reason
owner: ops
columns:
    amount_at_stake: a refused note's total; of units an estimate as in marts.held_returns; null where none is known
*/
with

open_rows as (
    select
        quarantine.subject,
        quarantine.reason,
        quarantine.return_id,
        quarantine.return_line_key,
        quarantine.order_reference,
        quarantine.quantity,
        quarantine.detail,
        quarantine.registered_at,
        quarantine.opened_at
    from ledger.quarantine as quarantine
    where quarantine.resolved_at is null
    union all
    select
        refusals.subject,
        refusals.reason,
        refusals.return_id,
        refusals.return_line_key,
        null as order_reference,
        refusals.quantity,
        refusals.detail,
        refusals.registered_at,
        refusals.opened_at
    from push.refusals as refusals
)

select
    open_rows.subject,
    open_rows.reason,
    open_rows.return_id,
    open_rows.return_line_key,
    open_rows.order_reference,
    open_rows.quantity,
    coalesce(notes.currency, worth.currency) as currency,
    coalesce(
        notes.total_amount,
        ledger.amount_at_stake(open_rows.quantity, worth.unit_price, worth.most_amount, worth.digits)
    ) as amount_at_stake,
    open_rows.detail,
    reasons.owner,
    reasons.what_happened,
    reasons.remedy,
    open_rows.registered_at,
    open_rows.opened_at
from open_rows
left join seeds.quarantine_reasons as reasons on open_rows.reason = reasons.reason
left join ledger.credit_notes as notes on open_rows.subject = notes.credit_note_number
-- An aggregate, because then nothing of it is looked up where nothing of it is read.
left join lateral (
    select
        (array_agg(line_values.currency order by line_values.position))[1] as currency,
        (array_agg(line_values.unit_price order by line_values.position))[1] as unit_price,
        (array_agg(line_values.most_amount order by line_values.position))[1] as most_amount,
        (array_agg(line_values.digits order by line_values.position))[1] as digits
    from intermediate.int_return_line_values as line_values
    where line_values.return_id = open_rows.return_id and line_values.return_line_key = open_rows.return_line_key
) as worth on true
