-- Statements of landed.py: what the landed documents still miss.

-- name: references_to_ask
-- References of the window's returns whose order is not settled: none that the ledger keeps, or a line of theirs is
-- held.
with

at_hand as (
    select
        returns.order_reference_key,
        min(returns.order_reference) as order_reference,
        bool_or(exists (
            select from ledger.holds as holds
            where holds.return_id = returns.return_id and holds.resolved_at is null
        )) as is_held
    from landing.rebound_returns as returns
    where
        returns.registered_at >= %(window_start)s
        and returns.registered_at < %(window_end)s
        and returns.order_reference_key is not null
    group by returns.order_reference_key
),

matches as (
    select at_hand.order_reference_key, 'identifier' as field, orders.order_id
    from at_hand
    inner join landing.oro_orders as orders on at_hand.order_reference_key = orders.identifier_key
    union all
    select at_hand.order_reference_key, 'poNumber' as field, orders.order_id
    from at_hand
    inner join landing.oro_orders as orders on at_hand.order_reference_key = orders.po_number_key
    union all
    select at_hand.order_reference_key, 'externalId' as field, orders.order_id
    from at_hand
    inner join landing.oro_orders as orders on at_hand.order_reference_key = orders.external_id_key
)

select at_hand.order_reference
from at_hand
where
    at_hand.is_held
    or not exists (
        select from matches
        inner join ledger.orders as kept on matches.order_id = kept.order_id
        where
            matches.order_reference_key = at_hand.order_reference_key
            and matches.field = any(%(order_reference)s::text[])
    )
order by at_hand.order_reference_key;

-- name: open_returns
-- Besides those still under way, those that could not be read, or not in full: they may have been corrected since.
select returns.return_id
from landing.rebound_returns as returns
where
    returns.registered_at >= %(registered_since)s
    and (
        returns.status is null
        or returns.status <> all(%(closed)s::text[])
        or exists (
            select from landing.rebound_return_lines as lines
            where lines.return_id = returns.return_id and lines.fault is not null
        )
    )
union
select document_id as return_id
from landing.malformed_documents
where
    source_system = 'rebound'
    and resource = 'returns'
    and document_id is not null
    and registered_at >= %(registered_since)s
order by return_id;

-- name: given_before
-- Returns that ReBound gave us when it was asked for them, the latest first.
select return_id
from landing.rebound_returns
where source = 'api' and return_id <> all(%(others_than)s::text[])
order by landed_at desc, return_id
limit %(at_most)s;

-- name: goods_at_hand
-- What the window's returns may be of: products (by id, because order lines keep the SKU of their time) of the lines and
-- kit components of their orders, and the SKUs for which no product is known by id.
with

returns as (
    select return_id, order_reference_key
    from landing.rebound_returns
    where registered_at >= %(window_start)s and registered_at < %(window_end)s
),

references_at_hand as (
    select distinct order_reference_key from returns where order_reference_key is not null
),

orders as (
    select orders.order_id
    from references_at_hand
    inner join landing.oro_orders as orders
        on references_at_hand.order_reference_key = orders.identifier_key
    union
    select orders.order_id
    from references_at_hand
    inner join landing.oro_orders as orders
        on references_at_hand.order_reference_key = orders.po_number_key
    union
    select orders.order_id
    from references_at_hand
    inner join landing.oro_orders as orders
        on references_at_hand.order_reference_key = orders.external_id_key
),

goods as (
    select lines.product_id, lines.product_sku as sku, lines.sku_key
    from orders
    inner join landing.oro_order_lines as lines on orders.order_id = lines.order_id
    where not lines.is_free_form
    union
    select items.product_id, items.product_sku as sku, items.sku_key
    from orders
    inner join landing.oro_order_kit_items as items on orders.order_id = items.order_id
    union
    select null as product_id, lines.sku, lines.sku_key
    from returns
    inner join landing.rebound_return_lines as lines on returns.return_id = lines.return_id
    where lines.sku is not null
)

select distinct product_id, null::text as sku
from goods
where product_id is not null
union all
select null as product_id, min(sku) as sku
from goods
where sku_key is not null
group by sku_key
having count(product_id) = 0
order by product_id, sku;
