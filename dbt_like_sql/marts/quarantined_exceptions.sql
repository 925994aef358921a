/*
What people have to work on: every open quarantine row with its owner, what happened and the remedy in plain words, and what
OroCommerce refused.

materialized: view
window: registered_at
grain: subject, reason
owner: ops
columns:
    amount_at_stake: a refused note's total; of units that were credited and did not come back their share of that credit, without
        shipping and fees; of others an estimate as in marts.held_returns; null where none is known
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
    coalesce(notes.currency, credited.currency, worth.currency) as currency,
    coalesce(
        notes.total_amount,
        credited.amount,
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
-- Aggregates, because then nothing of them is looked up where nothing of them is read. Of units that the line still lists, fewer
-- than were credited, the price is told below.
left join lateral (
    select
        min(notes_of_line.currency) as currency,
        round(
            sum(notes_of_line.amount) * least(open_rows.quantity / sum(notes_of_line.units), 1), min(notes_of_line.digits)
        ) as amount
    from (
        select
            min(credited_notes.currency) as currency,
            max(scale(credited_notes.total_amount)) as digits,
            sum(claims.received_units) as units,
            (
                select sum(lines.total_amount)
                from ledger.credit_note_lines as lines
                where
                    lines.credit_note_number = claims.credit_note_number
                    and lines.return_line_key = open_rows.return_line_key
            ) as amount
        from ledger.claims as claims
        inner join ledger.credit_notes as credited_notes on claims.credit_note_number = credited_notes.credit_note_number
        where
            open_rows.reason = 'received_quantity_decreased'
            and claims.return_id = open_rows.return_id
            and claims.return_line_key = open_rows.return_line_key
            and not exists (
                select 1
                from staging.stg_rebound__returns as returns
                inner join staging.stg_rebound__return_lines as listed on returns.return_id = listed.return_id
                where
                    returns.return_id = claims.return_id
                    and returns.order_reference_key = claims.order_reference_key
                    and listed.return_line_key = claims.return_line_key
                    and listed.sku_key = claims.received_sku_key
            )
        group by claims.credit_note_number
    ) as notes_of_line
) as credited on true
left join lateral (
    select
        (array_agg(line_values.currency order by line_values.position))[1] as currency,
        (array_agg(line_values.unit_price order by line_values.position))[1] as unit_price,
        (array_agg(line_values.most_amount order by line_values.position))[1] as most_amount,
        (array_agg(line_values.digits order by line_values.position))[1] as digits
    from intermediate.int_return_line_values as line_values
    where line_values.return_id = open_rows.return_id and line_values.return_line_key = open_rows.return_line_key
) as worth on true
