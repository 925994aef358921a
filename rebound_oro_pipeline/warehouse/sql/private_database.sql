-- Statements of services/private_database.py.

-- name: analyse
analyze
    landing.rebound_returns,
    landing.rebound_return_lines,
    landing.oro_orders,
    landing.oro_order_lines,
    landing.oro_order_kit_items,
    landing.oro_order_subtotals,
    landing.oro_products,
    landing.oro_product_units
