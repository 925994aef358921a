/*
Lines of OroCommerce orders, one row per line. The difference of the two row totals is the line's tax in every case;
neither of them is its net amount.

materialized: view
grain: order_id, order_line_id
owner: data
*/
select
    order_id,
    order_line_id,
    position,
    product_id,
    product_sku as sku,
    sku_key,
    product_name,
    is_free_form,
    quantity,
    product_unit_code as unit_code,
    value as unit_price,
    currency,
    coalesce(row_total_discount_amount, 0) as promotion_amount,
    coalesce(row_total_after_discount_including_tax, 0) as row_total_including_tax,
    coalesce(row_total_after_discount_excluding_tax, 0) as row_total_excluding_tax
from landing.oro_order_lines
