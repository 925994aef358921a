-- Statements of landing.py. Of the documents of a batch those that are not known are copied where they stay. The others are
-- copied into temporary tables (incoming_…), compared with what is stored, and written, with all their rows, only where they
-- are changed. Names in braces are filled in from landing_tables.py.

-- name: lock
-- One batch of a kind at a time settles, so that no two disagree about what is new. Until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('landing ' || %(kind)s, 0));

-- name: known
select {key} from {stored} where {key} = any(%(keys)s::text[]);

-- name: said_by_rebound
select returns.return_id
from unnest(%(keys)s::text[], %(hashes)s::bytea[]) as given (return_id, document_hash)
inner join landing.rebound_returns as returns on given.return_id = returns.return_id
where returns.source <> 'file' and returns.document_hash <> given.document_hash
union
select document_key
from landing.malformed_documents
where
    source_system = 'rebound' and resource = 'returns' and source <> 'file' and document_key = any(%(keys)s::text[]);

-- name: prepare_documents
create temporary table if not exists {incoming} on commit delete rows as
select {columns}, 'new'::text as outcome from {stored} with no data;
alter table {incoming} alter outcome set default 'new';
delete from {incoming};

-- name: prepare_rows
create temporary table if not exists {incoming} on commit delete rows as
select {columns} from {stored} with no data;
delete from {incoming};

-- Outcomes. What was read before the stored version is older, whichever arrives last. So is what has an earlier
-- updatedAt, unless the stored version claims a moment after it was read: such rows exist in OroCommerce, and their next
-- change looks earlier.

-- name: compare_returns
update pg_temp.incoming_rebound_returns as incoming
set outcome = case
    when incoming.document_hash = stored.document_hash or incoming.landed_at < stored.landed_at then 'unchanged'
    else 'changed'
end
from landing.rebound_returns as stored
where incoming.return_id = stored.return_id;
-- What ReBound says itself is its own from then on, also where a file had said the same before.
update landing.rebound_returns as stored
set source = incoming.source
from pg_temp.incoming_rebound_returns as incoming
where
    incoming.return_id = stored.return_id
    and incoming.document_hash = stored.document_hash
    and incoming.source <> 'file'
    and stored.source = 'file';

-- name: compare_orders
-- The hash leaves subtotals out: an order that is the same is written again only where it brings the first ones.
update pg_temp.incoming_oro_orders as incoming
set outcome = case
    when incoming.landed_at < stored.landed_at then 'unchanged'
    when incoming.updated_at < stored.updated_at and stored.updated_at <= stored.landed_at then 'unchanged'
    when incoming.document_hash <> stored.document_hash then 'changed'
    when incoming.has_subtotals and not stored.has_subtotals then 'changed'
    else 'unchanged'
end
from landing.oro_orders as stored
where incoming.order_id = stored.order_id;

-- name: compare_products
update pg_temp.incoming_oro_products as incoming
set outcome = case
    when incoming.document_hash = stored.document_hash or incoming.landed_at < stored.landed_at then 'unchanged'
    when incoming.updated_at < stored.updated_at and stored.updated_at <= stored.landed_at then 'unchanged'
    else 'changed'
end
from landing.oro_products as stored
where incoming.product_id = stored.product_id;

-- name: compare_levels
-- A level never changes its product or unit; an answer that does not include them leaves them as they are known.
update pg_temp.incoming_oro_inventory_levels as incoming
set
    product_id = coalesce(incoming.product_id, stored.product_id),
    sku = coalesce(incoming.sku, stored.sku),
    unit_code = coalesce(incoming.unit_code, stored.unit_code),
    outcome = case
        when incoming.landed_at < stored.landed_at then 'unchanged'
        when
            incoming.quantity = stored.quantity
            and coalesce(incoming.product_id, stored.product_id) is not distinct from stored.product_id
            and coalesce(incoming.sku, stored.sku) is not distinct from stored.sku
            and coalesce(incoming.unit_code, stored.unit_code) is not distinct from stored.unit_code
            then 'unchanged'
        else 'changed'
    end
from landing.oro_inventory_levels as stored
where incoming.level_id = stored.level_id;

-- name: keep_replaced
insert into landing.replaced_documents (source_system, resource, document_id, landed_at, replaced_at, document)
select {source_system}, {resource}, stored.{key}, stored.landed_at, incoming.landed_at, stored.document
from {stored} as stored
inner join {incoming} as incoming on stored.{key} = incoming.{key}
where incoming.outcome = 'changed';

-- name: store_documents
insert into {stored} ({columns})
select {columns} from {incoming}
where outcome <> 'unchanged'
on conflict ({key}) do update set ({columns}) = row({excluded});

-- name: remove_rows
delete from {stored}
where {key} in (select {key} from {documents} where outcome = 'changed');

-- name: store_rows
insert into {stored} ({columns})
select {columns} from {incoming}
where {key} in (select {key} from {documents} where outcome <> 'unchanged');

-- name: heal
delete from landing.malformed_documents
where
    source_system = {source_system}
    and resource = {resource}
    and document_key = any(%(keys)s::text[])
    and landed_at <= %(landed_at)s;

-- name: outcomes
select outcome, count(*) from {incoming} group by outcome;

-- name: store_faults
insert into landing.malformed_documents as stored (
    source_system, resource, document_key, document_id, registered_at, fault_path, fault, document,
    source, landed_at, landed_by
)
select
    incoming.source_system, incoming.resource, incoming.document_key, incoming.document_id,
    -- Where an earlier version that could be read lies, else where it is said to lie, else now.
    coalesce(returns.registered_at, incoming.registered_at, incoming.landed_at), incoming.fault_path, incoming.fault,
    incoming.document, incoming.source, incoming.landed_at, incoming.landed_by
from pg_temp.incoming_malformed_documents as incoming
left join landing.rebound_returns as returns
    on
        incoming.source_system = 'rebound'
        and incoming.resource = 'returns'
        and incoming.document_id = returns.return_id
on conflict (source_system, resource, document_key) do update set
    document_id = excluded.document_id,
    registered_at
    = case when excluded.registered_at = excluded.landed_at then stored.registered_at else excluded.registered_at end,
    fault_path = excluded.fault_path,
    fault = excluded.fault,
    document = excluded.document,
    source = excluded.source,
    landed_at = excluded.landed_at,
    landed_by = excluded.landed_by
where
    stored.landed_at <= excluded.landed_at
    and (
        (stored.fault_path, stored.fault, stored.document)
        is distinct from (excluded.fault_path, excluded.fault, excluded.document)
        or excluded.registered_at not in (stored.registered_at, excluded.landed_at)
    );
