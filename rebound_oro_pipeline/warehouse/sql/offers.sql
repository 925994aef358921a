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

-- name: overtaken
-- ReBound keeps one order under each reference: a later version takes the place of an earlier one there, and so does what was
-- offered later of another order.
select
    asked.order_id,
    asked.version,
    case
        when later.version is not null then 'Version ' || later.version || ' goes instead.'
        else 'Order ' || theirs.order_id || ' is offered under ' || own.order_reference || ' by now.'
    end as words
from unnest(%(order_ids)s::text[], %(versions)s::integer[]) as asked (order_id, version)
inner join ledger.offers as own on asked.order_id = own.order_id and asked.version = own.version
left join lateral (
    select offers.version
    from ledger.offers as offers
    where
        offers.order_id = own.order_id
        and offers.version > own.version
        and landing.match_key(offers.order_reference) = landing.match_key(own.order_reference)
    order by offers.version desc
    limit 1
) as later on true
left join lateral (
    select offers.order_id
    from ledger.offers as offers
    where
        landing.match_key(offers.order_reference) = landing.match_key(own.order_reference)
        and offers.order_id <> own.order_id
        and offers.offered_at > own.offered_at
        and offers.state = 'offered'
    order by offers.offered_at desc, offers.order_id asc
    limit 1
) as theirs on true
where later.version is not null or theirs.order_id is not null;

-- name: refused_before
select messages.business_key
from ledger.offers as offers
inner join outbox.messages as messages
    on messages.kind = 'rebound_order' and messages.business_key = offers.order_id || ':' || offers.version
where
    offers.order_id = %(order_id)s
    and offers.version < %(version)s
    and messages.state = 'rejected'
    and landing.match_key(offers.order_reference) = (
        select landing.match_key(taken.order_reference)
        from ledger.offers as taken
        where taken.order_id = %(order_id)s and taken.version = %(version)s
    );
