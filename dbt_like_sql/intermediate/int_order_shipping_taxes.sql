/*
Taxes of the shipping of the orders explained by this decision, by code and rate. OroCommerce does not list them, but the
subtotal `Shipping Tax` names the taxes of the order and says what shipping was taxed on: the one tax whose rate explains it,
else all of them together if their rates do. Where neither is so the rate is not known.

materialized: table
grain: order_id, tax_code, rate
owner: finance
*/
with

shipping as (
    select
        subtotals.order_id,
        subtotals.data,
        subtotals.data #>> '{shipping,excludingTax}' as taxable_amount,
        subtotals.data #>> '{shipping,taxAmount}' as tax_amount
    from intermediate.int_orders_explained as explained
    inner join landing.oro_order_subtotals as subtotals on explained.order_id = subtotals.order_id
    where explained.verdict is null and subtotals.subtotal_type = 'tax' and subtotals.label = 'Shipping Tax'
),

taxed as (
    select
        shipping.order_id,
        shipping.taxable_amount::numeric as taxable_amount,
        shipping.tax_amount::numeric as tax_amount,
        taxes.position,
        taxes.tax ->> 'tax' as tax_code,
        taxes.tax ->> 'rate' as rate
    from shipping
    cross join
        lateral jsonb_array_elements(
            case when jsonb_typeof(shipping.data -> 'taxes') = 'array' then shipping.data -> 'taxes' else '[]' end
        ) with ordinality as taxes (tax, position)
    where
        shipping.taxable_amount ~ '^[0-9]{1,20}([.][0-9]{1,20})?$'
        and shipping.tax_amount ~ '^[0-9]{1,20}([.][0-9]{1,20})?$'
),

rates as (
    select distinct on (taxed.order_id, taxed.tax_code, taxed.rate::numeric)
        taxed.order_id,
        taxed.taxable_amount,
        taxed.tax_amount,
        taxed.position,
        taxed.tax_code,
        taxed.rate::numeric as rate
    from taxed
    where
        taxed.tax_code is not null
        and taxed.tax_amount > 0
        -- What makes no tax explains none, however near a cent is to nothing.
        and case
            when taxed.rate ~ '^[0-9]{1,9}([.][0-9]{1,20})?$' then taxed.taxable_amount * taxed.rate::numeric > 0
            else false
        end
    order by taxed.order_id, taxed.tax_code, taxed.rate::numeric, taxed.position
),

-- Tax is rounded to the cent, so a rate explains it within a cent at most.
judged as (
    select
        rates.*,
        abs(rates.taxable_amount * rates.rate - rates.tax_amount) <= 0.01 as explains_alone,
        abs(rates.taxable_amount * sum(rates.rate) over (partition by rates.order_id) - rates.tax_amount) <= 0.01
            as explain_together
    from rates
),

counted as (
    select
        judged.*,
        count(*) filter (where judged.explains_alone) over (partition by judged.order_id) as alone
    from judged
)

select
    counted.order_id,
    counted.tax_code,
    counted.rate,
    counted.position::integer as position,
    counted.taxable_amount * counted.rate as tax_amount
from counted
where (counted.alone = 1 and counted.explains_alone) or (counted.alone = 0 and counted.explain_together)
