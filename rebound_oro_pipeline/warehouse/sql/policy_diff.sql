-- Statements of services/policy_diff.py: what a private database needs to decide a window anew, and what came of it.

-- name: orders_at_hand
-- Every order under a reference of the window's returns; several under one are needed to see that they are several.
with

wanted as (
    select distinct returns.order_reference_key
    from landing.rebound_returns as returns
    where
        returns.registered_at >= %(window_start)s
        and returns.registered_at < %(window_end)s
        and returns.order_reference_key is not null
)

select orders.order_id
from landing.oro_orders as orders
where
    orders.identifier_key in (select wanted.order_reference_key from wanted)
    or orders.po_number_key in (select wanted.order_reference_key from wanted)
    or orders.external_id_key in (select wanted.order_reference_key from wanted);

-- name: returns_at_hand
-- The returns of the window, and those before it that may have taken units of the same orders.
with

names as (
    select orders.identifier_key as order_reference_key
    from landing.oro_orders as orders
    where orders.order_id = any(%(orders)s::text[])
    union
    select orders.po_number_key
    from landing.oro_orders as orders
    where orders.order_id = any(%(orders)s::text[])
    union
    select orders.external_id_key
    from landing.oro_orders as orders
    where orders.order_id = any(%(orders)s::text[])
)

select returns.return_id
from landing.rebound_returns as returns
where
    returns.registered_at < %(window_end)s
    and (
        returns.registered_at >= %(window_start)s
        or returns.order_reference_key in (select names.order_reference_key from names)
    );

-- name: products_at_hand
with

skus as (
    select lines.sku_key
    from landing.rebound_return_lines as lines
    where lines.return_id = any(%(returns)s::text[])
    union
    select aliases.sku_key
    from reference.sku_aliases as aliases
),

ids as (
    select lines.product_id
    from landing.oro_order_lines as lines
    where lines.order_id = any(%(orders)s::text[])
    union
    select items.product_id
    from landing.oro_order_kit_items as items
    where items.order_id = any(%(orders)s::text[])
)

select products.product_id
from landing.oro_products as products
where
    products.product_id in (select ids.product_id from ids)
    or products.sku_key in (select skus.sku_key from skus);

-- name: kept_orders
-- Orders that go on by the figures that were kept, whichever policy explained them: those that were credited before the window,
-- and those that OroCommerce changed after they were first credited.
select kept.order_id
from ledger.orders as kept
inner join landing.oro_orders as orders on kept.order_id = orders.order_id
where
    kept.order_id = any(%(orders)s::text[])
    and (
        kept.document_hash <> orders.document_hash
        or exists (
            select from ledger.credit_notes as notes
            where notes.order_id = kept.order_id and notes.registered_at < %(window_start)s
        )
    );

-- name: columns
select attribute.attname
from pg_attribute as attribute
where
    attribute.attrelid = %(relation)s::regclass
    and attribute.attnum > 0
    and not attribute.attisdropped
    and attribute.attgenerated = ''
    and attribute.attidentity = ''
order by attribute.attnum;

-- name: notes
select
    notes.credit_note_number,
    notes.return_id,
    notes.order_identifier,
    notes.currency,
    notes.net_amount,
    notes.discount_amount,
    notes.tax_amount,
    notes.shipping_amount,
    notes.shipping_tax_amount,
    notes.fee_amount,
    notes.total_amount
from ledger.credit_notes as notes
where notes.registered_at >= %(window_start)s and notes.registered_at < %(window_end)s
order by notes.registered_at, notes.credit_note_number;

-- name: places
select
    placed.return_id,
    placed.return_line_key,
    placed.destination,
    placed.reason,
    sum(placed.quantity) as quantity
from marts.return_line_destinations as placed
where placed.registered_at >= %(window_start)s and placed.registered_at < %(window_end)s
group by placed.return_id, placed.return_line_key, placed.destination, placed.reason
order by placed.return_id, placed.return_line_key, placed.destination, placed.reason;

-- name: shelf
select
    deltas.sku,
    deltas.unit_code,
    sum(deltas.quantity) as quantity
from ledger.inventory_deltas as deltas
where deltas.restocks and deltas.registered_at >= %(window_start)s and deltas.registered_at < %(window_end)s
group by deltas.sku, deltas.unit_code
order by deltas.sku, deltas.unit_code;
