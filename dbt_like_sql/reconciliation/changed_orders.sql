/*
Orders whose figures changed in OroCommerce after they were first credited, whether or not their total did: what was kept
beside what last landed. A change of status or of a delivery date is none.

materialized: view
step: reconciliation
grain: order_id
owner: finance
columns:
    kept_total: the order's total when it was first credited
    landed_total: its total as it last landed
    changed_lines: how many of its lines changed
    changes: what changed, in words
*/
with

lines as (
    select
        lines.order_id,
        count(*) as changed_lines
    from reconciliation.changed_order_lines as lines
    group by lines.order_id
),

compared as (
    select
        kept.order_id,
        kept.order_identifier,
        kept.currency as kept_currency,
        landed.currency as landed_currency,
        kept.total_value as kept_total,
        landed.total_amount as landed_total,
        kept.discount_amount as kept_discount,
        -- The discounts by the reading that explained the order; where it cannot be read any more, nothing is said.
        coalesce(
            landed.manual_discount_amount
            + round(
                case kept.promotion_reading
                    when 1 then landed.promotion_amount
                    else landed.promotion_amount_by_subtotals
                end,
                kept.digits
            ),
            kept.discount_amount
        ) as landed_discount,
        kept.shipping_amount,
        kept.shipping_tax_amount,
        round(landed.shipping_amount, kept.digits) - round(landed.shipping_discount_amount, kept.digits)
            as landed_shipping,
        coalesce(lines.changed_lines, 0) as changed_lines,
        documents.landed_at
    from ledger.orders as kept
    inner join landing.oro_orders as documents
        on kept.order_id = documents.order_id and kept.document_hash <> documents.document_hash
    inner join staging.stg_oro__orders as landed on kept.order_id = landed.order_id
    left join lines on kept.order_id = lines.order_id
),

told as (
    select
        compared.*,
        concat_ws(
            '; ',
            case
                when compared.kept_currency <> compared.landed_currency
                    then format('currency %%s → %%s', compared.kept_currency, compared.landed_currency)
            end,
            case
                when compared.kept_total <> compared.landed_total
                    then format('total %%s → %%s', trim_scale(compared.kept_total), trim_scale(compared.landed_total))
            end,
            case
                when compared.kept_discount <> compared.landed_discount
                    then format(
                        'discounts %%s → %%s', trim_scale(compared.kept_discount), trim_scale(compared.landed_discount)
                    )
            end,
            -- What shipping cost was kept without its tax, which the price may include.
            case
                when
                    compared.landed_shipping
                    not in (compared.shipping_amount, compared.shipping_amount + compared.shipping_tax_amount)
                    then format(
                        'shipping %%s → %%s', trim_scale(compared.shipping_amount), trim_scale(compared.landed_shipping)
                    )
            end,
            case when compared.changed_lines > 0 then format('lines that changed: %%s', compared.changed_lines) end
        ) as changes
    from compared
)

select
    told.order_id,
    told.order_identifier,
    told.kept_currency,
    told.landed_currency,
    told.kept_total,
    told.landed_total,
    told.changed_lines,
    told.changes,
    told.landed_at
from told
where told.changes <> ''
