/*
OroCommerce orders as last read, one row per order, with the amounts under the names used from here on.
Manual discounts are `totalDiscountsAmount`; shipping is the overridden cost, else the estimate, else none.
The document tells the version: one with a shippingStatus relation is 6.1 or later, one with internalStatus alone 6.0,
one with neither 5.1.

materialized: view
grain: order_id
owner: data
*/
select
    order_id,
    coalesce(identifier, order_id) as order_identifier,
    identifier_key,
    po_number_key,
    external_id_key,
    customer_id,
    currency,
    subtotal_value as subtotal_amount,
    total_value as total_amount,
    coalesce(total_discounts_amount, 0) as manual_discount_amount,
    coalesce(discount, 0) as promotion_amount,
    subtotal_value - subtotal_with_discounts - order_discounts_amount as promotion_amount_by_subtotals,
    coalesce(overridden_shipping_cost_amount, estimated_shipping_cost_amount, 0) as shipping_amount,
    coalesce(shipping_discount, 0) as shipping_discount_amount,
    internal_status,
    shipping_status,
    case
        when has_shipping_status then '6.1'
        when has_internal_status then '6.0'
        else '5.1'
    end as oro_version,
    case when has_shipping_status then shipping_status else internal_status end as dispatch_status,
    has_internal_status,
    has_shipping_status,
    has_shipping_trackings,
    has_subtotals,
    created_at,
    updated_at,
    document_hash
from landing.oro_orders
