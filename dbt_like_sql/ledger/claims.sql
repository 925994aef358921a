/*
Units of order items claimed by return lines (docs/rules.md, Clip). Each round allocates one step of every group: what the
lines of its island still want, laid end to end, against what the candidates of the tier still have, laid end to end.
What is laid out is counted in the unit of the order line, and never in parts of a unit that cannot be divided.

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

candidates as (
    select candidates.* from intermediate.int_claim_step_candidates as candidates
    where candidates.step = %(round)s
),

-- Claims are laid end to end, so the last one of an item tells how far they reach.
items as (
    select
        items.item_number,
        items.order_id,
        items.order_item_id,
        items.order_line_id,
        items.position,
        items.quantity,
        items.quantity_per_kit,
        coalesce(claimed.upto, 0) as claimed_quantity
    from ledger.order_items as items
    left join lateral (
        select upper(claims.units) as upto
        from ledger.claims as claims
        where claims.item_number = items.item_number
        order by lower(claims.units) desc
        limit 1
    ) as claimed on true
    where (items.order_id, items.order_line_id) in (
        select
            candidates.order_id,
            candidates.order_line_id
        from candidates
    )
),

whole_kits as (
    select
        items.order_id,
        items.order_line_id,
        greatest(min(div(items.quantity - items.claimed_quantity, items.quantity_per_kit)), 0) as available
    from items
    where items.quantity_per_kit is not null
    group by items.order_id, items.order_line_id
),

supplies as (
    select
        candidates.*,
        case
            when candidates.unit_precision is null then items.quantity - items.claimed_quantity
            else trunc(items.quantity - items.claimed_quantity, candidates.unit_precision)
        end as available
    from candidates
    inner join items on candidates.order_id = items.order_id and candidates.order_item_id = items.order_item_id
    where not candidates.is_kit
    union all
    select
        candidates.*,
        whole_kits.available
    from candidates
    inner join whole_kits
        on candidates.order_id = whole_kits.order_id and candidates.order_line_id = whole_kits.order_line_id
    where candidates.is_kit
),

supply_intervals as (
    select
        supplies.*,
        sum(supplies.available) over upto - supplies.available as supply_from,
        sum(supplies.available) over upto as supply_to
    from supplies
    window upto as (partition by supplies.group_number order by supplies.preference)
),

-- A third of a box has no last digit: what was received is counted to six. So up to a hundred-thousandth of a returned unit
-- is none: nothing is left behind for it, on the return or on the order, nor is a unit cut for it that cannot be divided.
wanted as (
    select
        lines.*,
        steps.unit_precision,
        steps.ordered_rate,
        steps.returned_rate,
        case
            when steps.ordered_rate = steps.returned_rate and steps.unit_precision is not null then 0
            else ledger.negligible_units()
        end as negligible_units,
        lines.claimable_quantity - coalesce(claimed.received_units, 0) as wanted_quantity
    from steps
    inner join intermediate.int_claim_lines as lines on steps.group_number = lines.group_number and steps.island = lines.island
    cross join lateral (
        select sum(claims.received_units) as received_units
        from ledger.claims as claims
        where claims.return_id = lines.return_id and claims.return_line_key = lines.return_line_key
    ) as claimed
),

demands as (
    select
        wanted.*,
        case
            when wanted.ordered_rate = wanted.returned_rate and wanted.unit_precision is null then wanted.wanted_quantity
            -- What was converted before, for other order lines or in an earlier decision, may leave a millionth too little.
            when
                wanted.ordered_rate = wanted.returned_rate
                and abs(round(wanted.wanted_quantity, wanted.unit_precision) - wanted.wanted_quantity)
                <= ledger.negligible_units()
                then round(wanted.wanted_quantity, wanted.unit_precision)
            when wanted.ordered_rate = wanted.returned_rate then trunc(wanted.wanted_quantity, wanted.unit_precision)
            when wanted.unit_precision is null
                then round(wanted.wanted_quantity * wanted.returned_rate / wanted.ordered_rate, 10)
            else trunc(
                (wanted.wanted_quantity + wanted.negligible_units) * wanted.returned_rate / wanted.ordered_rate,
                wanted.unit_precision
            )
        end as demanded
    from wanted
),

demand_intervals as (
    select
        demands.*,
        sum(demands.demanded) over upto - demands.demanded as demand_from,
        sum(demands.demanded) over upto as demand_to
    from demands
    -- What is none takes no place among the others.
    where demands.demanded * demands.ordered_rate / demands.returned_rate > demands.negligible_units
    window upto as (partition by demands.group_number order by demands.line_number)
),

taken as (
    select
        demand_intervals.line_number,
        demand_intervals.return_id,
        demand_intervals.return_line_key,
        demand_intervals.registered_at,
        demand_intervals.order_reference_key,
        demand_intervals.sku_key as received_sku_key,
        demand_intervals.unit_code as received_unit_code,
        demand_intervals.credit_note_number,
        demand_intervals.ordered_rate,
        demand_intervals.returned_rate,
        demand_intervals.negligible_units,
        demand_intervals.wanted_quantity,
        demand_intervals.demanded,
        greatest(demand_intervals.demand_from, supply_intervals.supply_from) - demand_intervals.demand_from as part_from,
        least(demand_intervals.demand_to, supply_intervals.supply_to) - demand_intervals.demand_from as part_to,
        supply_intervals.group_number,
        supply_intervals.preference,
        supply_intervals.order_id,
        supply_intervals.order_line_id,
        supply_intervals.order_item_id,
        supply_intervals.is_kit,
        supply_intervals.unit_precision,
        supply_intervals.available,
        greatest(demand_intervals.demand_from, supply_intervals.supply_from) - supply_intervals.supply_from as taken_from,
        least(demand_intervals.demand_to, supply_intervals.supply_to) - supply_intervals.supply_from as taken_to
    from demand_intervals
    inner join supply_intervals
        on
            demand_intervals.group_number = supply_intervals.group_number
            and demand_intervals.demand_from < supply_intervals.supply_to
            and demand_intervals.demand_to > supply_intervals.supply_from
    where supply_intervals.available > 0
),

measured as (
    select
        taken.*,
        case
            when
                taken.unit_precision is null
                and (taken.available - taken.taken_to) * taken.ordered_rate / taken.returned_rate <= taken.negligible_units
                then taken.available
            else taken.taken_to
        end as rounded_to,
        case
            when
                (taken.demanded - taken.part_to) * taken.ordered_rate / taken.returned_rate <= taken.negligible_units
                and abs(taken.demanded * taken.ordered_rate / taken.returned_rate - taken.wanted_quantity)
                <= ledger.negligible_units()
                then taken.wanted_quantity
            when taken.ordered_rate = taken.returned_rate then taken.part_to
            else round(taken.part_to * taken.ordered_rate / taken.returned_rate, 6)
        end as received_to
    from taken
    where (taken.taken_to - taken.taken_from) * taken.ordered_rate / taken.returned_rate > taken.negligible_units
),

counted as (
    select
        measured.order_id,
        measured.order_line_id,
        measured.order_item_id,
        measured.is_kit,
        measured.line_number,
        measured.return_id,
        measured.return_line_key,
        measured.registered_at,
        measured.order_reference_key,
        measured.received_sku_key,
        measured.received_unit_code,
        measured.credit_note_number,
        -- A part that is none is skipped, and what follows begins where the one before ends.
        lag(measured.rounded_to, 1, 0::numeric) over supply as taken_from,
        measured.rounded_to as taken_to,
        measured.received_to - lag(measured.received_to, 1, 0::numeric) over parts as received_units
    from measured
    window
        parts as (partition by measured.line_number order by measured.part_from),
        supply as (partition by measured.group_number, measured.preference order by measured.taken_from)
)

select
    items.item_number,
    counted.order_id,
    items.order_item_id,
    numrange(items.claimed_quantity + counted.taken_from, items.claimed_quantity + counted.taken_to) as units,
    items.quantity as ordered_quantity,
    counted.return_id,
    counted.return_line_key,
    counted.registered_at,
    counted.order_reference_key,
    counted.received_sku_key,
    counted.received_unit_code,
    counted.received_units,
    counted.credit_note_number,
    false as is_whole_kit,
    %(decision_id)s as decision_id,
    counted.line_number
from counted
inner join items on counted.order_id = items.order_id and counted.order_item_id = items.order_item_id
where not counted.is_kit
union all
select
    items.item_number,
    counted.order_id,
    items.order_item_id,
    numrange(
        items.claimed_quantity + counted.taken_from * items.quantity_per_kit,
        items.claimed_quantity + counted.taken_to * items.quantity_per_kit
    ) as units,
    items.quantity as ordered_quantity,
    counted.return_id,
    counted.return_line_key,
    counted.registered_at,
    counted.order_reference_key,
    counted.received_sku_key,
    counted.received_unit_code,
    case
        when
            items.position
            = min(items.position) over (
                partition by items.order_id, items.order_line_id, counted.line_number
            )
            then counted.received_units
        else 0
    end as received_units,
    counted.credit_note_number,
    true as is_whole_kit,
    %(decision_id)s as decision_id,
    counted.line_number
from counted
inner join items on counted.order_id = items.order_id and counted.order_line_id = items.order_line_id
where counted.is_kit
