/*
What can come back of the orders kept by this decision.

materialized: append
grain: order_id, order_item_id
owner: finance
*/
select
    items.order_item_id,
    items.order_id,
    items.order_line_id,
    items.kit_item_line_id,
    items.position,
    items.sku,
    items.sku_key,
    items.line_sku,
    items.line_sku_key,
    items.product_id,
    items.line_product_id,
    items.is_free_form,
    items.unit_code,
    items.line_unit_code,
    items.unit_precision,
    items.quantity,
    items.quantity_per_kit,
    items.net_amount,
    items.discount_amount,
    items.tax_amount,
    items.line_net_amount,
    items.line_quantity,
    items.unit_price,
    items.line_unit_price,
    items.line_promotion_amount,
    items.line_row_tax,
    %(decision_id)s as decision_id
from intermediate.int_order_items as items
inner join ledger.orders as kept on items.order_id = kept.order_id
where kept.decision_id = %(decision_id)s
