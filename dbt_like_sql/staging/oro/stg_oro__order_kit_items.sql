/*
Components of kit lines, one row per component; quantity and unit price are those of one kit.

materialized: view
grain: order_id, order_line_id, kit_item_line_id
owner: data
*/
select
    order_id,
    order_line_id,
    kit_item_line_id,
    product_id,
    product_sku as sku,
    sku_key,
    product_name,
    quantity as quantity_per_kit,
    product_unit_code as unit_code,
    product_unit_precision as unit_precision,
    value as unit_price,
    sort_order
from landing.oro_order_kit_items
