/*
How the figures of an order hang together (docs/rules.md, Price): rows, manual discounts, promotions, shipping and its discount,
and the tax that was charged, which is what the total leaves over. Every number of digits and both readings of the
promotions are tried in sequence; the first that explains the order is kept. Orders kept in the ledger are not explained again.

materialized: table
grain: order_id
owner: finance
columns:
    untold_tax_amount: the tax that is spread by value over the lines that do not tell theirs, while others do
    untold_value: what those lines are worth after their promotions
*/
with

at_hand as (
    select orders.order_id
    from intermediate.int_orders as orders
    where
        not orders.is_kept
        and (orders.is_released or (orders.is_confirmed and orders.is_dispatched and not orders.is_cancelled))
),

-- Of the orders at hand alone: a left join would have them summed for all orders that ever landed.
taxes as (
    select
        taxes.order_id,
        sum(taxes.shipping_tax_amount) as shipping_tax_amount
    from at_hand
    inner join staging.stg_oro__order_taxes as taxes on at_hand.order_id = taxes.order_id
    group by taxes.order_id
),

orders as (
    select
        orders.*,
        case when orders.has_subtotals then coalesce(taxes.shipping_tax_amount, 0) end as shipping_tax_amount_by_subtotals,
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

-- `offset 0` keeps what is above from being worked out again for each use, without writing it down: here once a line and not
-- once a sum.
lines as (
    select
        lines.order_id,
        lines.quantity * lines.unit_price as amount,
        lines.promotion_amount,
        lines.row_total_including_tax as including_tax,
        lines.row_total_excluding_tax as excluding_tax,
        lines.row_total_excluding_tax = 0 as is_cut,
        lines.row_tax,
        lines.currency,
        orders.currency as order_currency
    from orders
    inner join staging.stg_oro__order_lines as lines on orders.order_id = lines.order_id
    offset 0  -- noqa: AM09
),

-- Sums over the lines at every number of digits that may be tried: 0, 2, 3, 4, in this place of the arrays.
line_sums as (
    select
        lines.order_id,
        count(*) as line_count,
        array[
            sum(round(lines.amount, 0)),
            sum(round(lines.amount, 2)),
            sum(round(lines.amount, 3)),
            sum(round(lines.amount, 4))
        ] as rows_amounts,
        array[
            sum(round(lines.promotion_amount, 0)),
            sum(round(lines.promotion_amount, 2)),
            sum(round(lines.promotion_amount, 3)),
            sum(round(lines.promotion_amount, 4))
        ] as line_promotion_amounts,
        sum(lines.including_tax) as including_tax,
        sum(lines.excluding_tax) as excluding_tax,
        sum(coalesce(lines.row_tax, lines.including_tax - lines.excluding_tax)) as row_tax,
        coalesce(
            bool_and(lines.row_tax is null and lines.including_tax = 0) filter (
                where lines.amount - lines.promotion_amount > 0
            ),
            false
        ) as is_without_row_totals,
        -- No promotion, so nothing was taken off twice: row totals of 0 are none.
        coalesce(bool_or(lines.promotion_amount = 0) filter (where lines.row_tax is null), false) as lacks_row_totals,
        coalesce(sum(lines.amount) filter (where lines.is_cut and lines.including_tax = 0), 0) as unseen_amount,
        coalesce(
            sum(lines.promotion_amount) filter (where lines.is_cut and lines.including_tax = 0), 0
        ) as unseen_promotion_amount,
        coalesce(sum(lines.amount) filter (where lines.is_cut and lines.including_tax > 0), 0) as half_seen_amount,
        coalesce(
            sum(lines.amount - 2 * lines.promotion_amount) filter (where lines.is_cut and lines.including_tax > 0), 0
        ) as half_seen_twice_off,
        coalesce(sum(lines.amount - lines.promotion_amount) filter (where lines.row_tax is null), 0) as untold_value,
        coalesce(sum(lines.including_tax - lines.excluding_tax) filter (where lines.row_tax is null), 0) as untold_row_tax,
        -- A total that is cut off at 0 lacks what went below it, at most.
        coalesce(
            sum(
                case
                    when lines.including_tax > 0 then greatest(2 * lines.promotion_amount - lines.amount, 0)
                    else lines.amount - lines.promotion_amount
                end
            ) filter (where lines.row_tax is null),
            0
        ) as cut_off_amount,
        bool_or(lines.currency is distinct from lines.order_currency and lines.currency is not null) as has_other_currency,
        max(greatest(
            scale(trim_scale(lines.including_tax)),
            scale(trim_scale(lines.excluding_tax)),
            scale(trim_scale(lines.promotion_amount))
        )) as row_digits,
        max(scale(trim_scale(lines.amount))) as value_digits
    from lines
    group by lines.order_id
),

-- Here once an order and not once an attempt.
summed as (
    select
        orders.*,
        line_sums.line_count,
        line_sums.rows_amounts,
        line_sums.line_promotion_amounts,
        line_sums.including_tax,
        line_sums.excluding_tax,
        line_sums.row_tax,
        line_sums.is_without_row_totals,
        line_sums.unseen_amount,
        line_sums.unseen_promotion_amount,
        coalesce(line_sums.unseen_amount / nullif(orders.subtotal_amount, 0), 0) as unseen_share,
        line_sums.half_seen_twice_off,
        coalesce(line_sums.half_seen_amount / nullif(orders.subtotal_amount, 0), 0) as half_seen_share,
        case
            when line_sums.is_without_row_totals and line_sums.lacks_row_totals then 0 else line_sums.untold_value
        end as untold_value,
        line_sums.untold_row_tax,
        line_sums.cut_off_amount,
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
    -- that is the same as the first, and more digits than any figure has, which could explain less but never more. (Where
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
            or summed.untold_value > 0
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
        round(attempts.row_tax, attempts.digits) as rows_tax,
        least(
            abs(attempts.excluding_tax - worth.on_lines),
            abs(attempts.excluding_tax - worth.on_all),
            abs(attempts.excluding_tax - worth.on_lines_twice)
        ) as off_excluding_tax,
        least(
            abs(attempts.including_tax - worth.on_lines),
            abs(attempts.including_tax - worth.on_all),
            abs(attempts.including_tax - worth.on_lines_twice)
        ) as off_including_tax
    from attempts
    -- Of the rows that show a total. An order promotion lies on all rows alike.
    cross join
        lateral (
            values
            (
                attempts.subtotal_amount - attempts.unseen_amount,
                attempts.line_promotion_amount - attempts.unseen_promotion_amount,
                attempts.promotions - attempts.line_promotion_amount
            )
        ) as seen (amount, promotion_amount, order_promotion)
    -- Nothing shows that is below 0, as can be where line promotions are off twice.
    cross join
        lateral (
            values
            (
                seen.amount - seen.promotion_amount,
                seen.amount - seen.promotion_amount - seen.order_promotion * (1 - attempts.unseen_share),
                seen.amount - 2 * seen.promotion_amount - seen.order_promotion * (1 - attempts.unseen_share)
                - least(attempts.half_seen_twice_off - seen.order_promotion * attempts.half_seen_share, 0)
            )
        ) as worth (on_lines, on_all, on_lines_twice)
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
        -- More than odd cents of what lines are worth, after order promotions too, has a tax that they do not tell. Where prices
        -- do not include tax and no order promotion is about, a total without tax may also be 0 and not cut off.
        charged.untold_value > 0
        and case
            when charged.prices_include_tax or abs(charged.promotions - charged.line_promotion_amount) > charged.tolerance
                then charged.untold_value
            else charged.cut_off_amount
        end * (charged.subtotal_amount - charged.promotions)
        > charged.tolerance * (charged.subtotal_amount - charged.line_promotion_amount) as is_untold,
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
            as is_without_tax,
        case
            when rests.shipping_tax_by_subtotals is not null
                then least(abs(rests.rest - rests.shipping_tax_by_subtotals), abs(rests.rest)) <= rests.tolerance
            when abs(rests.rest) <= rests.tolerance then true
            else rests.rest > 0 and rests.rest <= rests.most_shipping_tax
        end as adds_up,
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

-- The total does not show tax that prices include, and what nobody says to be shipping's may be that of a line.
weighed as (
    select
        judged.*,
        judged.is_without_tax
        or (
            judged.is_untold
            and case
                when judged.prices_include_tax then judged.adds_up
                else judged.rest > judged.tolerance and (judged.shipping_tax_by_subtotals is null or not judged.adds_up)
            end
        ) as is_tax_unresolvable
    from judged
),

-- tax.without_rows: by_value explains the order by spreading by value all that is not shipping's own tax, nor told by a line.
resolved as (
    select
        weighed.*,
        weighed.adds_up and not weighed.is_tax_unresolvable as is_explained,
        weighed.is_tax_unresolvable and weighed.tax_without_rows = 'by_value' as is_by_value
    from weighed
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

preferred as (
    select
        ranked.*,
        case
            when not ranked.is_by_value or ranked.prices_include_tax then ranked.shipping_tax_on_top
            when ranked.rest >= ranked.shipping_tax_by_subtotals then ranked.shipping_tax_by_subtotals
            else 0
        end as shipping_tax_charged,
        case
            when not ranked.is_by_value or ranked.prices_include_tax then ranked.shipping_tax_included
            when ranked.rest < ranked.shipping_tax_by_subtotals then ranked.shipping_tax_by_subtotals
            else 0
        end as shipping_tax_inside,
        ranked.is_by_value and not ranked.is_without_row_totals as is_told_in_part,
        ranked.rows_tax - round(ranked.untold_row_tax, ranked.digits) as told_tax
    from ranked
    where ranked.preference = 1
),

-- What was charged beyond the tax that lines tell is that of the others. Where prices include it nothing says how much it is:
-- it is taken to be as much of their value as with the lines that tell it, and no less than they show.
shared as (
    select
        preferred.*,
        case
            when not preferred.is_told_in_part then null
            when not preferred.prices_include_tax
                then preferred.tax_charged - preferred.shipping_tax_charged - preferred.told_tax
            else
                round(
                    greatest(
                        preferred.told_tax * preferred.untold_value
                        / nullif(preferred.subtotal_amount - preferred.line_promotion_amount - preferred.untold_value, 0),
                        preferred.untold_row_tax
                    ),
                    preferred.digits
                )
        end as untold_tax_amount
    from preferred
),

kept as (
    select
        shared.*,
        case
            when not shared.prices_include_tax then 0
            when shared.is_told_in_part then shared.told_tax + shared.untold_tax_amount
            else shared.rows_tax
        end as goods_tax_inside
    from shared
)

select
    orders.order_id,
    kept.digits,
    kept.reading as promotion_reading,
    kept.prices_include_tax,
    kept.tolerance,
    round(kept.manual_discount_amount + kept.promotions - kept.line_promotion_amount, kept.digits) as order_discount_amount,
    kept.goods_tax_inside,
    kept.untold_tax_amount,
    case when kept.is_told_in_part then kept.untold_value end as untold_value,
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
        when kept.is_tax_unresolvable and kept.is_untold
            then format(
                'lines worth %%s after their promotions do not say how much of it, or on it, is tax',
                trim_scale(kept.untold_value)
            )
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
