/*
Return lines of the window after the gate: the first rule that takes the whole line (verdict), or none, and then the line
goes on to the matching of units. What comes too early is held; a hold that has been given up stays in the quarantine.

materialized: table
grain: return_id, position
owner: ops
previous: ledger.orders, ledger.holds, ledger.quarantine
*/
with

lines as (
    select
        lines.*,
        'order_cancelled' = any(lines.released_reasons) as is_cancellation_released,
        lines.released_reasons && array['order_cancelled', 'dispatch_timeout'] as is_status_released,
        matches.order_id,
        matches.orders_found,
        matches.kind as reference_kind
    from intermediate.int_return_lines as lines
    left join intermediate.int_order_matches as matches on lines.order_reference_key = matches.order_reference_key
),

-- A discount larger than what it is spread over can leave a line that is worth less than nothing, and its neighbours worth
-- more than was paid: beyond odd cents, nothing is credited from such figures.
line_worths as (
    select
        items.order_id,
        items.order_line_id,
        sum(items.net_amount + items.tax_amount) as worth
    from intermediate.int_order_items as items
    group by items.order_id, items.order_line_id
),

overdrawn as (
    select line_worths.order_id
    from line_worths
    inner join intermediate.int_orders_explained as explained on line_worths.order_id = explained.order_id
    where line_worths.worth < -explained.tolerance
    group by line_worths.order_id
),

gated as (
    select
        lines.*,
        orders.order_identifier,
        orders.is_kept,
        coalesce(explained.digits, kept.digits) as digits,
        case
            when lines.verdict is not null then lines.verdict
            when lines.orders_found > 1 then 'ambiguous_order'
            when lines.order_id is null then 'unknown_order'
            when orders.is_cancelled and not lines.is_cancellation_released then 'order_cancelled'
            when not (orders.is_confirmed or lines.is_status_released) then 'not_confirmed'
            when not (orders.is_dispatched or lines.is_status_released) then 'not_dispatched'
            when lines.currency is not null and lines.currency <> orders.currency then 'currency_mismatch'
            when not orders.is_kept and (explained.order_id is null or explained.verdict is not null)
                then coalesce(explained.verdict, 'order_does_not_add_up')
            when overdrawn.order_id is not null then 'order_does_not_add_up'
        end as gate_verdict,
        case
            when lines.verdict is not null then lines.detail
            when lines.orders_found > 1
                then format(
                    'ambiguous: %%s orders have the %%s %%s', lines.orders_found, lines.reference_kind, lines.order_reference
                )
            when lines.order_id is null
                then
                    coalesce(
                        'no order is found by reference ' || quote_literal(lines.order_reference), 'no order reference is given'
                    )
            when orders.is_cancelled and not lines.is_cancellation_released
                then format('order %%s is cancelled', orders.order_identifier)
            when not (orders.is_confirmed or lines.is_status_released)
                then format(
                    'order %%s is %%s', orders.order_identifier, coalesce(orders.internal_status, 'without an internal status')
                )
            when not (orders.is_dispatched or lines.is_status_released)
                then format(
                    'order %%s is %%s', orders.order_identifier,
                    coalesce(orders.shipping_status, orders.internal_status, 'without a shipping status')
                )
            when lines.currency is not null and lines.currency <> orders.currency
                then format('the return is in %%s, order %%s in %%s', lines.currency, orders.order_identifier, orders.currency)
            when overdrawn.order_id is not null
                then format('the discounts of order %%s make a line of it worth less than nothing', orders.order_identifier)
            else explained.detail
        end as gate_detail
    from lines
    left join intermediate.int_orders as orders on lines.order_id = orders.order_id
    left join intermediate.int_orders_explained as explained on lines.order_id = explained.order_id
    left join overdrawn on lines.order_id = overdrawn.order_id
    left join ledger.orders as kept on lines.order_id = kept.order_id
),

-- What a hold becomes once it is given up.
given_up_reasons (hold_reason, quarantine_reason) as (
    values ('unknown_order', 'unknown_order'), ('not_confirmed', 'dispatch_timeout'), ('not_dispatched', 'dispatch_timeout')
),

holding as (
    select
        gated.line_number,
        given_up_reasons.quarantine_reason,
        coalesce(holds.held_since, %(decided_at)s) as held_since,
        coalesce(
            holds.held_since + make_interval(days => policy.give_up_after_days) <= %(decided_at)s
            or quarantine.subject is not null,
            false
        ) as is_given_up
    from gated
    inner join given_up_reasons on gated.gate_verdict = given_up_reasons.hold_reason
    left join ledger.holds as holds on gated.subject = holds.subject and holds.resolved_at is null
    left join ledger.quarantine as quarantine
        on
            gated.subject = quarantine.subject
            and given_up_reasons.quarantine_reason = quarantine.reason
            and quarantine.resolved_at is null
            and holds.subject is null
    cross join intermediate.int_policy as policy
)

select
    gated.line_number,
    gated.return_id,
    gated.position,
    gated.return_line_key,
    gated.subject,
    gated.order_reference,
    gated.order_reference_key,
    gated.registered_at,
    gated.sku,
    gated.sku_key,
    gated.unit_code,
    gated.disposition,
    gated.reason_code,
    gated.announced_quantity,
    gated.received_quantity,
    gated.credited_before_quantity,
    gated.claimed_before_quantity,
    gated.taken_out_quantity,
    gated.open_quantity,
    gated.order_id,
    gated.order_identifier,
    gated.digits,
    holding.held_since,
    case
        when gated.gate_verdict is null then null
        when gated.gate_verdict in ('nothing_received', 'settled_before') then 'none'
        when gated.gate_verdict in ('waiting', 'withdrawn') then gated.gate_verdict
        when holding.line_number is not null and not holding.is_given_up then 'held'
        else 'quarantined'
    end as destination,
    case
        when holding.is_given_up then holding.quarantine_reason
        when gated.gate_verdict = 'ambiguous_order' then 'unknown_order'
        else gated.gate_verdict
    end as verdict,
    case when gated.gate_verdict is not null then gated.gate_detail end as detail
from gated
left join holding on gated.line_number = holding.line_number
