-- What reconciliation needs to say no more than is true: since when a stream is known without a gap.
alter table landing.watermarks add column read_since timestamptz;
comment on column landing.watermarks.read_since is
'Since when the stream was read without a gap, up to read_until; null where nothing says so.';

-- What was never to be sent, or was given up, and stands in OroCommerce all the same is a credit that nobody counts on.

create or replace view reconciliation.credit_notes as
with decided as (
    select
        notes.*,
        messages.state as push_state,
        lines.line_count,
        lines.line_quantity,
        lines.line_total_amount
    from ledger.credit_notes as notes
    left join outbox.messages
        on notes.credit_note_number = messages.business_key and messages.kind = 'oro_credit_note'
    left join lateral (
        select
            count(*) as line_count,
            sum(note_lines.quantity) as line_quantity,
            sum(note_lines.total_amount) as line_total_amount
        from ledger.credit_note_lines as note_lines
        where note_lines.credit_note_number = notes.credit_note_number
    ) as lines on true
),

held as (
    select
        *,
        count(*) over (partition by credit_note_number) as notes_of_this_number
    from reconciliation.oro_credit_notes
)

select
    coalesce(decided.credit_note_number, held.credit_note_number) as credit_note_number,
    decided.registered_at,
    decided.order_id,
    coalesce(decided.currency, held.currency) as currency,
    decided.total_amount as decided_total_amount,
    held.total_amount as oro_total_amount,
    held.remote_id as oro_credit_note_id,
    decided.push_state::text as push_state,
    held.read_at,
    case
        when decided.credit_note_number is null then 'not_ours'
        when held.credit_note_number is null
            then
                case decided.push_state
                    when 'skipped' then 'nothing_to_send'
                    when 'confirmed' then 'missing_in_oro'
                    when 'rejected' then 'refused'
                    when 'abandoned' then 'abandoned'
                    else 'not_sent_yet'
                end
        when decided.push_state in ('skipped', 'abandoned') then 'unexpected_in_oro'
        when held.notes_of_this_number > 1 then 'twice_in_oro'
        when coalesce(held.order_id, '') <> decided.order_id then 'order_differs'
        when
            coalesce(held.currency, '') <> decided.currency
            or coalesce(held.total_amount <> decided.total_amount, true)
            or coalesce(held.net_amount, decided.net_amount) <> decided.net_amount
            or coalesce(held.tax_amount, decided.tax_amount) <> decided.tax_amount
            or coalesce(held.shipping_amount, decided.shipping_amount) <> decided.shipping_amount
            or coalesce(held.discount_amount, decided.discount_amount) <> decided.discount_amount
            or coalesce(held.shipping_tax_amount, decided.shipping_tax_amount) <> decided.shipping_tax_amount
            or coalesce(held.fee_amount, decided.fee_amount) <> decided.fee_amount
            then 'amounts_differ'
        when
            held.line_count <> decided.line_count
            or held.line_quantity <> decided.line_quantity
            or held.line_total_amount <> decided.line_total_amount
            then 'lines_differ'
        when coalesce(decided.push_state, 'pending') <> 'confirmed' then 'sent_not_confirmed'
        else 'equal'
    end as finding,
    held.order_id as oro_order_id
from decided
full join held on decided.credit_note_number = held.credit_note_number;
