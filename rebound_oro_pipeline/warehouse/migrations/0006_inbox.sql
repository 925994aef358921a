-- The inbox: what webhooks delivered, stored as it came before it is answered, then read, then followed up.
create schema inbox;

create table inbox.deliveries (
    delivery_id bigint generated always as identity primary key,
    source text not null check (source in ('rebound', 'oro')),
    event_id text collate "C",
    event_type text,
    received_at timestamptz not null,
    headers jsonb not null,
    body bytea not null,
    content_hash bytea not null,
    processed_at timestamptz,
    processed_by text,
    outcome text check (
        outcome in ('landed', 'superseded', 'malformed', 'order_changed', 'order_deleted', 'ignored')
    ),
    occurred_at timestamptz,
    document_id text collate "C",
    registered_at timestamptz,
    order_references text[] not null default '{}',
    settled_at timestamptz,
    check ((processed_at is null) = (outcome is null)),
    check ((processed_at is null) = (processed_by is null)),
    check (settled_at is null or processed_at is not null)
);
create unique index deliveries_by_event on inbox.deliveries (source, event_id) where event_id is not null;
create unique index deliveries_by_content on inbox.deliveries (source, content_hash) where event_id is null;
create index deliveries_unread on inbox.deliveries (delivery_id) where processed_at is null;
create index deliveries_unsettled on inbox.deliveries (delivery_id) where settled_at is null;
create index deliveries_document on inbox.deliveries (source, document_id, occurred_at) where outcome = 'landed';
comment on table inbox.deliveries is
'Webhook deliveries, each once: processed_at when it was read and landed, settled_at when what follows from it was done. document_id is the return or the order; occurred_at is never later than received_at. Ids are not in the order of commits: what is new is what is not processed.';
