-- Reconciliation: what OroCommerce holds, read back, against what was decided.
create schema reconciliation;

create table reconciliation.oro_credit_notes (
    credit_note_number text collate "C" not null,
    remote_id text collate "C" not null,
    order_id text collate "C",
    currency text,
    net_amount numeric,
    discount_amount numeric,
    tax_amount numeric,
    shipping_amount numeric,
    shipping_tax_amount numeric,
    fee_amount numeric,
    total_amount numeric,
    line_count integer not null,
    line_quantity numeric not null,
    line_total_amount numeric not null,
    read_at timestamptz not null,
    primary key (credit_note_number, remote_id)
);
comment on table reconciliation.oro_credit_notes is
'Credit notes as OroCommerce holds them, last read. Amounts that its entity has no field for are null.';

create table reconciliation.oro_inventory_levels (
    level_id text collate "C" primary key,
    quantity numeric not null,
    read_at timestamptz not null
);
comment on table reconciliation.oro_inventory_levels is 'The stock levels that we ever wrote, as OroCommerce shows them, last read.';

create view reconciliation.credit_notes as
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
    end as finding
from decided
full join held on decided.credit_note_number = held.credit_note_number;
comment on view reconciliation.credit_notes is
'Every decided note beside what OroCommerce holds of it, with the finding. missing_in_oro and not_ours mean something only after the notes were read back.';

create view reconciliation.inventory as
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
    where kind = 'oro_inventory_delta'
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
)

select
    deltas.level_id,
    deltas.sku,
    deltas.unit_code,
    deltas.quantity_decided,
    coalesce(written.quantity_written, 0) as quantity_written,
    deltas.quantity_waiting,
    deltas.quantity_refused,
    coalesce(written.writes, 0) as writes,
    written.last_target,
    written.last_written_at,
    levels.quantity as quantity_now,
    levels.read_at,
    case
        when coalesce(written.quantity_written, 0) <> deltas.quantity_confirmed then 'differs'
        when deltas.quantity_waiting > 0 then 'not_sent_yet'
        when deltas.quantity_refused > 0 then 'refused'
        when levels.quantity is null then 'not_read'
        when levels.quantity <> written.last_target then 'moved_since'
        else 'equal'
    end as finding
from deltas
left join written on deltas.level_id = written.level_id
left join reconciliation.oro_inventory_levels as levels on deltas.level_id = levels.level_id;
comment on view reconciliation.inventory is
'Units decided for each stock level beside the units written to it. moved_since: OroCommerce sold or counted since our last write, which is legal; differs: our own books disagree.';
