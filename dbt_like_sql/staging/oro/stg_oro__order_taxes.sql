/*
What the subtotals of orders say of shipping's tax, one row per subtotal that tells it; of an order whose subtotals were asked
for and tell none, shipping has no tax. Three tax subtotals exist and overlap; only `Shipping Tax` is read.

materialized: view
grain: order_id, position
owner: data
*/
select
    order_id,
    position,
    amount as shipping_tax_amount
from landing.oro_order_subtotals
where subtotal_type = 'tax' and label = 'Shipping Tax'
