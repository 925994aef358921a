-- Statements of reference.py: the policy in force, and aliases of SKUs.

-- name: policy_by_hash
select policy_version
from reference.policies
where document_hash = %(document_hash)s;

-- name: insert_policy
insert into reference.policies (document, document_hash, loaded_at)
values (%(document)s, %(document_hash)s, clock_timestamp())
-- Another process was faster: its row is returned.
on conflict (document_hash) do update set document_hash = excluded.document_hash
returning policy_version;

-- name: renew_policy
-- A policy that was in force before comes back: it is the latest again, under its old version.
update reference.policies
set loaded_at = clock_timestamp()
where
    policy_version = %(policy_version)s
    and loaded_at < (select max(newest.loaded_at) from reference.policies as newest);

-- name: alias_faults
-- Which codes are one and the same is landing.match_key's to say, so it is asked before anything is added.
with given as (
    select
        given.row_index,
        landing.match_key(given.alias) as alias_key,
        landing.match_key(given.sku) as sku_key
    from unnest(%(row_indexes)s::integer[], %(aliases)s::text[], %(skus)s::text[]) as given (row_index, alias, sku)
)

select
    row_index,
    case when alias_key is not null then 'sku' else 'alias' end as field,
    case when alias_key = sku_key then 'is the same code as the alias' else 'is empty' end as message
from given
where alias_key is null or sku_key is null or alias_key = sku_key
order by row_index;

-- name: alias_doubts
-- Whether a SKU is known can be said only once something was read.
with given as (
    select
        given.row_index,
        landing.match_key(given.alias) as alias_key,
        landing.match_key(given.sku) as sku_key
    from unnest(%(row_indexes)s::integer[], %(aliases)s::text[], %(skus)s::text[]) as given (row_index, alias, sku)
)

select
    given.row_index,
    'alias' as field,
    'is itself the SKU of a product, which is what comes back under it where the order has it' as message
from given
where exists (select from landing.oro_products as products where products.sku_key = given.alias_key)
union all
select
    given.row_index,
    'sku' as field,
    'is in no product and no order line that was read so far; is it spelt right?' as message
from given
where
    (exists (select from landing.oro_products) or exists (select from landing.oro_order_lines))
    and not exists (select from landing.oro_products as products where products.sku_key = given.sku_key)
    and not exists (select from landing.oro_order_lines as lines where lines.sku_key = given.sku_key)
    and not exists (select from landing.oro_order_kit_items as items where items.sku_key = given.sku_key)
order by row_index, field;

-- name: insert_aliases
insert into reference.sku_aliases (alias, sku, added_by, note)
select
    given.alias,
    given.sku,
    %(added_by)s,
    %(note)s
from unnest(%(row_indexes)s::integer[], %(aliases)s::text[], %(skus)s::text[]) as given (row_index, alias, sku)
order by given.row_index
on conflict (alias_key, sku_key) do nothing;

-- name: delete_alias
delete from reference.sku_aliases
where
    alias_key = landing.match_key(%(alias)s)
    and (%(sku)s::text is null or sku_key = landing.match_key(%(sku)s));

-- name: list_aliases
select
    alias,
    sku,
    added_by,
    note,
    added_at
from reference.sku_aliases
order by alias_key, sku_key;
