-- Statements of follow_up.py: what has to be looked at again, though no new day has begun. A return is decided where it lies
-- now: it may have been dated anew since the ledger last wrote of it.

-- name: due_holds
select distinct returns.registered_at
from ledger.holds as holds
inner join landing.rebound_returns as returns on holds.return_id = returns.return_id
where holds.resolved_at is null and holds.next_check_at <= %(now)s
order by returns.registered_at;

-- name: interventions
-- Returns about which people said something since a moment: a decision of theirs, or an alias of a code that is quarantined.
select coalesce(returns.registered_at, decisions.registered_at) as registered_at
from reference.operator_decisions as decisions
left join landing.rebound_returns as returns on decisions.return_id = returns.return_id
where decisions.decided_at > %(since)s or decisions.revoked_at > %(since)s
union
select returns.registered_at
from reference.sku_aliases as aliases
inner join landing.rebound_return_lines as lines on aliases.alias_key = lines.sku_key
inner join landing.rebound_returns as returns on lines.return_id = returns.return_id
inner join ledger.quarantine as quarantine
    on lines.return_id = quarantine.return_id and lines.return_line_key = quarantine.return_line_key
where
    aliases.added_at > %(since)s
    and quarantine.resolved_at is null
    and quarantine.reason in ('unknown_sku', 'over_return')
order by registered_at;

-- name: begin_look
-- The lock ends with the session: who does not hold it any more has failed.
with begun as (
    insert into landing.looks (run_id, begun_at) values (%(run_id)s, %(now)s)
    on conflict (run_id) do nothing
)

select
    least(min(begun_at), %(now)s::timestamptz) as since,
    pg_try_advisory_lock(outbox.worker_lock(%(run_id)s)) as is_held
from landing.looks;

-- name: end_look
-- With it end those that have failed, for it has decided what they had landed.
delete from landing.looks
where run_id = %(run_id)s or not outbox.is_alive(run_id);

-- name: let_go
select pg_advisory_unlock(outbox.worker_lock(%(run_id)s));

-- name: leave_to_next_look
insert into landing.looks (run_id, begun_at)
select
    %(run_id)s,
    %(now)s
where
    exists (
        select from landing.rebound_returns
        where
            landed_at = %(now)s
            and landed_by = %(run_id)s
            and (registered_at < %(window_start)s or registered_at >= %(window_end)s)
    )
on conflict (run_id) do nothing;

-- name: landed_since
select distinct returns.registered_at
from landing.rebound_returns as returns
where returns.landed_at >= %(since)s
union
select documents.registered_at
from landing.malformed_documents as documents
where documents.landed_at >= %(since)s and documents.source_system = 'rebound'
order by registered_at;

-- name: held_for_changed_orders
-- Held returns of orders that have landed anew.
select distinct returns.registered_at
from landing.oro_orders as orders
cross join lateral unnest(array[orders.identifier_key, orders.po_number_key, orders.external_id_key])
    as known (order_reference_key)
inner join landing.rebound_returns as returns on known.order_reference_key = returns.order_reference_key
inner join ledger.holds as holds on returns.return_id = holds.return_id
where orders.landed_at >= %(since)s and holds.resolved_at is null
order by returns.registered_at;

-- name: known_returns
select given.return_id
from unnest(%(return_ids)s::text[]) as given (return_id)
where
    exists (
        select from landing.rebound_returns as returns
        where returns.return_id = given.return_id collate "C"
    )
    or exists (
        select from landing.malformed_documents as documents
        where
            documents.source_system = 'rebound'
            and documents.resource = 'returns'
            and documents.document_key = given.return_id collate "C"
    );

-- name: occasions
-- For sensors: how much waits to be looked at, and a mark that moves when there is more of it.
select
    (select count(*) from inbox.deliveries where settled_at is null) as deliveries,
    (select max(delivery_id) from inbox.deliveries where settled_at is null)::text as deliveries_mark,
    (select count(*) from ledger.holds where resolved_at is null and next_check_at <= %(now)s) as holds,
    (
        select max(next_check_at) from ledger.holds
        where resolved_at is null and next_check_at <= %(now)s
    )::text as holds_mark,
    (
        select count(*) from reference.operator_decisions
        where greatest(decided_at, revoked_at) > %(since)s
    )
    + (select count(*) from reference.sku_aliases where added_at > %(since)s) as interventions,
    greatest(
        (select max(greatest(decided_at, revoked_at)) from reference.operator_decisions),
        (select max(added_at) from reference.sku_aliases)
    )::text as interventions_mark;

-- name: known_goods
select product_id
from landing.oro_products
order by length(product_id), product_id;
