/*
The taxes of the orders kept by this decision, by line and of shipping, as OroCommerce says them at this moment.

materialized: append
grain: order_id, order_line_id, position
owner: finance
*/
with

kept as (
    select kept.order_id from ledger.orders as kept
    where kept.decision_id = %(decision_id)s and kept.has_subtotals
)

select
    taxes.order_id,
    taxes.order_line_id,
    taxes.position,
    taxes.tax_code,
    taxes.rate,
    taxes.tax_amount as tax_weight,
    %(decision_id)s as decision_id
from kept
inner join staging.stg_oro__order_line_taxes as taxes on kept.order_id = taxes.order_id
union all
select
    taxes.order_id,
    '' as order_line_id,
    taxes.position,
    taxes.tax_code,
    taxes.rate,
    taxes.tax_amount as tax_weight,
    %(decision_id)s as decision_id
from kept
inner join staging.stg_oro__order_shipping_taxes as taxes on kept.order_id = taxes.order_id
