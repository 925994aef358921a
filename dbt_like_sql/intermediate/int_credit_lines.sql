/*
What this decision credits, line by line: each claim is worth what lies between its two ends on the item's amounts,
so that any sequence of partial returns adds up to the whole exactly (docs/rules.md, Price).

materialized: table
grain: credit_note_number, position
owner: finance
*/
with

cut as (
    select
        claims.line_number,
        claims.is_whole_kit,
        claims.units_to - claims.units_from as quantity,
        items.item_number,
        items.order_line_id,
        case when not claims.is_whole_kit then items.order_item_id end as order_item_id,
        items.position as item_position,
        items.sku,
        items.line_sku,
        items.unit_code,
        items.line_unit_code,
        items.quantity_per_kit,
        orders.digits,
        ledger.share(items.net_amount, claims.units_to, items.quantity, orders.digits)
        - ledger.share(items.net_amount, claims.units_from, items.quantity, orders.digits) as net_amount,
        ledger.share(items.discount_amount, claims.units_to, items.quantity, orders.digits)
        - ledger.share(items.discount_amount, claims.units_from, items.quantity, orders.digits) as discount_amount,
        ledger.share(items.tax_amount, claims.units_to, items.quantity, orders.digits)
        - ledger.share(items.tax_amount, claims.units_from, items.quantity, orders.digits) as tax_amount
    from intermediate.int_claims as claims
    inner join ledger.order_items as items on claims.item_number = items.item_number
    inner join ledger.orders as orders on claims.order_id = orders.order_id
),

lines as (
    select
        cut.line_number,
        cut.digits,
        min(cut.order_line_id) as order_line_id,
        min(cut.order_item_id) as order_item_id,
        min(cut.item_position) as item_position,
        min(case when cut.is_whole_kit then cut.line_sku else cut.sku end) as sku,
        min(case when cut.is_whole_kit then cut.line_unit_code else cut.unit_code end) as unit_code,
        min(case when cut.is_whole_kit then cut.quantity / cut.quantity_per_kit else cut.quantity end) as quantity,
        sum(cut.net_amount) as net_amount,
        sum(cut.discount_amount) as discount_amount,
        sum(cut.tax_amount) as tax_amount
    from cut
    group by
        cut.line_number,
        case when cut.is_whole_kit then cut.order_line_id end,
        case when not cut.is_whole_kit then cut.item_number end,
        cut.digits
),

reasoned as (
    select
        lines.*,
        claim_lines.return_id,
        claim_lines.return_line_key,
        claim_lines.credit_note_number,
        claim_lines.registered_at,
        claim_lines.order_id,
        claim_lines.reason_code,
        claim_lines.note_sequence,
        coalesce(reasons.credits_shipping, false) as credits_shipping,
        lines.net_amount + lines.tax_amount as total_amount,
        row_number() over of_note as position,
        -- A flat amount is taken once of a return line, on however many order lines its units lie, and in however many goes they
        -- are counted.
        case
            when claim_lines.is_credited_before or lines.line_number = lag(lines.line_number) over of_note then 0
            else 1
        end as flat_amounts,
        coalesce(policy.restocking_fee -> claim_lines.reason_code, policy.restocking_fee -> '*') as fee,
        coalesce(policy.goodwill -> claim_lines.reason_code, policy.goodwill -> '*') as goodwill
    from lines
    inner join intermediate.int_claim_lines as claim_lines on lines.line_number = claim_lines.line_number
    left join seeds.return_reasons as reasons on claim_lines.reason_code = reasons.reason_code
    cross join intermediate.int_policy as policy
    window of_note as (partition by claim_lines.credit_note_number order by lines.line_number, lines.item_position)
)

select
    reasoned.credit_note_number,
    reasoned.position::integer as position,
    reasoned.return_id,
    reasoned.return_line_key,
    reasoned.registered_at,
    reasoned.order_id,
    reasoned.order_line_id,
    reasoned.order_item_id,
    reasoned.sku,
    trim_scale(round(reasoned.quantity, 10)) as quantity,
    reasoned.unit_code,
    reasoned.digits,
    reasoned.net_amount,
    reasoned.discount_amount,
    reasoned.tax_amount,
    reasoned.total_amount,
    round(reasoned.total_amount * coalesce((reasoned.fee ->> 'percent')::numeric, 0) / 100, reasoned.digits)
    + round(reasoned.flat_amounts * coalesce((reasoned.fee ->> 'flat')::numeric, 0), reasoned.digits)
    - round(reasoned.total_amount * coalesce((reasoned.goodwill ->> 'percent')::numeric, 0) / 100, reasoned.digits)
    - round(reasoned.flat_amounts * coalesce((reasoned.goodwill ->> 'flat')::numeric, 0), reasoned.digits) as fee_amount,
    reasoned.reason_code,
    reasoned.credits_shipping,
    reasoned.line_number,
    reasoned.note_sequence
from reasoned
