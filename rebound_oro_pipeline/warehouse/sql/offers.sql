-- Statements of offer_returnable_items.py and offers.py.

-- name: lock
-- One offering at a time: two would make the same version. Until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('rebound-oro offers', 0));

-- name: seen
-- Read before anything else: what is decided after it is looked at the next time.
select
    case when progress.policy_version = %(policy_version)s then progress.landed_until end as landed_until,
    coalesce(case when progress.policy_version = %(policy_version)s then progress.decision_id end, 0) as decision_id,
    (select coalesce(max(decisions.decision_id), 0) from ledger.decisions as decisions) as decided_upto
from (select 1) as one
left join ledger.offer_progress as progress on true;

-- name: progressed
insert into ledger.offer_progress as progress (landed_until, decision_id, policy_version)
values (%(decided_at)s, %(decided_upto)s, %(policy_version)s)
on conflict (is_the_only_row) do update set
    landed_until = excluded.landed_until,
    decision_id = excluded.decision_id,
    policy_version = excluded.policy_version;

-- name: counted
select
    (select count(*) from intermediate.int_orders_touched) as looked_at,
    count(*) filter (where offers.state = 'offered' and offers.version = 1) as offered,
    count(*) filter (where offers.state = 'offered' and offers.version > 1) as updated,
    count(*) filter (where offers.state = 'withdrawn') as withdrawn,
    (
        select count(*)
        from intermediate.int_orders_touched as touched
        inner join intermediate.int_orders_gated as gated on touched.order_id = gated.order_id
        where
            gated.policy_version = %(policy_version)s
            and gated.is_dispatched
            and gated.is_confirmed
            and not gated.is_cancelled
            and not exists (
                select from intermediate.int_offer_references as meant
                where meant.order_id = touched.order_id
            )
    ) as without_reference
from intermediate.int_orders_to_offer as orders
inner join ledger.offers as offers
    on orders.order_id = offers.order_id and orders.latest_version + 1 = offers.version;

-- name: latest_versions
select
    asked.order_id,
    latest.version
from unnest(%(order_ids)s::text[]) as asked (order_id)
cross join lateral (
    select offers.version
    from ledger.offers as offers
    where offers.order_id = asked.order_id
    order by offers.version desc
    limit 1
) as latest;

-- name: refused_before
select messages.business_key
from ledger.offers as offers
inner join outbox.messages as messages
    on messages.kind = 'rebound_order' and messages.business_key = offers.order_id || ':' || offers.version
where offers.order_id = %(order_id)s and offers.version < %(version)s and messages.state = 'rejected';
