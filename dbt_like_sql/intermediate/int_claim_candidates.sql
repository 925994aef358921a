/*
Which items of its order each return line may claim, and in which sequence (docs/rules.md, Match): tier 1 lines with the SKU,
2 lines with its alias, 3 kit components with the SKU, 4 with its alias. A kit line stands for whole kits
(order_item_id is null), unless a component of it has no SKU, so that nobody could say what goes back on the shelf.
returned_rate and ordered_rate are how many primary units of the product a unit of the return line and of the order line is.

materialized: table
grain: line_number, order_line_id, order_item_id_or_kit
owner: ops
*/
with

lines as (
    select
        lines.line_number,
        lines.order_id,
        lines.sku_key,
        lines.unit_code,
        -- What a person took out of the line need not fit.
        lines.received_quantity - lines.taken_out_quantity as quantity_to_fit
    from intermediate.int_return_lines_gated as lines
    where lines.destination is null
),

coded as (
    select
        lines.*,
        lines.sku_key as matched_key,
        false as is_alias
    from lines
    union all
    select
        lines.*,
        aliases.sku_key as matched_key,
        true as is_alias
    from lines
    inner join reference.sku_aliases as aliases on lines.sku_key = aliases.alias_key
),

found as (
    select
        coded.line_number,
        coded.quantity_to_fit,
        coded.unit_code as received_unit_code,
        coded.order_id,
        case when coded.is_alias then 2 else 1 end as tier,
        items.order_line_id,
        case when items.kit_item_line_id is null then items.order_item_id end as order_item_id,
        items.line_unit_code as unit_code,
        items.line_net_amount as net_amount,
        items.line_quantity as quantity,
        items.kit_item_line_id is not null as is_kit,
        case when items.kit_item_line_id is null then items.unit_precision end as unit_precision,
        items.line_product_id as product_id,
        0 as component_position
    from coded
    inner join intermediate.int_order_items as items
        on coded.order_id = items.order_id and coded.matched_key = items.line_sku_key
    where
        items.kit_item_line_id is null
        or not exists (
            select from intermediate.int_order_items as nameless
            where
                nameless.order_id = items.order_id
                and nameless.order_line_id = items.order_line_id
                and nameless.sku is null
        )
    union all
    select
        coded.line_number,
        coded.quantity_to_fit,
        coded.unit_code as received_unit_code,
        coded.order_id,
        case when coded.is_alias then 4 else 3 end as tier,
        items.order_line_id,
        items.order_item_id,
        items.unit_code,
        items.net_amount,
        items.quantity,
        false as is_kit,
        items.unit_precision,
        items.product_id,
        items.position as component_position
    from coded
    inner join intermediate.int_order_items as items
        on coded.order_id = items.order_id and coded.matched_key = items.sku_key
    where items.kit_item_line_id is not null
),

-- Materialized, because the planner takes them for a few and would look up each of their units.
candidates as materialized (
    select distinct on (found.line_number, found.order_line_id, coalesce(found.order_item_id, '')) found.*
    from found
    order by found.line_number, found.order_line_id, coalesce(found.order_item_id, ''), found.tier
),

counted as (
    select
        candidates.*,
        coalesce(
            candidates.received_unit_code is null
            or candidates.received_unit_code = candidates.unit_code
            or (exact_units.product_id is null and lower(candidates.received_unit_code) = lower(candidates.unit_code)),
            false
        ) as is_same_unit,
        coalesce(exact_units.conversion_rate, alike_units.conversion_rate) as returned_conversion_rate
    from candidates
    -- Most lines name no unit: with an `offset 0` nothing is looked up for them.
    left join lateral (
        select
            units.product_id,
            units.conversion_rate
        from staging.stg_oro__product_units as units
        where
            candidates.received_unit_code is not null
            and units.product_id = candidates.product_id
            and units.unit_code = candidates.received_unit_code
        offset 0  -- noqa: AM09
    ) as exact_units on true
    left join lateral (
        select units.conversion_rate
        from staging.stg_oro__product_units as units
        where
            candidates.received_unit_code is not null
            and exact_units.product_id is null
            and units.product_id = candidates.product_id
            and lower(units.unit_code) = lower(candidates.received_unit_code)
        order by units.unit_code
        limit 1
    ) as alike_units on true
),

converted as (
    select
        counted.*,
        case when counted.is_same_unit then 1 else counted.returned_conversion_rate end as returned_rate,
        case
            when counted.is_same_unit then 1
            else (
                select units.conversion_rate
                from staging.stg_oro__product_units as units
                where units.product_id = counted.product_id and units.unit_code = counted.unit_code
            )
        end as ordered_rate
    from counted
)

select
    converted.line_number,
    converted.order_id,
    converted.order_line_id,
    converted.order_item_id,
    coalesce(converted.order_item_id, 'kit') as order_item_id_or_kit,
    converted.is_kit,
    converted.tier,
    row_number() over (
        partition by converted.line_number
        order by
            converted.tier,
            case
                when policy.duplicate_sku <> 'cheapest_first' then 0
                -- For what came back: a kilogram for a kilogram, whatever the order lines count in.
                when converted.returned_rate > 0 and converted.ordered_rate > 0
                    then
                        round(
                            converted.net_amount * converted.returned_rate * 1.000000000000000000000000000000
                            / (converted.quantity * converted.ordered_rate),
                            20
                        )
                else round(converted.net_amount * 1.000000000000000000000000000000 / converted.quantity, 20)
            end,
            length(converted.order_line_id),
            converted.order_line_id,
            converted.component_position
    ) as preference,
    case when converted.is_kit then 0 else converted.unit_precision end as unit_precision,
    converted.ordered_rate,
    converted.returned_rate,
    coalesce(
        converted.returned_rate > 0 and converted.ordered_rate > 0
        and (
            not converted.is_kit
            or mod(converted.quantity_to_fit * converted.returned_rate, converted.ordered_rate) = 0
        )
        and (
            converted.unit_precision is null
            or mod(
                converted.quantity_to_fit * converted.returned_rate * ('1e' || converted.unit_precision)::numeric,
                converted.ordered_rate
            ) = 0
        ),
        false
    ) as fits_unit
from converted
cross join intermediate.int_policy as policy
