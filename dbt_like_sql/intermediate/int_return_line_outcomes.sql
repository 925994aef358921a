/*
Where the units of each return line of the window are after this decision: one row per line and destination.

materialized: table
grain: return_id, position, destination, reason_or_none
owner: ops
*/
with

credited_now as (
    select
        claims.line_number,
        sum(claims.received_units) as quantity
    from intermediate.int_claims as claims
    group by claims.line_number
),

candidates as (
    select
        candidates.line_number,
        bool_or(candidates.fits_unit) as fits_unit
    from intermediate.int_claim_candidates as candidates
    group by candidates.line_number
),

lines as (
    select
        lines.*,
        coalesce(credited_now.quantity, 0) as credited_now_quantity,
        candidates.fits_unit
    from intermediate.int_return_lines_gated as lines
    left join credited_now on lines.line_number = credited_now.line_number and lines.destination is null
    left join candidates on lines.line_number = candidates.line_number and lines.destination is null
),

credited as (
    select
        lines.*,
        'credited' as placed_in,
        null::text as reason,
        lines.credited_before_quantity + lines.credited_now_quantity as quantity,
        null::text as why
    from lines
    where lines.credited_before_quantity + lines.credited_now_quantity > 0
),

operator_decisions as (
    select
        decisions.*,
        landing.line_match_key(decisions.return_id, decisions.return_line_key) as line_match_key,
        decisions.who || ': ' || decisions.why as said
    from reference.operator_decisions as decisions
    where decisions.revoked_at is null and decisions.verdict <> 'released'
),

-- Units that people took out, in the sequence in which they did.
taken_out_of as (
    select
        lines.return_id,
        lines.position,
        lines.taken_out_quantity,
        operator_decisions.verdict,
        operator_decisions.reason,
        operator_decisions.quantity,
        operator_decisions.said,
        sum(operator_decisions.quantity) over (
            partition by lines.return_id, lines.position order by operator_decisions.operator_decision_id
        ) as upto
    from lines
    inner join operator_decisions
        on
            lines.return_id = operator_decisions.return_id
            and landing.line_match_key(lines.return_id, lines.return_line_key) = operator_decisions.line_match_key
            and operator_decisions.takes_units
            and reference.is_of_goods(
                operator_decisions.sku_key, operator_decisions.unit_code, lines.sku_key, lines.unit_code
            )
    where lines.taken_out_quantity > 0
),

taken_out_by_reason as (
    select
        taken_out_of.return_id,
        taken_out_of.position,
        taken_out_of.verdict,
        taken_out_of.reason,
        sum(
            least(taken_out_of.upto, taken_out_of.taken_out_quantity) - (taken_out_of.upto - taken_out_of.quantity)
        ) as quantity,
        string_agg(taken_out_of.said, '; ' order by taken_out_of.upto) as said
    from taken_out_of
    where taken_out_of.upto - taken_out_of.quantity < taken_out_of.taken_out_quantity
    group by taken_out_of.return_id, taken_out_of.position, taken_out_of.verdict, taken_out_of.reason
),

taken_out as (
    select
        lines.*,
        taken_out_by_reason.verdict as placed_in,
        taken_out_by_reason.reason,
        taken_out_by_reason.quantity,
        taken_out_by_reason.said as why
    from lines
    inner join taken_out_by_reason
        on lines.return_id = taken_out_by_reason.return_id and lines.position = taken_out_by_reason.position
),

counted_whole as (
    select
        lines.*,
        case when lines.destination in ('held', 'quarantined') then lines.verdict end as reason,
        case
            when lines.verdict = 'malformed_document'
                then lines.received_quantity - least(lines.credited_before_quantity, lines.received_quantity)
            when lines.verdict in ('duplicate_line', 'withdrawn') then lines.received_quantity
            else abs(lines.open_quantity)
        end as quantity
    from lines
    where
        lines.destination is not null
        and lines.destination <> 'none'
        and (lines.destination <> 'withdrawn' or lines.received_quantity > 0)
),

summed_whole as (
    select
        counted_whole.*,
        sum(counted_whole.quantity) over (partition by counted_whole.subject, counted_whole.reason) as quantity_of_row
    from counted_whole
),

-- What people decided about a row without units of its own holds as long as the row does not grow.
decided_whole as (
    select distinct on (operator_decisions.return_id, operator_decisions.line_match_key, operator_decisions.reason)
        operator_decisions.return_id,
        operator_decisions.line_match_key,
        operator_decisions.reason,
        operator_decisions.verdict,
        operator_decisions.quantity,
        operator_decisions.said
    from operator_decisions
    where not operator_decisions.takes_units
    order by
        operator_decisions.return_id asc,
        operator_decisions.line_match_key asc,
        operator_decisions.reason asc,
        operator_decisions.operator_decision_id desc
),

taken_whole as (
    select
        lines.*,
        coalesce(decided_whole.verdict, summed_whole.destination) as placed_in,
        summed_whole.reason,
        summed_whole.quantity,
        coalesce(decided_whole.said, summed_whole.detail) as why
    from lines
    inner join summed_whole on lines.return_id = summed_whole.return_id and lines.position = summed_whole.position
    left join decided_whole
        on
            summed_whole.return_id = decided_whole.return_id
            and landing.line_match_key(summed_whole.return_id, summed_whole.return_line_key) = decided_whole.line_match_key
            and summed_whole.reason = decided_whole.reason
            and coalesce(summed_whole.quantity_of_row <= decided_whole.quantity, true)
),

left_over as (
    select
        lines.*,
        'quarantined' as placed_in,
        case
            when lines.fits_unit is null then 'unknown_sku'
            when not lines.fits_unit then 'unit_mismatch'
            else 'over_return'
        end as reason,
        lines.open_quantity - lines.credited_now_quantity as quantity,
        case
            when
                lines.fits_unit is null
                and exists (
                    select 1
                    from intermediate.int_order_items as items
                    where items.order_id = lines.order_id and items.line_sku_key = lines.sku_key and items.sku is null
                )
                then format('a component of kit %%s on order %%s has no SKU', lines.sku, lines.order_identifier)
            when
                lines.fits_unit is null
                and exists (
                    select 1
                    from landing.oro_products as products
                    where products.sku_key = lines.sku_key
                )
                then format('SKU %%s is in the catalogue, but not on order %%s', lines.sku, lines.order_identifier)
            when lines.fits_unit is null
                then format('SKU %%s is neither in the catalogue nor on order %%s', lines.sku, lines.order_identifier)
            when not lines.fits_unit
                then format(
                    '%%s %%s of SKU %%s do not fit the unit on order %%s',
                    trim_scale(lines.open_quantity), coalesce(lines.unit_code, 'units'), lines.sku, lines.order_identifier
                )
            else format(
                '%%s of %%s units of SKU %%s exceed what was ordered on %%s and not yet credited',
                trim_scale(lines.open_quantity - lines.credited_now_quantity), trim_scale(lines.received_quantity),
                lines.sku, lines.order_identifier
            )
        end as why
    from lines
    where lines.destination is null and lines.open_quantity > lines.credited_now_quantity
),

placed as (
    select * from credited
    union all
    select * from taken_out
    union all
    select * from taken_whole
    union all
    select * from left_over
)

select
    placed.return_id,
    placed.position,
    placed.return_line_key,
    placed.subject,
    placed.order_reference,
    placed.registered_at,
    placed.sku,
    placed.placed_in as destination,
    placed.reason,
    coalesce(placed.reason, 'none') as reason_or_none,
    trim_scale(placed.quantity) as quantity,
    placed.received_quantity,
    placed.why as detail,
    placed.held_since
from placed
