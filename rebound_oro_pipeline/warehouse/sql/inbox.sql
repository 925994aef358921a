-- Statements of inbox.py: webhook deliveries.

-- name: store
-- In the order of their keys: two writers with the same deliveries then never wait for each other in a circle.
insert into inbox.deliveries (source, event_id, event_type, received_at, headers, body, content_hash)
select
    given.source, given.event_id, given.event_type, given.received_at, given.headers::jsonb, given.body,
    given.content_hash
from
    unnest(
        %(source)s::text[], %(event_id)s::text[], %(event_type)s::text[], %(received_at)s::timestamptz[],
        %(headers)s::text[], %(body)b::bytea[], %(content_hash)b::bytea[]
    ) as given (source, event_id, event_type, received_at, headers, body, content_hash)
order by given.source, given.event_id collate "C", given.content_hash
on conflict do nothing;

-- name: lock
-- One reader at a time: two could land an older state of a return over a newer one.
select pg_advisory_xact_lock(hashtextextended('rebound_oro_pipeline.process_inbox', 0));

-- name: take
-- The oldest, as many as do not go beyond so many bytes together, and one in any case.
with oldest as (
    select delivery_id, octet_length(body) as bytes
    from inbox.deliveries
    where processed_at is null
    order by delivery_id
    limit %(limit)s
),

added_up as (
    select delivery_id, bytes, sum(bytes) over (order by delivery_id) as bytes_upto
    from oldest
)

select delivery_id, source, received_at, body
from inbox.deliveries
where
    processed_at is null
    and delivery_id in (select delivery_id from added_up where bytes_upto - bytes < %(most_bytes)s)
order by delivery_id
for update skip locked;

-- name: superseded
-- Places (counted from 1) of events about returns whose later state is known: by an event that occurred later, or by a
-- reading of ours that began after it, with a margin for the difference of the clocks.
select given.place
from
    unnest(%(return_id)s::text[], %(occurred_at)s::timestamptz[])
    with ordinality as given (return_id, occurred_at, place)
where
    exists (
        select from inbox.deliveries as known
        where
            known.source = 'rebound'
            and known.outcome = 'landed'
            and known.document_id = given.return_id collate "C"
            and known.occurred_at > given.occurred_at
    )
    or exists (
        select from landing.rebound_returns as known
        where
            known.return_id = given.return_id collate "C"
            -- A file tells what was once, whenever it is imported.
            and known.source = 'api'
            and known.landed_at > given.occurred_at + %(clock_tolerance)s
    );

-- name: mark
update inbox.deliveries as deliveries
set
    processed_at = %(processed_at)s,
    processed_by = %(processed_by)s,
    outcome = given.outcome,
    occurred_at = given.occurred_at,
    document_id = given.document_id,
    registered_at = given.registered_at,
    order_references = given.order_references::text[],
    settled_at = case when given.outcome in ('superseded', 'ignored') then %(processed_at)s end
from
    unnest(
        %(delivery_id)s::bigint[], %(outcome)s::text[], %(occurred_at)s::timestamptz[], %(document_id)s::text[],
        %(registered_at)s::timestamptz[], %(order_references)s::text[]
    ) as given (delivery_id, outcome, occurred_at, document_id, registered_at, order_references)
where deliveries.delivery_id = given.delivery_id;

-- name: unsettled
select delivery_id, source, outcome, document_id, registered_at, order_references
from inbox.deliveries
where settled_at is null and processed_at is not null
order by delivery_id;

-- name: settle
update inbox.deliveries
set settled_at = %(settled_at)s
where
    delivery_id = any(%(delivery_ids)s::bigint[])
    and processed_at is not null
    and settled_at is null
    and coalesce(registered_at <> all(%(but_registered_at)s::timestamptz[]), true);

-- name: waiting
select
    count(*) filter (where processed_at is null) as unread,
    count(*) as unsettled
from inbox.deliveries
where settled_at is null;

-- name: held_returns
with

keys as (
    select landing.match_key(given.reference) as order_reference_key
    from unnest(%(order_references)s::text[]) as given (reference)
    union
    select known.order_reference_key
    from landing.oro_orders as orders
    cross join lateral unnest(array[orders.identifier_key, orders.po_number_key, orders.external_id_key])
        as known (order_reference_key)
    where orders.order_id = any(%(order_ids)s::text[]) and known.order_reference_key is not null
)

select distinct holds.return_id, returns.registered_at
from ledger.holds as holds
inner join keys on landing.match_key(holds.order_reference) = keys.order_reference_key
inner join landing.rebound_returns as returns on holds.return_id = returns.return_id
where holds.resolved_at is null
order by returns.registered_at, holds.return_id;
