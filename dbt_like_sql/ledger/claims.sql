/*
Units of order items claimed by return lines (docs/rules.md, Clip). Each round allocates one step of every group: what the
lines of its island still want, laid end to end, against what the candidates of the tier still have, laid end to end.
A line that counts in another unit than the order is compared in units of the product's conversion rate.

materialized: append
repeat: round
rounds: select max(steps.step) from intermediate.int_claim_steps as steps
grain: order_id, order_item_id, units
owner: finance
*/
with

steps as (
    select steps.* from intermediate.int_claim_steps as steps
    where steps.step = %(round)s
),

claimed_by_lines as (
    select
        claims.return_id,
        claims.return_line_key,
        sum(claims.received_units) as received_units
    from ledger.claims as claims
    where claims.decision_id = %(decision_id)s
    group by claims.return_id, claims.return_line_key
),

claimed_of_items as (
    select
        claims.order_id,
        claims.order_item_id,
        max(upper(claims.units)) as claimed_quantity
    from ledger.claims as claims
    where claims.decision_id = %(decision_id)s
    group by claims.order_id, claims.order_item_id
),

items as (
    select
        items.order_id,
        items.order_item_id,
        items.order_line_id,
        items.position,
        items.quantity,
        items.quantity_per_kit,
        coalesce(claimed_of_items.claimed_quantity, items.claimed_quantity) as claimed_quantity
    from intermediate.int_order_items as items
    left join claimed_of_items
        on items.order_id = claimed_of_items.order_id and items.order_item_id = claimed_of_items.order_item_id
),

candidates as (
    select
        steps.group_key,
        candidates.order_id,
        candidates.order_line_id,
        candidates.order_item_id,
        candidates.is_kit,
        candidates.preference,
        candidates.ordered_rate,
        candidates.returned_rate
    from steps
    inner join intermediate.int_claim_candidates as candidates
        on
            steps.candidates_return_id = candidates.return_id
            and steps.candidates_return_line_key = candidates.return_line_key
            and steps.tier = candidates.tier
            and candidates.fits_unit
),

whole_kits as (
    select
        items.order_id,
        items.order_line_id,
        greatest(min(trunc((items.quantity - items.claimed_quantity) / items.quantity_per_kit)), 0) as available_ordered
    from items
    where items.quantity_per_kit is not null
    group by items.order_id, items.order_line_id
),

-- Available in the units in which the return lines count.
supplies as (
    select
        candidates.*,
        items.quantity - items.claimed_quantity as available_ordered
    from candidates
    inner join items on candidates.order_id = items.order_id and candidates.order_item_id = items.order_item_id
    where not candidates.is_kit
    union all
    select
        candidates.*,
        whole_kits.available_ordered
    from candidates
    inner join whole_kits
        on candidates.order_id = whole_kits.order_id and candidates.order_line_id = whole_kits.order_line_id
    where candidates.is_kit
),

available as (
    select
        supplies.*,
        case
            when supplies.ordered_rate = supplies.returned_rate then supplies.available_ordered
            else supplies.available_ordered * supplies.ordered_rate * 1.000000000000000000000000000000 / supplies.returned_rate
        end as available
    from supplies
),

supply_intervals as (
    select
        available.*,
        sum(available.available) over upto - available.available as supply_from,
        sum(available.available) over upto as supply_to
    from available
    window upto as (partition by available.group_key order by available.preference)
),

demands as (
    select
        lines.*,
        wanted.quantity as demanded
    from steps
    inner join intermediate.int_claim_lines as lines on steps.group_key = lines.group_key and steps.island = lines.island
    left join claimed_by_lines
        on lines.return_id = claimed_by_lines.return_id and lines.return_line_key = claimed_by_lines.return_line_key
    cross join
        lateral (  -- noqa: ST05
            select lines.open_quantity - coalesce(claimed_by_lines.received_units, 0) as quantity
        ) as wanted
),

demand_intervals as (
    select
        demands.*,
        sum(demands.demanded) over upto - demands.demanded as demand_from,
        sum(demands.demanded) over upto as demand_to
    from demands
    window upto as (partition by demands.group_key order by demands.claim_order)
),

allocated as (
    select
        demand_intervals.return_id,
        demand_intervals.return_line_key,
        demand_intervals.registered_at,
        demand_intervals.credit_note_number,
        supply_intervals.order_id,
        supply_intervals.order_line_id,
        supply_intervals.order_item_id,
        supply_intervals.is_kit,
        supply_intervals.returned_rate / supply_intervals.ordered_rate as ordered_per_returned,
        greatest(demand_intervals.demand_from, supply_intervals.supply_from) - supply_intervals.supply_from as taken_from,
        least(demand_intervals.demand_to, supply_intervals.supply_to) - supply_intervals.supply_from as taken_to
    from demand_intervals
    inner join supply_intervals
        on
            demand_intervals.group_key = supply_intervals.group_key
            and demand_intervals.demand_from < supply_intervals.supply_to
            and demand_intervals.demand_to > supply_intervals.supply_from
    where demand_intervals.demanded > 0 and supply_intervals.available > 0
),

-- Ten digits are what Oro stores of a quantity; rounding to them takes back what a conversion by thirds left over.
taken as (
    select
        allocated.*,
        trim_scale(round(allocated.taken_from * allocated.ordered_per_returned, 10)) as ordered_from,
        trim_scale(round(allocated.taken_to * allocated.ordered_per_returned, 10)) as ordered_to,
        trim_scale(round(allocated.taken_to - allocated.taken_from, 10)) as received_units
    from allocated
)

select
    taken.order_id,
    items.order_item_id,
    numrange(items.claimed_quantity + taken.ordered_from, items.claimed_quantity + taken.ordered_to) as units,
    items.quantity as ordered_quantity,
    taken.return_id,
    taken.return_line_key,
    taken.registered_at,
    taken.received_units,
    taken.credit_note_number,
    false as is_whole_kit,
    %(decision_id)s as decision_id
from taken
inner join items on taken.order_id = items.order_id and taken.order_item_id = items.order_item_id
where not taken.is_kit
union all
select
    taken.order_id,
    items.order_item_id,
    numrange(
        items.claimed_quantity + taken.ordered_from * items.quantity_per_kit,
        items.claimed_quantity + taken.ordered_to * items.quantity_per_kit
    ) as units,
    items.quantity as ordered_quantity,
    taken.return_id,
    taken.return_line_key,
    taken.registered_at,
    case
        when
            items.position
            = min(items.position) over (
                partition by items.order_id, items.order_line_id, taken.return_id, taken.return_line_key
            )
            then taken.received_units
        else 0
    end as received_units,
    taken.credit_note_number,
    true as is_whole_kit,
    %(decision_id)s as decision_id
from taken
inner join items on taken.order_id = items.order_id and taken.order_line_id = items.order_line_id
where taken.is_kit
