-- The outbox: one row per thing to send, written in the transaction of the decision.
create schema outbox;
create schema push;

-- State transitions (drawn in docs/outbox.md):
--   pending   -> sending               claimed by a worker, for a limited time
--   sending   -> confirmed             read back from the other system and found equal
--   sending   -> pending               a retryable refusal: tried again at next_attempt_at
--   sending   -> rejected              the other system says no: quarantined as push_rejected
--   sending   -> unknown               no answer, a batch still running, or the worker died: read before any retry
--   unknown   -> confirmed | pending | rejected | unknown
--   pending   -> skipped               nothing to send (a note of zero), recorded all the same
--   pending | unknown | rejected -> abandoned    by an operator, with name and reason
create type outbox.message_state as enum (
    'pending', 'sending', 'confirmed', 'rejected', 'unknown', 'skipped', 'abandoned'
);

create table outbox.messages (
    message_id bigint generated always as identity primary key,
    kind text not null check (kind in ('oro_credit_note', 'oro_inventory_delta', 'rebound_order')),
    business_key text collate "C" not null,
    ordering_key text collate "C" not null,
    registered_at timestamptz not null,
    payload jsonb not null,
    state outbox.message_state not null default 'pending',
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    claimed_by text,
    claimed_until timestamptz,
    operation_id text,
    remote_id text,
    last_error text,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    confirmed_at timestamptz,
    unique (kind, business_key)
);
create index messages_due on outbox.messages (kind, next_attempt_at) where state in ('pending', 'sending', 'unknown');
create index messages_registered_at on outbox.messages (registered_at);
comment on table outbox.messages is 'What has to be sent, once in effect. payload holds decimals as strings.';

-- A level is absolute in Oro: what it was and what it shall be is recorded before it is written, so that after a crash
-- the level itself tells whether the write happened.
create table outbox.level_writes (
    level_write_id bigint generated always as identity primary key,
    level_id text collate "C" not null,
    product_id text collate "C" not null,
    sku text not null,
    unit_code text collate "C" not null,
    quantity_before numeric not null,
    quantity_target numeric not null,
    message_ids bigint [] not null,
    state text not null check (state in ('writing', 'confirmed', 'not_written', 'ambiguous')),
    quantity_seen numeric,
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    written_by text not null
);
create unique index level_writes_open on outbox.level_writes (level_id) where state in ('writing', 'ambiguous');
comment on table outbox.level_writes is 'Every write of a stock level: before, target, what was seen afterwards.';

-- What the push assets show.
create view push.oro_credit_notes as
select
    business_key as credit_note_number,
    registered_at,
    state::text as state,
    attempts,
    remote_id as oro_credit_note_id,
    last_error,
    created_at,
    confirmed_at
from outbox.messages
where kind = 'oro_credit_note';
comment on view push.oro_credit_notes is 'Where each credit note stands on its way to OroCommerce.';

create view push.oro_inventory_levels as
select
    level_id,
    product_id,
    sku,
    unit_code,
    quantity_before,
    quantity_target,
    quantity_seen,
    state,
    cardinality(message_ids) as deltas,
    started_at,
    finished_at
from outbox.level_writes;
comment on view push.oro_inventory_levels is 'Stock levels written to OroCommerce: before, target, and what the level showed afterwards.';

create table outbox.audit_log (
    audit_id bigint generated always as identity primary key,
    happened_at timestamptz not null default now(),
    actor text not null,
    action text not null,
    subject text not null,
    reason text,
    request_id text,
    detail jsonb
);
comment on table outbox.audit_log is 'Every write to another system and every human decision: who, when, what, why. Append-only.';

create function outbox.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '%.% is append-only', tg_table_schema, tg_table_name;
end
$$;
create trigger audit_log_is_append_only before update or delete or truncate on outbox.audit_log
for each statement execute function outbox.refuse_change();
create trigger claims_are_append_only before update or delete or truncate on ledger.claims
for each statement execute function outbox.refuse_change();
create trigger credit_notes_are_append_only before update or delete or truncate on ledger.credit_notes
for each statement execute function outbox.refuse_change();
create trigger credit_note_lines_are_append_only before update or delete or truncate on ledger.credit_note_lines
for each statement execute function outbox.refuse_change();
create trigger inventory_deltas_are_append_only before update or delete or truncate on ledger.inventory_deltas
for each statement execute function outbox.refuse_change();
