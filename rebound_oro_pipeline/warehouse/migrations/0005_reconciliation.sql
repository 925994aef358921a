-- Reconciliation: what the other systems hold, read back, against what was decided.
create schema reconciliation;

create table reconciliation.oro_credit_notes (
    credit_note_number text not null,
    remote_id text collate "C" not null,
    order_id text collate "C",
    currency text,
    net_amount numeric,
    tax_amount numeric,
    shipping_amount numeric,
    total_amount numeric,
    line_count integer not null,
    line_quantity numeric not null,
    line_total_amount numeric not null,
    read_at timestamptz not null,
    primary key (credit_note_number, remote_id)
);
comment on table reconciliation.oro_credit_notes is 'Credit notes as OroCommerce holds them, last read.';

create view reconciliation.credit_notes as
select
    coalesce(decided.credit_note_number, held.credit_note_number) as credit_note_number,
    decided.total_amount as decided_total_amount,
    held.total_amount as oro_total_amount,
    held.remote_id as oro_credit_note_id,
    messages.state::text as push_state,
    case
        when decided.credit_note_number is null then 'not_ours'
        when messages.state = 'skipped' then 'nothing_to_send'
        when held.credit_note_number is null and messages.state = 'confirmed' then 'missing_in_oro'
        when held.credit_note_number is null then 'not_sent_yet'
        when held.total_amount is distinct from decided.total_amount
            or held.net_amount is distinct from decided.net_amount
            or held.tax_amount is distinct from decided.tax_amount
            then 'amounts_differ'
        when held.order_id is distinct from decided.order_id then 'order_differs'
        when count(*) over (partition by coalesce(decided.credit_note_number, held.credit_note_number)) > 1
            then 'twice_in_oro'
        else 'equal'
    end as finding
from ledger.credit_notes as decided
left join outbox.messages
    on messages.kind = 'oro_credit_note' and messages.business_key = decided.credit_note_number
full join reconciliation.oro_credit_notes as held
    on decided.credit_note_number = held.credit_note_number;
comment on view reconciliation.credit_notes is 'Every decided note beside what OroCommerce holds of it, with the finding.';

create view reconciliation.inventory as
select
    writes.level_write_id,
    writes.sku,
    writes.unit_code,
    writes.quantity_before,
    writes.quantity_target,
    writes.quantity_seen,
    writes.quantity_target - writes.quantity_before as quantity_written,
    levels.quantity as quantity_now,
    case
        when writes.state = 'confirmed' and writes.quantity_seen = writes.quantity_target then 'equal'
        when writes.state = 'not_written' then 'not_written'
        else 'unclear'
    end as finding
from outbox.level_writes as writes
left join landing.oro_inventory_levels as levels on writes.level_id = levels.level_id;
comment on view reconciliation.inventory is 'Every stock level we wrote beside what it showed afterwards and what it shows now.';
