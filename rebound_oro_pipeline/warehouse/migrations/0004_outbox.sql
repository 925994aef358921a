-- The outbox: one row per thing to send, written in the transaction of the decision; drawn in docs/outbox.md.
create schema outbox;
create schema push;

create type outbox.message_state as enum (
    'pending',    -- -> sending     claimed by a worker, for a limited time
    'sending',    -- -> confirmed | pending | rejected | unknown | skipped
    'confirmed',  -- the end: read back from the other system and found equal
    'rejected',   -- the other system says no: quarantined. -> pending | abandoned, by an operator
    'unknown',    -- no answer, a batch still to run, or the worker died. -> confirmed | pending | rejected, after reading
    'skipped',    -- the end: nothing to send (a note of zero), recorded all the same
    'abandoned'   -- the end: given up by an operator, with name and reason. From pending, unknown or rejected
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
    checks integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    claimed_by text,
    claimed_until timestamptz,
    operation_id text collate "C",
    operation_index integer,
    remote_id text collate "C",
    refusal_reason text check (refusal_reason in ('push_rejected', 'stock_write_ambiguous')),
    last_error text,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    confirmed_at timestamptz,
    unique (kind, business_key),
    check ((state = 'rejected') = (refusal_reason is not null)),
    check ((state = 'confirmed') = (confirmed_at is not null)),
    check (state <> 'sending' or (claimed_by is not null and claimed_until is not null))
);
create index messages_due on outbox.messages (kind, next_attempt_at, message_id) where state = 'pending';
create index messages_in_doubt on outbox.messages (kind, state) where state in ('sending', 'unknown');
create index messages_open_by_key on outbox.messages (kind, ordering_key, message_id)
where state in ('pending', 'sending', 'unknown');
create index messages_refused on outbox.messages (kind) where state = 'rejected';
create index messages_registered_at on outbox.messages (registered_at);
comment on table outbox.messages is
'What has to be sent, once in effect. payload holds decimals as strings; attempts counts sendings, checks how often it was read since its fate is unknown. operation_id is the batch that Oro has yet to finish, operation_index the place in it.';

create function outbox.is_transition(
    before outbox.message_state, after outbox.message_state
) returns boolean
language sql immutable parallel safe
return case before
    when 'pending' then after in ('sending', 'abandoned')
    when 'sending' then after in ('confirmed', 'pending', 'rejected', 'unknown', 'skipped')
    when 'unknown' then after in ('confirmed', 'pending', 'rejected', 'abandoned')
    when 'rejected' then after in ('pending', 'abandoned')
    else false
end;


-- A worker is alive while its session holds the lock of its name, which PostgreSQL lets go when the process dies: so its
-- claims pass on at once. Where the network hides its death, they pass on when their time is over.
create function outbox.worker_lock(worker text) returns bigint
language sql immutable parallel safe
return hashtextextended('rebound-oro worker ' || worker, 0);

create function outbox.is_alive(worker text) returns boolean
language sql stable
return exists (
    select
    from pg_locks
    where
        locktype = 'advisory'
        and granted
        and objsubid = 1
        and database = (
            select oid from pg_database
            where datname = current_database()
        )
        and classid = ((outbox.worker_lock(worker) >> 32) & 4294967295)::oid
        and objid = (outbox.worker_lock(worker) & 4294967295)::oid
);

-- A level is absolute in Oro: what it was and what it shall be is recorded before it is written, so that after a crash
-- the level itself tells whether the write happened.
create table outbox.level_writes (
    level_write_id bigint generated always as identity primary key,
    level_id text collate "C" not null,
    product_id text collate "C" not null,
    sku text not null,
    unit_code text collate "C" not null,
    quantity_before numeric not null,
    quantity_target numeric not null check (quantity_target <> quantity_before),
    message_ids bigint[] not null,
    sent_as text not null check (sent_as in ('single', 'batch')),
    operation_id text collate "C",
    state text not null default 'writing' check (state in ('writing', 'confirmed', 'not_written', 'ambiguous')),
    quantity_seen numeric,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    status_checked_at timestamptz,
    written_by text not null,
    check ((state = 'writing') = (finished_at is null))
);
-- One write of a level at a time, whoever writes. An ambiguous one is closed: it never blocks the deltas after it.
create unique index level_writes_open on outbox.level_writes (level_id) where state = 'writing';
create index level_writes_unchecked on outbox.level_writes (product_id)
where state = 'confirmed' and status_checked_at is null;
create index level_writes_messages on outbox.level_writes using gin (message_ids);
create index level_writes_level on outbox.level_writes (level_id, level_write_id);
comment on table outbox.level_writes is
'Every write of a stock level: before, target, what was seen afterwards. sent_as batch means that Oro may carry it out late, status_checked_at that the product was looked at, which Oro may have taken for out of stock.';

-- The transitions are held by the database itself: a bug in a worker cannot confirm what was refused, nor send a stock
-- delta again while nobody knows whether it was written.
create function outbox.check_transition() returns trigger language plpgsql as $$
begin
    if not outbox.is_transition(old.state, new.state) then
        raise exception 'outbox message %: % cannot become %', old.message_id, old.state, new.state
            using errcode = 'check_violation';
    end if;
    if new.state = 'pending' and exists (
        select from outbox.level_writes
        where
            level_writes.state in ('writing', 'confirmed') and level_writes.message_ids @> array[new.message_id]
    ) then
        raise exception 'outbox message %: its level is written, or may be; sending it again could add it twice',
            new.message_id using errcode = 'check_violation';
    end if;
    new.changed_at := clock_timestamp();
    return new;
end
$$;
create trigger messages_change_state before update of state on outbox.messages
for each row when (old.state is distinct from new.state) execute function outbox.check_transition();

-- Closed to every process while the other system is down; doubles with each opening, forgotten after a success.
create table outbox.circuits (
    kind text primary key,
    openings integer not null check (openings > 0),
    open_until timestamptz not null,
    last_error text not null
);
comment on table outbox.circuits is 'Kinds that are not sent until open_until, because the other system failed repeatedly.';

create table outbox.audit_log (
    audit_id bigint generated always as identity primary key,
    happened_at timestamptz not null default clock_timestamp(),
    actor text not null,
    action text not null,
    subject text not null,
    reason text,
    request_id text,
    detail jsonb
);
create index audit_log_subject on outbox.audit_log (subject);
comment on table outbox.audit_log is
'Every write to another system and every human decision: who, when, what, why, by which request. Append-only.';

-- What the push assets show.
create view push.oro_credit_notes as
select
    business_key as credit_note_number,
    payload ->> 'return_id' as return_id,
    ordering_key as order_id,
    payload ->> 'currency' as currency,
    (payload ->> 'total_amount')::numeric as total_amount,
    registered_at,
    state::text as state,
    attempts,
    next_attempt_at,
    operation_id,
    remote_id as oro_credit_note_id,
    last_error,
    created_at,
    confirmed_at
from outbox.messages
where kind = 'oro_credit_note';
comment on view push.oro_credit_notes is 'Where each credit note stands on its way to OroCommerce.';

create view push.oro_inventory_levels as
select
    level_write_id,
    level_id,
    product_id,
    sku,
    unit_code,
    quantity_before,
    quantity_target,
    quantity_seen,
    state,
    operation_id,
    cardinality(message_ids) as deltas,
    started_at,
    finished_at
from outbox.level_writes;
comment on view push.oro_inventory_levels is
'Stock levels written to OroCommerce: before, target, and what the level showed afterwards.';

create view push.refusals as
select
    kind,
    business_key as subject,
    refusal_reason as reason,
    last_error as detail,
    case kind
        when 'oro_inventory_delta' then (payload ->> 'quantity')::numeric
        else (
            select sum((lines.line ->> 'quantity')::numeric)
            from jsonb_array_elements(messages.payload -> 'lines') as lines (line)
        )
    end as quantity,
    coalesce(payload ->> 'return_id', (
        select notes.return_id from ledger.credit_notes as notes
        where notes.credit_note_number = messages.payload ->> 'credit_note_number'
    )) as return_id,
    payload ->> 'return_line_key' as return_line_key,
    registered_at,
    changed_at as opened_at
from outbox.messages
where state = 'rejected';
comment on view push.refusals is
'What could not be sent and waits for a person: the quarantine''s share of the outbox. subject is the note''s number, or the note''s number and line of a stock delta.';

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
