/*
Units of products, one row per product and unit: digits after the point, and how many primary units one of it is.

materialized: view
grain: product_id, unit_code
owner: data
*/
select
    products.product_id,
    products.sku_key,
    units.unit_code,
    units.unit_precision,
    units.conversion_rate
from landing.oro_products as products
inner join landing.oro_product_units as units on products.product_id = units.product_id
