-- A note that OroCommerce lists and cannot give is told of, and the others are compared all the same.
alter table reconciliation.oro_credit_notes
drop constraint oro_credit_notes_differs_in_check,
add constraint oro_credit_notes_differs_in_check check (differs_in in ('order', 'amounts', 'lines', 'reading'));
comment on column reconciliation.oro_credit_notes.differs_in is
'The gravest part in which it is not the note that was decided, or reading: that cannot be said, because it could not be '
'read; null: it is the same, or nobody here decided it.';

create or replace view reconciliation.credit_notes as
with decided as (
    select
        notes.*,
        messages.state as push_state
    from ledger.credit_notes as notes
    left join outbox.messages
        on notes.credit_note_number = messages.business_key and messages.kind = 'oro_credit_note'
),

held as (
    select
        credit_note_number,
        remote_id,
        order_id,
        currency,
        total_amount,
        differs_in,
        differences,
        read_at,
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
        when decided.credit_note_number is null and held.differs_in = 'reading' then 'unreadable_in_oro'
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
        when held.differs_in = 'reading' then 'unreadable_in_oro'
        when held.differs_in = 'order' then 'order_differs'
        when held.differs_in = 'amounts' then 'amounts_differ'
        when held.differs_in = 'lines' then 'lines_differ'
        when coalesce(decided.push_state, 'pending') <> 'confirmed' then 'sent_not_confirmed'
        else 'equal'
    end as finding,
    held.order_id as oro_order_id,
    held.differences
from decided
full join held on decided.credit_note_number = held.credit_note_number;
