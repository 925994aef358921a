-- Statements of landing.py. A batch is copied into temporary tables, then compared with what is there: only documents
-- that are new or changed are written. One batch of a kind at a time settles, so that no two disagree about what is new.

-- name: prepare_returns
create temporary table if not exists incoming_returns on commit delete rows as
select
    return_id, display_id, order_reference, registered_at, status, carrier, tracking_number,
    document, document_hash, source, landed_at, landed_by, 'new'::text as outcome
from landing.rebound_returns with no data;
alter table pg_temp.incoming_returns alter outcome set default 'new';
create temporary table if not exists incoming_return_lines on commit delete rows as
select
    return_id, position, return_line_key, sku, quantity, quantity_received, unit_code, currency, disposition,
    reason_code, reason_action, reason_wish, verification_entity, tracking_number, fault_path, fault
from landing.rebound_return_lines with no data;
delete from pg_temp.incoming_returns;
delete from pg_temp.incoming_return_lines;

-- name: settle_returns
select pg_advisory_xact_lock(hashtextextended('landing.rebound_returns', 0));

update pg_temp.incoming_returns as incoming
set outcome = case
    when incoming.document_hash = stored.document_hash or incoming.landed_at < stored.landed_at then 'unchanged'
    else 'changed'
end
from landing.rebound_returns as stored
where incoming.return_id = stored.return_id;

insert into landing.replaced_documents (source_system, resource, document_id, landed_at, replaced_at, document)
select 'rebound', 'returns', stored.return_id, stored.landed_at, incoming.landed_at, stored.document
from landing.rebound_returns as stored
inner join pg_temp.incoming_returns as incoming on stored.return_id = incoming.return_id
where incoming.outcome = 'changed';

insert into landing.rebound_returns (
    return_id, display_id, order_reference, registered_at, status, carrier, tracking_number,
    document, document_hash, source, landed_at, landed_by
)
select
    return_id, display_id, order_reference, registered_at, status, carrier, tracking_number,
    document, document_hash, source, landed_at, landed_by
from pg_temp.incoming_returns
where outcome <> 'unchanged'
on conflict (return_id) do update set
    display_id = excluded.display_id,
    order_reference = excluded.order_reference,
    registered_at = excluded.registered_at,
    status = excluded.status,
    carrier = excluded.carrier,
    tracking_number = excluded.tracking_number,
    document = excluded.document,
    document_hash = excluded.document_hash,
    source = excluded.source,
    landed_at = excluded.landed_at,
    landed_by = excluded.landed_by;

delete from landing.rebound_return_lines as stored
using pg_temp.incoming_returns as incoming
where stored.return_id = incoming.return_id and incoming.outcome = 'changed';

insert into landing.rebound_return_lines (
    return_id, position, return_line_key, sku, quantity, quantity_received, unit_code, currency, disposition,
    reason_code, reason_action, reason_wish, verification_entity, tracking_number, fault_path, fault
)
select
    lines.return_id, lines.position, lines.return_line_key, lines.sku, lines.quantity, lines.quantity_received,
    lines.unit_code, lines.currency, lines.disposition, lines.reason_code, lines.reason_action, lines.reason_wish,
    lines.verification_entity, lines.tracking_number, lines.fault_path, lines.fault
from pg_temp.incoming_return_lines as lines
inner join pg_temp.incoming_returns as incoming on lines.return_id = incoming.return_id
where incoming.outcome <> 'unchanged';

delete from landing.malformed_documents as healed
using pg_temp.incoming_returns as incoming
where
    healed.source_system = 'rebound'
    and healed.resource = 'returns'
    and healed.document_key = incoming.return_id
    and healed.landed_at <= incoming.landed_at;

-- name: outcomes_of_returns
select outcome, count(*) from pg_temp.incoming_returns group by outcome;

-- name: prepare_orders
create temporary table if not exists incoming_orders on commit delete rows as
select
    order_id, identifier, po_number, external_id, customer_id, currency, subtotal_value, total_value,
    total_discounts_amount, discount, shipping_discount, subtotal_with_discounts, order_discounts_amount,
    estimated_shipping_cost_amount, overridden_shipping_cost_amount, internal_status, shipping_status,
    has_internal_status, has_shipping_status, has_shipping_trackings, has_subtotals, created_at, updated_at,
    document, document_hash, source, landed_at, landed_by, 'new'::text as outcome
from landing.oro_orders with no data;
alter table pg_temp.incoming_orders alter outcome set default 'new';
create temporary table if not exists incoming_order_lines on commit delete rows as
select
    order_id, order_line_id, position, product_id, product_sku, product_name, is_free_form, quantity,
    product_unit_code, value, currency, row_total_discount_amount, row_total_after_discount_including_tax,
    row_total_after_discount_excluding_tax
from landing.oro_order_lines with no data;
create temporary table if not exists incoming_order_kit_items on commit delete rows as
select
    order_id, order_line_id, kit_item_line_id, product_id, product_sku, product_name, quantity, product_unit_code,
    product_unit_precision, value, sort_order
from landing.oro_order_kit_items with no data;
create temporary table if not exists incoming_order_subtotals on commit delete rows as
select order_id, position, subtotal_type, label, amount, currency, data
from landing.oro_order_subtotals with no data;
delete from pg_temp.incoming_orders;
delete from pg_temp.incoming_order_lines;
delete from pg_temp.incoming_order_kit_items;
delete from pg_temp.incoming_order_subtotals;

-- name: settle_orders
select pg_advisory_xact_lock(hashtextextended('landing.oro_orders', 0));

-- An order read before the one at hand is older, whichever arrives last. So is one with an earlier updatedAt, unless
-- the one at hand claims a moment after it was read (such rows exist, and their next change looks earlier).
-- The hash leaves subtotals out: an unchanged order is written again only where it brings the first ones.
update pg_temp.incoming_orders as incoming
set outcome = case
    when incoming.landed_at < stored.landed_at then 'unchanged'
    when incoming.updated_at < stored.updated_at and stored.updated_at <= stored.landed_at then 'unchanged'
    when
        incoming.document_hash = stored.document_hash and (stored.has_subtotals or not incoming.has_subtotals)
        then 'unchanged'
    else 'changed'
end
from landing.oro_orders as stored
where incoming.order_id = stored.order_id;

insert into landing.replaced_documents (source_system, resource, document_id, landed_at, replaced_at, document)
select 'oro', 'orders', stored.order_id, stored.landed_at, incoming.landed_at, stored.document
from landing.oro_orders as stored
inner join pg_temp.incoming_orders as incoming on stored.order_id = incoming.order_id
where incoming.outcome = 'changed';

insert into landing.oro_orders (
    order_id, identifier, po_number, external_id, customer_id, currency, subtotal_value, total_value,
    total_discounts_amount, discount, shipping_discount, subtotal_with_discounts, order_discounts_amount,
    estimated_shipping_cost_amount, overridden_shipping_cost_amount, internal_status, shipping_status,
    has_internal_status, has_shipping_status, has_shipping_trackings, has_subtotals, created_at, updated_at,
    document, document_hash, source, landed_at, landed_by
)
select
    order_id, identifier, po_number, external_id, customer_id, currency, subtotal_value, total_value,
    total_discounts_amount, discount, shipping_discount, subtotal_with_discounts, order_discounts_amount,
    estimated_shipping_cost_amount, overridden_shipping_cost_amount, internal_status, shipping_status,
    has_internal_status, has_shipping_status, has_shipping_trackings, has_subtotals, created_at, updated_at,
    document, document_hash, source, landed_at, landed_by
from pg_temp.incoming_orders
where outcome <> 'unchanged'
on conflict (order_id) do update set
    identifier = excluded.identifier,
    po_number = excluded.po_number,
    external_id = excluded.external_id,
    customer_id = excluded.customer_id,
    currency = excluded.currency,
    subtotal_value = excluded.subtotal_value,
    total_value = excluded.total_value,
    total_discounts_amount = excluded.total_discounts_amount,
    discount = excluded.discount,
    shipping_discount = excluded.shipping_discount,
    subtotal_with_discounts = excluded.subtotal_with_discounts,
    order_discounts_amount = excluded.order_discounts_amount,
    estimated_shipping_cost_amount = excluded.estimated_shipping_cost_amount,
    overridden_shipping_cost_amount = excluded.overridden_shipping_cost_amount,
    internal_status = excluded.internal_status,
    shipping_status = excluded.shipping_status,
    has_internal_status = excluded.has_internal_status,
    has_shipping_status = excluded.has_shipping_status,
    has_shipping_trackings = excluded.has_shipping_trackings,
    has_subtotals = excluded.has_subtotals,
    created_at = excluded.created_at,
    updated_at = excluded.updated_at,
    document = excluded.document,
    document_hash = excluded.document_hash,
    source = excluded.source,
    landed_at = excluded.landed_at,
    landed_by = excluded.landed_by;

-- Kit items go with their lines.
delete from landing.oro_order_lines as stored
using pg_temp.incoming_orders as incoming
where stored.order_id = incoming.order_id and incoming.outcome = 'changed';

delete from landing.oro_order_subtotals as stored
using pg_temp.incoming_orders as incoming
where stored.order_id = incoming.order_id and incoming.outcome = 'changed';

insert into landing.oro_order_lines (
    order_id, order_line_id, position, product_id, product_sku, product_name, is_free_form, quantity,
    product_unit_code, value, currency, row_total_discount_amount, row_total_after_discount_including_tax,
    row_total_after_discount_excluding_tax
)
select
    lines.order_id, lines.order_line_id, lines.position, lines.product_id, lines.product_sku, lines.product_name,
    lines.is_free_form, lines.quantity, lines.product_unit_code, lines.value, lines.currency,
    lines.row_total_discount_amount, lines.row_total_after_discount_including_tax,
    lines.row_total_after_discount_excluding_tax
from pg_temp.incoming_order_lines as lines
inner join pg_temp.incoming_orders as incoming on lines.order_id = incoming.order_id
where incoming.outcome <> 'unchanged';

insert into landing.oro_order_kit_items (
    order_id, order_line_id, kit_item_line_id, product_id, product_sku, product_name, quantity, product_unit_code,
    product_unit_precision, value, sort_order
)
select
    items.order_id, items.order_line_id, items.kit_item_line_id, items.product_id, items.product_sku,
    items.product_name, items.quantity, items.product_unit_code, items.product_unit_precision, items.value,
    items.sort_order
from pg_temp.incoming_order_kit_items as items
inner join pg_temp.incoming_orders as incoming on items.order_id = incoming.order_id
where incoming.outcome <> 'unchanged';

insert into landing.oro_order_subtotals (order_id, position, subtotal_type, label, amount, currency, data)
select
    subtotals.order_id, subtotals.position, subtotals.subtotal_type, subtotals.label, subtotals.amount,
    subtotals.currency, subtotals.data
from pg_temp.incoming_order_subtotals as subtotals
inner join pg_temp.incoming_orders as incoming on subtotals.order_id = incoming.order_id
where incoming.outcome <> 'unchanged';

delete from landing.malformed_documents as healed
using pg_temp.incoming_orders as incoming
where
    healed.source_system = 'oro'
    and healed.resource = 'orders'
    and healed.document_key = incoming.order_id
    and healed.landed_at <= incoming.landed_at;

-- name: outcomes_of_orders
select outcome, count(*) from pg_temp.incoming_orders group by outcome;

-- name: prepare_products
create temporary table if not exists incoming_products on commit delete rows as
select
    product_id, sku, product_type, status, inventory_status, updated_at,
    document, document_hash, source, landed_at, landed_by, 'new'::text as outcome
from landing.oro_products with no data;
alter table pg_temp.incoming_products alter outcome set default 'new';
create temporary table if not exists incoming_product_units on commit delete rows as
select product_id, unit_code, unit_precision, conversion_rate
from landing.oro_product_units with no data;
delete from pg_temp.incoming_products;
delete from pg_temp.incoming_product_units;

-- name: settle_products
select pg_advisory_xact_lock(hashtextextended('landing.oro_products', 0));

update pg_temp.incoming_products as incoming
set outcome = case
    when incoming.document_hash = stored.document_hash or incoming.landed_at < stored.landed_at then 'unchanged'
    when incoming.updated_at < stored.updated_at and stored.updated_at <= stored.landed_at then 'unchanged'
    else 'changed'
end
from landing.oro_products as stored
where incoming.product_id = stored.product_id;

insert into landing.replaced_documents (source_system, resource, document_id, landed_at, replaced_at, document)
select 'oro', 'products', stored.product_id, stored.landed_at, incoming.landed_at, stored.document
from landing.oro_products as stored
inner join pg_temp.incoming_products as incoming on stored.product_id = incoming.product_id
where incoming.outcome = 'changed';

insert into landing.oro_products (
    product_id, sku, product_type, status, inventory_status, updated_at,
    document, document_hash, source, landed_at, landed_by
)
select
    product_id, sku, product_type, status, inventory_status, updated_at,
    document, document_hash, source, landed_at, landed_by
from pg_temp.incoming_products
where outcome <> 'unchanged'
on conflict (product_id) do update set
    sku = excluded.sku,
    product_type = excluded.product_type,
    status = excluded.status,
    inventory_status = excluded.inventory_status,
    updated_at = excluded.updated_at,
    document = excluded.document,
    document_hash = excluded.document_hash,
    source = excluded.source,
    landed_at = excluded.landed_at,
    landed_by = excluded.landed_by;

delete from landing.oro_product_units as stored
using pg_temp.incoming_products as incoming
where stored.product_id = incoming.product_id and incoming.outcome = 'changed';

insert into landing.oro_product_units (product_id, unit_code, unit_precision, conversion_rate)
select units.product_id, units.unit_code, units.unit_precision, units.conversion_rate
from pg_temp.incoming_product_units as units
inner join pg_temp.incoming_products as incoming on units.product_id = incoming.product_id
where incoming.outcome <> 'unchanged';

delete from landing.malformed_documents as healed
using pg_temp.incoming_products as incoming
where
    healed.source_system = 'oro'
    and healed.resource = 'products'
    and healed.document_key = incoming.product_id
    and healed.landed_at <= incoming.landed_at;

-- name: outcomes_of_products
select outcome, count(*) from pg_temp.incoming_products group by outcome;

-- name: prepare_levels
create temporary table if not exists incoming_levels on commit delete rows as
select
    level_id, product_id, sku, unit_code, quantity, landed_at, landed_by,
    null::text as source, 'new'::text as outcome
from landing.oro_inventory_levels with no data;
alter table pg_temp.incoming_levels alter outcome set default 'new';
delete from pg_temp.incoming_levels;

-- name: settle_levels
select pg_advisory_xact_lock(hashtextextended('landing.oro_inventory_levels', 0));

-- A level never changes its product or unit; an answer that did not include them leaves them as they are known.
update pg_temp.incoming_levels as incoming
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

insert into landing.oro_inventory_levels (level_id, product_id, sku, unit_code, quantity, landed_at, landed_by)
select level_id, product_id, sku, unit_code, quantity, landed_at, landed_by
from pg_temp.incoming_levels
where outcome <> 'unchanged'
on conflict (level_id) do update set
    product_id = excluded.product_id,
    sku = excluded.sku,
    unit_code = excluded.unit_code,
    quantity = excluded.quantity,
    landed_at = excluded.landed_at,
    landed_by = excluded.landed_by;

delete from landing.malformed_documents as healed
using pg_temp.incoming_levels as incoming
where
    healed.source_system = 'oro'
    and healed.resource = 'inventorylevels'
    and healed.document_key = incoming.level_id
    and healed.landed_at <= incoming.landed_at;

-- name: outcomes_of_levels
select outcome, count(*) from pg_temp.incoming_levels group by outcome;

-- name: prepare_faults
create temporary table if not exists incoming_faults on commit delete rows as
select
    source_system, resource, document_key, document_id, registered_at, fault_path, fault, document,
    source, landed_at, landed_by
from landing.malformed_documents with no data;
delete from pg_temp.incoming_faults;

-- name: settle_faults
insert into landing.malformed_documents as stored (
    source_system, resource, document_key, document_id, registered_at, fault_path, fault, document,
    source, landed_at, landed_by
)
select
    source_system, resource, document_key, document_id, coalesce(registered_at, landed_at), fault_path, fault,
    document, source, landed_at, landed_by
from pg_temp.incoming_faults
on conflict (source_system, resource, document_key) do update set
    document_id = excluded.document_id,
    fault_path = excluded.fault_path,
    fault = excluded.fault,
    document = excluded.document,
    source = excluded.source,
    landed_at = excluded.landed_at,
    landed_by = excluded.landed_by
where
    stored.landed_at <= excluded.landed_at
    and (stored.fault_path, stored.fault, stored.document)
    is distinct from (excluded.fault_path, excluded.fault, excluded.document);
