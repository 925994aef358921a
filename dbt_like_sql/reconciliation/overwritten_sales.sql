/*
Writes of stock levels that overwrote what was sold meanwhile. A batch may wait in OroCommerce's queue, and sets each level to
what it was to be when it was read. A level that shows exactly that afterwards has lost what was ordered in between: sold
before, it was overwritten; sold after, the level would show less, and the write be ambiguous. OroCommerce takes from a level
at its checkout, so an order that was entered another way may never have been in it.

materialized: view
step: reconciliation
grain: level_write_id
owner: ops
columns:
    quantity_target: what was written
    quantity_sold: units of orders that landed and were placed while the write waited; kits count by their components
    order_identifier: the order, where it is one
    order_identifiers: all of them, in words
    read_at: when the level was read, on which the write was based
    written_at: when it was found done
*/
select
    writes.level_write_id,
    writes.level_id,
    writes.sku,
    writes.unit_code,
    writes.quantity_target,
    sold.quantity_sold,
    case when sold.orders = 1 then sold.order_identifiers end as order_identifier,
    sold.order_identifiers,
    writes.started_at as read_at,
    writes.finished_at as written_at
from outbox.level_writes as writes
-- An aggregate, because then it is looked up write by write, by the few orders of its time.
cross join
    lateral (
        select
            sum(case when items.order_id is null then lines.quantity else lines.quantity * items.quantity end) as quantity_sold,
            count(distinct orders.order_id) as orders,
            string_agg(distinct coalesce(orders.identifier, 'id ' || orders.order_id), ', ') as order_identifiers
        from landing.oro_orders as orders
        inner join landing.oro_order_lines as lines on orders.order_id = lines.order_id
        left join landing.oro_order_kit_items as items
            on lines.order_id = items.order_id and lines.order_line_id = items.order_line_id
        where
            orders.created_at > writes.started_at
            and orders.created_at <= outbox.sold_before(writes.finished_at)
            and case when items.order_id is null then lines.sku_key else items.sku_key end = landing.match_key(writes.sku)
            and case when items.order_id is null then lines.product_unit_code else items.product_unit_code end = writes.unit_code
    ) as sold
where
    outbox.may_have_overwritten(writes.state, writes.sent_as, writes.started_at, writes.finished_at)
    and sold.quantity_sold > 0
