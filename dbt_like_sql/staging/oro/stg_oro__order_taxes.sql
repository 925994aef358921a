/*
What the subtotals of an order say of shipping's tax, one row per order whose subtotals were asked for.
Three tax subtotals exist and overlap; only `Shipping Tax` is read.

materialized: view
grain: order_id
owner: data
*/
select
    orders.order_id,
    coalesce(
        (
            select sum(subtotals.amount)
            from landing.oro_order_subtotals as subtotals
            where
                subtotals.order_id = orders.order_id
                and subtotals.subtotal_type = 'tax'
                and subtotals.label = 'Shipping Tax'
        ),
        0
    ) as shipping_tax_amount
from landing.oro_orders as orders
where orders.has_subtotals
