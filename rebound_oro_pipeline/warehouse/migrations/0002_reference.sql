-- What people decide: the policy in force, and aliases of SKUs.
create schema reference;

create table reference.policies (
    policy_version integer generated always as identity primary key,
    document jsonb not null,
    document_hash text not null unique,
    loaded_at timestamptz not null default now()
);
comment on table reference.policies is 'Every policy ever in force, complete with its defaults; ledger rows name the version they were decided under.';

create table reference.sku_aliases (
    alias text not null,
    alias_key text collate "C" not null generated always as (landing.match_key(alias)) stored,
    sku text not null,
    sku_key text collate "C" not null generated always as (landing.match_key(sku)) stored,
    added_by text not null,
    note text,
    added_at timestamptz not null default now(),
    primary key (alias_key, sku_key)
);
comment on table reference.sku_aliases is 'alias: a code under which goods come back (historical, supplier''s …); sku: the code on the order.';
