-- Statements of outbox.py. Leases and waiting times are measured by the database's clock, which all workers share.

-- name: lock_pending
select message_id
from outbox.messages
where
    kind = %(kind)s
    and state = 'pending'
    and next_attempt_at <= statement_timestamp()
order by next_attempt_at, message_id
limit %(at_most)s
for update skip locked;

-- name: lock_keys
-- The first due message of a key stands for the key: who locks it has the key, others pass on to the next one.
with due as not materialized (
    select
        message_id,
        ordering_key
    from outbox.messages
    where
        kind = %(kind)s
        and state = 'pending'
        and next_attempt_at <= statement_timestamp()
),

firsts as (
    select min(message_id) as message_id
    from due
    group by ordering_key
),

heads as (
    select messages.ordering_key
    from outbox.messages
    inner join firsts on messages.message_id = firsts.message_id
    where
        messages.state = 'pending'
        and not exists (
            select from outbox.messages as busy
            where
                busy.kind = %(kind)s
                and busy.ordering_key = messages.ordering_key
                and busy.state in ('sending', 'unknown')
        )
    order by messages.message_id
    limit %(at_most)s
    for update of messages skip locked
)

select messages.message_id
from outbox.messages
inner join heads on messages.ordering_key = heads.ordering_key
inner join due on messages.message_id = due.message_id
for update of messages skip locked;

-- name: lock_unknown
select message_id
from outbox.messages
where
    kind = %(kind)s
    and state = 'unknown'
    and next_attempt_at <= statement_timestamp()
    and outbox.is_unclaimed(claimed_by, claimed_until)
order by operation_id, remote_id, message_id
limit %(at_most)s
for update skip locked;

-- name: lock_unknown_levels
-- A level tells of all deltas of its write at once, so they are claimed together, whichever of them is due: were each
-- waited for by itself, two processes that hold some of them each would put them off for ever.
with due as (
    select message_id
    from outbox.messages
    where
        kind = %(kind)s
        and state = 'unknown'
        and next_attempt_at <= statement_timestamp()
),

concerned as (
    select message_id from due
    union
    select unnest(writes.message_ids) as message_id
    from outbox.level_writes as writes
    inner join due on writes.message_ids @> array[due.message_id]
    where writes.state = 'writing'
)

select messages.message_id
from outbox.messages
inner join concerned on messages.message_id = concerned.message_id
where
    messages.state = 'unknown'
    and outbox.is_unclaimed(messages.claimed_by, messages.claimed_until)
order by messages.message_id
limit %(at_most)s
for update of messages skip locked;

-- name: take
with taken as (
    update outbox.messages
    set
        state = case when state = 'pending' then 'sending' else state end,
        attempts = attempts + case when state = 'pending' then 1 else 0 end,
        checks = case when state = 'pending' then 0 else checks + 1 end,
        claimed_by = %(worker)s,
        claimed_until = statement_timestamp() + make_interval(secs => %(lease)s)
    where message_id = any(%(message_ids)s)
    returning *
)

select
    message_id,
    business_key,
    payload,
    attempts,
    failures,
    own_failures,
    checks,
    operation_id,
    operation_index,
    remote_id
from taken
order by message_id;

-- name: keep_alive
-- Taken again with every claim, which costs nothing; only the end of the session gives it back.
select pg_try_advisory_lock(outbox.worker_lock(%(worker)s));

-- name: dead_workers
select worker
from (
    select distinct claimed_by as worker
    from outbox.messages
    where kind = %(kind)s and state in ('sending', 'unknown') and claimed_by is not null
) as workers
where not outbox.is_alive(worker);

-- name: expire_claims
with expired as (
    update outbox.messages
    set
        state = 'unknown',
        next_attempt_at = statement_timestamp(),
        last_error = 'The worker that had claimed it did not finish.',
        claimed_by = null,
        claimed_until = null
    from (
        select
            message_id,
            claimed_by as worker
        from outbox.messages
        where
            kind = %(kind)s
            and state = 'sending'
            and (claimed_until < statement_timestamp() or claimed_by = any(%(dead)s))
        for update skip locked
    ) as dead
    where messages.message_id = dead.message_id
    returning messages.kind, messages.business_key, dead.worker
),

logged as (
    insert into outbox.audit_log (actor, action, subject, reason)
    select
        worker,
        kind || ' unknown' as action,
        business_key,
        'claim expired' as reason
    from expired
)

select count(*) from expired;

-- name: renew
update outbox.messages
set claimed_until = statement_timestamp() + make_interval(secs => %(lease)s)
where message_id = any(%(message_ids)s) and claimed_by = %(worker)s and state in ('sending', 'unknown');

-- name: settle
with outcomes as (
    select outcome.*
    from jsonb_to_recordset(%(outcomes)s::jsonb) as outcome (
        message_id bigint,
        state text,
        delay double precision,
        error text,
        refusal_reason text,
        remote_id text,
        operation_id text,
        operation_index integer,
        was_tried boolean,
        failure text,
        request_id text
    )
),

changed as (
    update outbox.messages
    set
        state = outcomes.state::outbox.message_state,
        next_attempt_at = statement_timestamp() + make_interval(secs => outcomes.delay),
        attempts = messages.attempts - case when outcomes.was_tried then 0 else 1 end,
        failures = messages.failures + case when outcomes.failure is null then 0 else 1 end,
        own_failures = messages.own_failures + case when outcomes.failure = 'own' then 1 else 0 end,
        claimed_by = null,
        claimed_until = null,
        operation_id = outcomes.operation_id,
        operation_index = outcomes.operation_index,
        remote_id = coalesce(outcomes.remote_id, messages.remote_id),
        refusal_reason = outcomes.refusal_reason,
        last_error = outcomes.error,
        confirmed_at = case when outcomes.state = 'confirmed' then statement_timestamp() end
    from outcomes
    where
        messages.message_id = outcomes.message_id
        and messages.claimed_by = %(worker)s
        and messages.state in ('sending', 'unknown')
    returning
        messages.kind,
        messages.business_key,
        messages.ordering_key,
        messages.state,
        messages.remote_id,
        messages.operation_id,
        messages.attempts,
        messages.last_error,
        outcomes.was_tried,
        outcomes.request_id
),

logged as (
    insert into outbox.audit_log (actor, action, subject, reason, request_id, detail)
    select
        %(worker)s as actor,
        kind || ' ' || state::text as action,
        business_key,
        last_error,
        request_id,
        jsonb_strip_nulls(jsonb_build_object(
            'ordering_key', ordering_key,
            'remote_id', remote_id,
            'operation_id', operation_id,
            'attempts', attempts
        )) as detail
    from changed
    where was_tried or state in ('rejected', 'skipped')
)

select state::text from changed;

-- name: attribute_failures
update outbox.messages
set own_failures = own_failures + 1
where message_id = any(%(message_ids)s) and state in ('pending', 'sending', 'unknown');

-- name: intervene
with changed as (
    update outbox.messages
    set
        state = %(state)s::outbox.message_state,
        refusal_reason = null,
        next_attempt_at = statement_timestamp(),
        attempts = 0,
        failures = 0,
        own_failures = 0,
        checks = 0,
        claimed_by = null,
        claimed_until = null,
        confirmed_at = null
    where
        kind = %(kind)s
        and business_key = any(%(business_keys)s)
        and state::text = any(%(from_states)s)
        and outbox.is_unclaimed(claimed_by, claimed_until)
    returning kind, business_key
),

logged as (
    insert into outbox.audit_log (actor, action, subject, reason)
    select
        %(actor)s,
        kind || ' ' || %(state)s as action,
        business_key,
        %(reason)s
    from changed
)

select business_key from changed;

-- name: release
with changed as (
    update outbox.messages
    set next_attempt_at = statement_timestamp()
    where
        kind = %(kind)s
        and business_key = any(%(business_keys)s)
        and state in ('pending', 'unknown')
        and next_attempt_at = outbox.held_back_until()
    returning kind, business_key
),

logged as (
    insert into outbox.audit_log (actor, action, subject, reason)
    select
        %(actor)s,
        kind || ' released' as action,
        business_key,
        %(reason)s
    from changed
)

select business_key from changed;

-- name: hold_back
-- What a living worker has in hand is not taken from it.
with changed as (
    update outbox.messages
    set
        next_attempt_at = outbox.held_back_until(),
        claimed_by = null,
        claimed_until = null
    where
        kind = %(kind)s
        and business_key = any(%(business_keys)s)
        and state in ('pending', 'unknown')
        and outbox.is_unclaimed(claimed_by, claimed_until)
    returning kind, business_key
),

logged as (
    insert into outbox.audit_log (actor, action, subject, reason)
    select
        %(actor)s,
        kind || ' held back' as action,
        business_key,
        %(reason)s
    from changed
)

select business_key from changed;

-- name: never_sent
-- Of these messages, claimed for the first time, those of which no earlier sending is known: what was sent left words.
select given.business_key
from unnest(%(business_keys)s::text[]) as given (business_key)
where
    not exists (
        select from outbox.audit_log
        where
            audit_log.subject = given.business_key
            and audit_log.action like %(kind)s || ' %%'
            and audit_log.action not in (%(kind)s || ' released', %(kind)s || ' held back')
    );

-- name: deltas_of
-- The range of keys is what the index knows; a number may hold a colon itself, so the delta has the last word.
select messages.business_key
from unnest(%(credit_note_numbers)s::text[]) as given (credit_note_number)
inner join outbox.messages
    on
        messages.kind = 'oro_inventory_delta'
        and messages.business_key > given.credit_note_number || ':'
        and messages.business_key < given.credit_note_number || ';'
        and messages.payload ->> 'credit_note_number' = given.credit_note_number;

-- name: waiting
select
    message_id,
    business_key,
    payload,
    attempts,
    failures,
    own_failures,
    checks,
    operation_id,
    operation_index,
    remote_id
from outbox.messages
where
    kind = %(kind)s
    and state = 'pending'
order by message_id;

-- name: due_mark
select max(message_id)::text
from outbox.messages
where kind = %(kind)s and state in ('pending', 'sending', 'unknown') and next_attempt_at <= statement_timestamp();

-- name: progress
-- Held is what a living worker has claimed; what a dead one has left in sending is due. What a decision held back is
-- nobody's business until it is released.
with messages as (
    select
        state,
        next_attempt_at,
        claimed_by,
        claimed_until
    from outbox.messages
    where
        kind = %(kind)s
        and state in ('pending', 'sending', 'unknown')
        and next_attempt_at < outbox.held_back_until()
),

workers as (
    select
        claimed_by,
        outbox.is_alive(claimed_by) as is_alive
    from (
        select distinct claimed_by from messages
        where claimed_by is not null
    ) as names
),

due as (
    select
        case
            when workers.is_alive and messages.claimed_until > statement_timestamp() then messages.claimed_until
            when messages.state = 'sending' then statement_timestamp()
            else messages.next_attempt_at
        end as due_at
    from messages
    left join workers on messages.claimed_by = workers.claimed_by
)

select
    count(*) as open,
    count(*) filter (where due_at <= statement_timestamp()) as due,
    min(due_at) as next_attempt_at,
    statement_timestamp() as read_at
from due;

-- name: circuit_open_until
select open_until
from outbox.circuits
where kind = %(kind)s and open_until > statement_timestamp();

-- name: open_circuit
insert into outbox.circuits (kind, openings, open_until, last_error)
values (%(kind)s, 1, statement_timestamp() + make_interval(secs => %(least)s), %(error)s)
on conflict (kind) do update
    set
        openings = circuits.openings + 1,
        open_until = statement_timestamp() + make_interval(
            secs => greatest(%(least)s, least(%(longest)s, %(least)s * power(2, least(circuits.openings, 20))))
        ),
        last_error = excluded.last_error
    where circuits.open_until <= statement_timestamp()
returning open_until;

-- name: close_circuit
delete from outbox.circuits
where kind = %(kind)s and open_until <= statement_timestamp();

-- name: resume
delete from outbox.circuits
where kind = %(kind)s and open_until > statement_timestamp()
returning open_until;
