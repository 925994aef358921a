/*
The taxes of the orders kept by this decision, by line and of shipping, as OroCommerce says them at this moment.

materialized: append
grain: order_id, order_line_id, position
owner: finance
*/
with

taxes as (
    select
        taxes.order_id,
        taxes.order_line_id,
        taxes.position,
        taxes.tax_code,
        taxes.rate,
        taxes.tax_amount
    from intermediate.int_order_line_taxes as taxes
    union all
    select
        taxes.order_id,
        '' as order_line_id,
        taxes.position,
        taxes.tax_code,
        taxes.rate,
        taxes.tax_amount
    from intermediate.int_order_shipping_taxes as taxes
)

select
    taxes.order_id,
    taxes.order_line_id,
    taxes.position,
    taxes.tax_code,
    taxes.rate,
    taxes.tax_amount as tax_weight,
    %(decision_id)s as decision_id
from taxes
inner join ledger.orders as kept on taxes.order_id = kept.order_id
where kept.decision_id = %(decision_id)s and kept.has_subtotals
