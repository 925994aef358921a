-- Offers: which items of which orders ReBound was told that may come back. Each version says all of the order anew.
create table ledger.offers (
    order_id text collate "C" not null,
    version integer not null check (version > 0),
    order_reference text not null check (btrim(order_reference) <> ''),
    order_date date not null,
    currency text not null,
    state text not null check (state in ('offered', 'withdrawn')),
    reason text check (reason in ('order_cancelled', 'not_confirmed', 'not_dispatched')),
    items jsonb not null check (jsonb_typeof(items) = 'array'),
    document_hash bytea not null,
    offered_at timestamptz not null,
    policy_version integer not null references reference.policies,
    primary key (order_id, version),
    check ((state = 'withdrawn') = (reason is not null))
);
create index offers_reference on ledger.offers (landing.match_key(order_reference));
comment on table ledger.offers is
'What ReBound is to know of each order: the items that may come back, with quantity, price and terms. The latest version counts; a withdrawn one leaves nothing of its items. Append-only.';
create trigger offers_are_append_only before update or delete or truncate on ledger.offers
for each statement execute function outbox.refuse_change();

create table ledger.offer_progress (
    is_the_only_row boolean primary key default true check (is_the_only_row),
    landed_until timestamptz not null,
    decision_id bigint not null,
    policy_version integer not null references reference.policies
);
comment on table ledger.offer_progress is
'Up to which landing, which decision and under which policy offers were looked at; under another policy all orders are.';

-- What changed since is found by when it landed.
create index oro_orders_landed_at on landing.oro_orders (landed_at);
create index rebound_returns_landed_at on landing.rebound_returns (landed_at);
create index deliveries_processed_at on inbox.deliveries (processed_at) where outcome = 'landed';

create view outbox.rebound_orders as
select
    kind,
    business_key,
    ordering_key,
    registered_at,
    payload
from outbox.messages
where kind = 'rebound_order';
comment on view outbox.rebound_orders is
'The messages that tell ReBound of orders, one per version of an offer; only the latest of an order is sent.';

create view push.rebound_orders as
select
    messages.business_key as offer,
    offers.order_id,
    offers.version,
    offers.order_reference,
    offers.currency,
    offers.state as offer_state,
    offers.reason,
    jsonb_array_length(offers.items) as items,
    offers.offered_at as registered_at,
    messages.state::text as state,
    messages.attempts,
    messages.next_attempt_at,
    messages.last_error,
    messages.created_at,
    messages.confirmed_at
from outbox.messages
inner join ledger.offers
    on messages.ordering_key = offers.order_id and messages.business_key = offers.order_id || ':' || offers.version
where messages.kind = 'rebound_order';
comment on view push.rebound_orders is
'Where each version of an offer stands on its way to ReBound. confirmed: ReBound answered success; it offers no way to read an order back. skipped: a later version went instead.';

-- Since when offers have arrived at ReBound, and so since when a return of something else is a surprise.
create index messages_offers_confirmed on outbox.messages (confirmed_at)
where kind = 'rebound_order' and confirmed_at is not null;
