/*
Orders as they are when they are first credited, explained. They are kept for good: later returns go on by them, whatever
happens to the order in OroCommerce.

materialized: append
grain: order_id
owner: finance
*/
select
    orders.order_id,
    orders.order_identifier,
    orders.customer_id,
    orders.currency,
    explained.digits,
    orders.total_amount as total_value,
    explained.net_amount,
    round(orders.subtotal_amount - explained.net_amount - explained.goods_tax_inside, explained.digits) as discount_amount,
    explained.tax_amount,
    explained.shipping_amount,
    explained.shipping_tax_amount,
    explained.prices_include_tax,
    orders.has_subtotals,
    explained.promotion_reading,
    orders.document_hash,
    %(decision_id)s as decision_id,
    %(policy_version)s as policy_version
from intermediate.int_orders_explained as explained
inner join staging.stg_oro__orders as orders on explained.order_id = orders.order_id
where explained.order_id in (select lines.order_id from intermediate.int_claim_lines as lines)
