-- Statements of level_writes.py.

-- name: try_lock
select pg_try_advisory_lock(hashtextextended('rebound-oro level ' || %(key)s, 0));

-- name: unlock
select pg_advisory_unlock(hashtextextended('rebound-oro level ' || %(key)s, 0));

-- name: record
-- Left out are a level that has an open write already, for that has to be read first, and a write of messages that
-- this worker has lost meanwhile.
with given as (
    select given.*
    from jsonb_to_recordset(%(writes)s::jsonb) as given (
        level_id text,
        product_id text,
        sku text,
        unit_code text,
        quantity_before numeric,
        quantity_target numeric,
        message_ids bigint[]
    )
),

owned as (
    select array_agg(message_id) as message_ids
    from (
        select message_id
        from outbox.messages
        where
            message_id in (select unnest(given.message_ids) from given)
            and state = 'sending'
            and claimed_by = %(worker)s
        for update
    ) as held
),

recorded as (
    insert into outbox.level_writes (
        level_id, product_id, sku, unit_code, quantity_before, quantity_target, message_ids, sent_as, written_by
    )
    select
        given.level_id,
        given.product_id,
        given.sku,
        given.unit_code,
        given.quantity_before,
        given.quantity_target,
        given.message_ids,
        %(sent_as)s,
        %(worker)s
    from given
    inner join owned on given.message_ids <@ owned.message_ids
    order by given.level_id
    on conflict (level_id) where state = 'writing' do nothing
    returning *
),

marked as (
    update outbox.messages
    set
        remote_id = recorded.level_id,
        claimed_until = statement_timestamp() + make_interval(secs => %(lease)s)
    from recorded
    where messages.message_id = any(recorded.message_ids)
)

select
    level_write_id,
    level_id,
    product_id,
    sku,
    unit_code,
    quantity_before,
    quantity_target,
    message_ids,
    sent_as,
    operation_id,
    true as is_ours
from recorded
order by level_write_id;

-- name: open_writes
-- A write is ours when no message of it is in somebody else's hands, or waits for its time.
select
    level_write_id,
    level_id,
    product_id,
    sku,
    unit_code,
    quantity_before,
    quantity_target,
    message_ids,
    sent_as,
    operation_id,
    not exists (
        select from outbox.messages
        where
            messages.message_id = any(level_writes.message_ids)
            and messages.state in ('sending', 'unknown')
            and messages.claimed_by is distinct from %(worker)s
    ) as is_ours
from outbox.level_writes
where state = 'writing'
order by level_write_id;

-- name: last_verdicts
select distinct on (given.message_id)
    given.message_id,
    writes.level_id,
    writes.state
from unnest(%(message_ids)s::bigint[]) as given (message_id)
inner join outbox.level_writes as writes on writes.message_ids @> array[given.message_id]
where writes.state <> 'writing'
order by given.message_id asc, writes.level_write_id desc;

-- name: sent_singly
update outbox.level_writes
set sent_as = 'single'
where level_write_id = any(%(level_write_ids)s) and state = 'writing';

-- name: queued
update outbox.level_writes
set operation_id = %(operation_id)s
where level_write_id = any(%(level_write_ids)s) and state = 'writing';

-- name: finish
with verdicts as (
    select verdict.*
    from jsonb_to_recordset(%(verdicts)s::jsonb) as verdict (
        level_write_id bigint,
        state text,
        quantity_seen numeric,
        request_id text
    )
),

finished as (
    update outbox.level_writes
    set
        state = verdicts.state,
        quantity_seen = verdicts.quantity_seen,
        finished_at = statement_timestamp()
    from verdicts
    where level_writes.level_write_id = verdicts.level_write_id and level_writes.state = 'writing'
    returning level_writes.*, verdicts.request_id
)

insert into outbox.audit_log (actor, action, subject, request_id, detail)
select
    %(worker)s as actor,
    'oro_inventory_level ' || state as action,
    level_id,
    request_id,
    jsonb_strip_nulls(jsonb_build_object(
        'level_write_id', level_write_id,
        'sku', sku,
        'unit_code', unit_code,
        'quantity_before', quantity_before::text,
        'quantity_target', quantity_target::text,
        'quantity_seen', quantity_seen::text,
        'operation_id', operation_id
    )) as detail
from finished;

-- name: replenished
-- Levels that our units lifted over the threshold at which Oro calls a product out of stock. Where they stand now is
-- to be read.
select
    product_id,
    array_agg(distinct level_id) as level_ids,
    array_agg(level_write_id order by level_write_id) as level_write_ids
from outbox.level_writes
where
    state = 'confirmed'
    and status_checked_at is null
    and quantity_before <= %(threshold)s
    and quantity_target > %(threshold)s
group by product_id
order by product_id;

-- name: status_checked
update outbox.level_writes
set status_checked_at = statement_timestamp()
where level_write_id = any(%(level_write_ids)s);

-- name: status_written
insert into outbox.audit_log (actor, action, subject, reason, request_id)
values (%(worker)s, 'oro_product in_stock', %(product_id)s, %(reason)s, %(request_id)s);
