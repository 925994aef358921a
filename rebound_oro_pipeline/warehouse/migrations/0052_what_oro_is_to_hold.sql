-- What OroCommerce is to hold of each note stands beside what it holds, so that every report has the same difference: of two
-- notes with one number the one that is not ours is too much, and so is one that was never to be sent or was given up. A note
-- that was confirmed since the notes were last read is not missing.
create or replace view reconciliation.credit_notes as
with decided as (
    select
        notes.*,
        messages.state as push_state,
        coalesce(messages.confirmed_at < readings.read_until, false) as is_read_since_sent
    from ledger.credit_notes as notes
    left join outbox.messages
        on notes.credit_note_number = messages.business_key and messages.kind = 'oro_credit_note'
    left join landing.watermarks as readings on readings.stream = 'reconciliation of credit notes'
),

-- The outbox knows which of several is ours; where it does not, the oldest is taken for it.
held as (
    select
        notes.credit_note_number,
        notes.remote_id,
        notes.order_id,
        notes.currency,
        notes.total_amount,
        notes.differs_in,
        notes.differences,
        notes.read_at,
        row_number() over (
            partition by notes.credit_note_number
            order by coalesce(notes.remote_id = messages.remote_id, false) desc, length(notes.remote_id), notes.remote_id
        ) as place
    from reconciliation.oro_credit_notes as notes
    left join outbox.messages
        on notes.credit_note_number = messages.business_key and messages.kind = 'oro_credit_note'
),

found as (
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
                        when 'confirmed' then case when decided.is_read_since_sent then 'missing_in_oro' else 'not_read' end
                        when 'rejected' then 'refused'
                        when 'abandoned' then 'abandoned'
                        else 'not_sent_yet'
                    end
            when decided.push_state in ('skipped', 'abandoned') then 'unexpected_in_oro'
            when held.place > 1 then 'twice_in_oro'
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
    full join held on decided.credit_note_number = held.credit_note_number
)

select
    found.credit_note_number,
    found.registered_at,
    found.order_id,
    found.currency,
    found.decided_total_amount,
    found.oro_total_amount,
    found.oro_credit_note_id,
    found.push_state,
    found.read_at,
    found.finding,
    found.oro_order_id,
    found.differences,
    case
        when found.finding in ('nothing_to_send', 'unexpected_in_oro', 'twice_in_oro') then 0
        else found.decided_total_amount
    end as expected_total_amount
from found;
comment on view reconciliation.credit_notes is
'Every decided note beside what OroCommerce holds of it, with the finding. not_ours means something only after the notes were read back; not_read: confirmed since they were.';
comment on column reconciliation.credit_notes.expected_total_amount is
'What OroCommerce is to hold: ours, 0 for what is never sent and for a note that is there although it is not to be; null: nobody here decided it.';

-- Movements from before the cut-over are never sent, so there is no level of theirs to be read.
create or replace view reconciliation.inventory as
with deltas as (
    select
        coalesce(remote_id, 'unsent:' || ordering_key) as level_key,
        min(remote_id) as level_id,
        min(payload ->> 'sku') as sku,
        min(payload ->> 'unit_code') as unit_code,
        min(registered_at) as first_registered_at,
        sum((payload ->> 'quantity')::numeric) as quantity_decided,
        coalesce(sum((payload ->> 'quantity')::numeric) filter (where state = 'confirmed'), 0) as quantity_confirmed,
        coalesce(sum((payload ->> 'quantity')::numeric) filter (
            where state in ('pending', 'sending', 'unknown')
        ), 0) as quantity_waiting,
        coalesce(sum((payload ->> 'quantity')::numeric) filter (
            where state in ('rejected', 'abandoned')
        ), 0) as quantity_refused
    from outbox.messages
    where kind = 'oro_inventory_delta' and state <> 'skipped'
    group by level_key
),

written as (
    select
        level_id,
        sum(quantity_target - quantity_before) as quantity_written,
        count(*) as writes,
        (array_agg(quantity_target order by level_write_id desc))[1] as last_target,
        max(finished_at) as last_written_at
    from outbox.level_writes
    where state = 'confirmed'
    group by level_id
),

levels as (
    select
        deltas.*,
        coalesce(written.quantity_written, 0) as quantity_written,
        coalesce(written.writes, 0) as writes,
        written.last_target,
        written.last_written_at,
        held.quantity as quantity_now,
        held.read_at,
        coalesce(held.read_at >= written.last_written_at, false) as is_read_since_write
    from deltas
    left join written on deltas.level_id = written.level_id
    left join reconciliation.oro_inventory_levels as held on deltas.level_id = held.level_id
)

select
    levels.level_id,
    levels.sku,
    levels.unit_code,
    levels.quantity_decided,
    levels.quantity_written,
    levels.quantity_waiting,
    levels.quantity_refused,
    levels.writes,
    levels.last_target,
    levels.last_written_at,
    levels.quantity_now,
    levels.read_at,
    case
        when levels.quantity_written <> levels.quantity_confirmed then 'differs'
        when levels.quantity_waiting > 0 then 'not_sent_yet'
        when levels.quantity_refused > 0 then 'refused'
        when not levels.is_read_since_write then 'not_read'
        when levels.quantity_now <> levels.last_target then 'moved_since'
        else 'equal'
    end as finding,
    levels.is_read_since_write
from levels;

-- What a person vouched for is an order, too: a later version of the return may name another one.
alter table reference.operator_decisions add column order_reference_key text collate "C";
comment on column reference.operator_decisions.order_reference_key is
'Of the return as the person saw it; null: not known.';
