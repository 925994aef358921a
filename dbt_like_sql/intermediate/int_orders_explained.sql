/*
How the figures of an order hang together (docs/rules.md, Price): rows, manual discounts, promotions, shipping and its discount,
and the tax that was charged, which is what the total leaves over. Every number of digits and both readings of the
promotions are tried in sequence; the first that explains the order is kept. Orders kept in the ledger are not explained again.

materialized: table
grain: order_id
owner: finance
*/
with

at_hand as (
    select orders.order_id
    from intermediate.int_orders as orders
    where
        not orders.is_kept
        and (orders.is_released or (orders.is_confirmed and orders.is_dispatched and not orders.is_cancelled))
),

-- Narrowed by themselves: a left join would have them summed for all orders that ever landed.
taxes as (
    select taxes.*
    from staging.stg_oro__order_taxes as taxes
    where taxes.order_id in (select at_hand.order_id from at_hand)
),

orders as (
    select
        orders.*,
        taxes.shipping_tax_amount as shipping_tax_amount_by_subtotals,
        greatest(
            scale(trim_scale(orders.subtotal_amount)),
            scale(trim_scale(orders.total_amount)),
            scale(trim_scale(orders.manual_discount_amount)),
            scale(trim_scale(orders.shipping_amount)),
            scale(trim_scale(orders.shipping_discount_amount)),
            scale(trim_scale(orders.promotion_amount)),
            scale(trim_scale(orders.promotion_amount_by_subtotals)),
            scale(trim_scale(taxes.shipping_tax_amount))
        ) as order_digits,
        coalesce(currencies.digits, 2) as currency_digits,
        scale(trim_scale(orders.subtotal_amount)) <= currencies.digits
        and scale(trim_scale(orders.total_amount)) <= currencies.digits
        and scale(trim_scale(orders.manual_discount_amount)) <= currencies.digits
        and scale(trim_scale(orders.shipping_amount)) <= currencies.digits as is_in_currency_digits
    from staging.stg_oro__orders as orders
    left join seeds.currencies as currencies on orders.currency = currencies.currency
    left join taxes on orders.order_id = taxes.order_id
    where orders.order_id in (select at_hand.order_id from at_hand)
),

-- Sums over the lines at every number of digits that may be tried: 0, 2, 3, 4, in this place of the arrays.
line_sums as (
    select
        lines.order_id,
        count(*) as line_count,
        array[
            sum(round(lines.quantity * lines.unit_price, 0)),
            sum(round(lines.quantity * lines.unit_price, 2)),
            sum(round(lines.quantity * lines.unit_price, 3)),
            sum(round(lines.quantity * lines.unit_price, 4))
        ] as rows_amounts,
        array[
            sum(round(lines.promotion_amount, 0)),
            sum(round(lines.promotion_amount, 2)),
            sum(round(lines.promotion_amount, 3)),
            sum(round(lines.promotion_amount, 4))
        ] as line_promotion_amounts,
        sum(lines.row_total_including_tax) as including_tax,
        sum(lines.row_total_excluding_tax) as excluding_tax,
        coalesce(
            bool_and(lines.row_total_including_tax = 0 and lines.row_total_excluding_tax = 0) filter (
                where lines.quantity * lines.unit_price - lines.promotion_amount > 0
            ),
            false
        ) as is_without_row_totals,
        bool_or(lines.currency is distinct from orders.currency and lines.currency is not null) as has_other_currency,
        max(greatest(
            scale(trim_scale(lines.row_total_including_tax)),
            scale(trim_scale(lines.row_total_excluding_tax)),
            scale(trim_scale(lines.promotion_amount))
        )) as row_digits,
        max(scale(trim_scale(lines.quantity * lines.unit_price))) as value_digits
    from orders
    inner join staging.stg_oro__order_lines as lines on orders.order_id = lines.order_id
    group by lines.order_id
),

-- `offset 0` keeps what is above from being worked out again for each use, without writing it down: here once an order
-- and not once an attempt.
summed as (
    select
        orders.*,
        line_sums.line_count,
        line_sums.rows_amounts,
        line_sums.line_promotion_amounts,
        line_sums.including_tax,
        line_sums.excluding_tax,
        line_sums.is_without_row_totals,
        line_sums.has_other_currency,
        line_sums.row_digits,
        line_sums.value_digits
    from orders
    inner join line_sums on orders.order_id = line_sums.order_id
    offset 0  -- noqa: AM09
),

attempts as (
    select
        summed.*,
        summed.rows_amounts[tries.place] as rows_amount,
        summed.line_promotion_amounts[tries.place] as line_promotion_amount,
        tries.digits,
        tries.attempt,
        readings.reading,
        0.5 * ('1e-' || tries.digits)::numeric * (summed.line_count + 2) as tolerance,
        round(
            case readings.reading when 1 then summed.promotion_amount else summed.promotion_amount_by_subtotals end,
            tries.digits
        ) as promotions
    from summed
    cross join
        lateral (
            values
            (1, summed.currency_digits, case summed.currency_digits when 0 then 1 else summed.currency_digits end),
            (2, 2, 2),
            (3, 3, 3),
            (4, 4, 4)
        ) as tries (attempt, digits, place)
    cross join (values (1), (2)) as readings (reading)
    -- What would only repeat an earlier attempt is left out: two digits where they are the currency's own, a second reading
    -- that is the same as the first, and more digits than any figure has, which could explain less but never more. (Where the
    -- row totals are missing, the narrower tolerance decides which verdict the order is given.)
    where
        case tries.attempt
            when 1 then summed.is_in_currency_digits and summed.row_digits <= summed.currency_digits
            else
                tries.digits <> summed.currency_digits
                or not coalesce(summed.is_in_currency_digits and summed.row_digits <= summed.currency_digits, false)
        end
        and (
            tries.attempt <= 2
            or summed.is_without_row_totals
            or greatest(summed.order_digits, summed.row_digits, summed.value_digits) > 2
        )
        and (
            readings.reading = 1
            or round(summed.promotion_amount_by_subtotals, tries.digits) <> round(summed.promotion_amount, tries.digits)
        )
),

figured as (
    select
        attempts.*,
        round(attempts.shipping_amount, attempts.digits) as shipping,
        round(attempts.shipping_discount_amount, attempts.digits) as shipping_discount,
        attempts.subtotal_amount - attempts.manual_discount_amount - attempts.promotions as goods_amount,
        round(attempts.including_tax - attempts.excluding_tax, attempts.digits) as rows_tax,
        least(
            abs(attempts.excluding_tax - (attempts.subtotal_amount - attempts.line_promotion_amount)),
            abs(attempts.excluding_tax - (attempts.subtotal_amount - attempts.promotions)),
            abs(attempts.excluding_tax - (attempts.subtotal_amount - attempts.promotions - attempts.line_promotion_amount))
        ) as off_excluding_tax,
        least(
            abs(attempts.including_tax - (attempts.subtotal_amount - attempts.line_promotion_amount)),
            abs(attempts.including_tax - (attempts.subtotal_amount - attempts.promotions)),
            abs(attempts.including_tax - (attempts.subtotal_amount - attempts.promotions - attempts.line_promotion_amount))
        ) as off_including_tax
    from attempts
    where
        attempts.rows_amount = attempts.subtotal_amount
        and scale(trim_scale(attempts.total_amount)) <= attempts.digits
        and scale(trim_scale(attempts.manual_discount_amount)) <= attempts.digits
    offset 0  -- noqa: AM09
),

-- Prices include tax, or not: whichever row totals are nearer to the goods' value. Where a discount is about as large as the
-- tax, both are as near as rounding goes, and the total tells which it is. (A tax that is no more than that makes no difference.)
sided as (
    select
        figured.*,
        sides.prices_include_tax,
        sides.is_nearer
    from figured
    cross join
        lateral (
            values
            (false, figured.off_excluding_tax, figured.off_excluding_tax <= figured.off_including_tax),
            (true, figured.off_including_tax, figured.off_including_tax < figured.off_excluding_tax)
        ) as sides (prices_include_tax, off, is_nearer)
    where sides.is_nearer or (sides.off <= figured.tolerance and abs(figured.rows_tax) > figured.tolerance)
),

-- These figures are used a dozen times, as are those of `figured` and `judged`.
charged as (
    select
        sided.*,
        sided.total_amount - sided.goods_amount - sided.shipping + sided.shipping_discount as tax_charged,
        case when sided.prices_include_tax then 0 else sided.rows_tax end as goods_tax_on_top,
        round(sided.shipping_tax_amount_by_subtotals, sided.digits) as shipping_tax_by_subtotals
    from sided
    offset 0  -- noqa: AM09
),

rests as (
    select
        charged.*,
        charged.tax_charged - charged.goods_tax_on_top as rest,
        policy.max_tax_rate * charged.shipping + charged.tolerance as most_shipping_tax,
        policy.tax_without_rows
    from charged
    cross join intermediate.int_policy as policy
),

judged as (
    select
        rests.*,
        rests.is_without_row_totals
        and rests.goods_amount > 0
        and rests.tax_charged > coalesce(rests.shipping_tax_by_subtotals + rests.tolerance, rests.most_shipping_tax)
            as is_tax_unresolvable,
        case
            when rests.shipping_tax_by_subtotals is not null
                then least(abs(rests.rest - rests.shipping_tax_by_subtotals), abs(rests.rest)) <= rests.tolerance
            when abs(rests.rest) <= rests.tolerance then true
            else rests.rest > 0 and rests.rest <= rests.most_shipping_tax
        end as is_explained,
        -- Shipping's tax that was charged on top, and the one that its price includes.
        case
            when rests.shipping_tax_by_subtotals is not null
                then
                    case
                        when abs(rests.rest - rests.shipping_tax_by_subtotals) <= abs(rests.rest)
                            then rests.shipping_tax_by_subtotals
                        else 0
                    end
            when abs(rests.rest) <= rests.tolerance then 0
            else rests.rest
        end as shipping_tax_on_top,
        case
            when abs(rests.rest - rests.shipping_tax_by_subtotals) > abs(rests.rest) then rests.shipping_tax_by_subtotals
            else 0
        end as shipping_tax_included
    from rests
    offset 0  -- noqa: AM09
),

-- tax.without_rows: by_value explains the order by spreading all that is not shipping's own tax by value.
resolved as (
    select
        judged.*,
        judged.is_tax_unresolvable and judged.tax_without_rows = 'by_value' as is_by_value
    from judged
),

ranked as (
    select
        resolved.*,
        row_number() over (
            partition by resolved.order_id
            order by
                not resolved.is_explained,
                not resolved.is_tax_unresolvable,
                resolved.attempt,
                resolved.reading,
                -- What needs no tax of shipping that nobody told of is the better explanation.
                resolved.shipping_tax_by_subtotals is null and resolved.shipping_tax_on_top <> 0,
                not resolved.is_nearer
        ) as preference
    from resolved
),

kept as (
    select
        ranked.*,
        case
            when ranked.is_by_value and not ranked.is_explained then coalesce(ranked.shipping_tax_by_subtotals, 0)
            else ranked.shipping_tax_on_top
        end as shipping_tax_charged,
        case
            when ranked.is_by_value and not ranked.is_explained then 0
            else ranked.shipping_tax_included
        end as shipping_tax_inside,
        case when ranked.prices_include_tax then ranked.rows_tax else 0 end as goods_tax_inside
    from ranked
    where ranked.preference = 1
)

select
    orders.order_id,
    kept.digits,
    kept.reading as promotion_reading,
    kept.prices_include_tax,
    kept.tolerance,
    round(kept.manual_discount_amount + kept.promotions - kept.line_promotion_amount, kept.digits) as order_discount_amount,
    kept.goods_tax_inside,
    round(kept.goods_tax_inside + kept.tax_charged - kept.shipping_tax_charged, kept.digits) as tax_amount,
    round(kept.goods_amount - kept.goods_tax_inside, kept.digits) as net_amount,
    round(kept.shipping - kept.shipping_discount - kept.shipping_tax_inside, kept.digits) as shipping_amount,
    round(kept.shipping_tax_charged + kept.shipping_tax_inside, kept.digits) as shipping_tax_amount,
    case
        when line_sums.has_other_currency then 'currency_mismatch'
        when kept.is_explained or kept.is_by_value then null
        when kept.is_tax_unresolvable then 'tax_unresolvable'
        else 'order_does_not_add_up'
    end as verdict,
    case
        when line_sums.has_other_currency then 'the order is in ' || orders.currency || ', a line of it is not'
        when kept.is_explained or kept.is_by_value then null
        when kept.is_tax_unresolvable
            then format('tax of %%s was charged, but no line says how much of it is its own', trim_scale(kept.tax_charged))
        when kept.order_id is null
            then format(
                'the lines do not sum to the subtotal %%s %%s', trim_scale(orders.subtotal_amount), orders.currency
            )
        else format(
            'goods %%s, shipping %%s and tax %%s do not explain the total %%s %%s',
            trim_scale(kept.goods_amount),
            trim_scale(kept.shipping - kept.shipping_discount),
            trim_scale(kept.goods_tax_on_top),
            trim_scale(orders.total_amount),
            orders.currency
        )
    end as detail
from orders
left join line_sums on orders.order_id = line_sums.order_id
left join kept on orders.order_id = kept.order_id
