/*
Units of the orders to offer that are on their way back or wait to be decided, by the item that they will use up: announced
units, or received ones where the hub has counted, without those that were credited, rejected by a person or withdrawn.
A whole kit uses up its components; an alias stands for its SKU where the order has nothing of the code itself.

materialized: table
step: offers
grain: order_id, sku_key, unit_or_none
owner: ops
columns:
    unit_or_none: unit in which the return counts; empty where it does not say
*/
with

listed as (
    select
        orders.order_id,
        lines.return_id,
        lines.sku_key,
        lower(lines.unit_code) as unit_key,
        lines.unit_code,
        lines.received_quantity - coalesce((
            select sum(decisions.quantity)
            from reference.operator_decisions as decisions
            where
                decisions.return_id = lines.return_id
                and landing.line_match_key(decisions.return_id, decisions.return_line_key)
                = landing.line_match_key(lines.return_id, lines.return_line_key)
                and reference.is_of_goods(decisions.sku_key, decisions.unit_code, lines.sku_key, lines.unit_code)
                and decisions.verdict = 'rejected'
                and decisions.takes_units
                and decisions.revoked_at is null
        ), 0) as quantity,
        row_number() over (partition by lines.return_id, lines.return_line_key order by lines.position) as occurrence
    from intermediate.int_orders_to_offer as orders
    inner join intermediate.int_offer_references as meant on orders.order_id = meant.order_id
    inner join staging.stg_rebound__returns as returns on meant.reference_key = returns.order_reference_key
    inner join staging.stg_rebound__return_lines as lines on returns.return_id = lines.return_id
    left join seeds.rebound_statuses as statuses on returns.status = statuses.status
    where lines.fault is null and lines.sku_key is not null and not coalesce(statuses.is_withdrawn, false)
),

returns_at_hand as (
    select distinct
        listed.order_id,
        listed.return_id
    from listed
),

-- What was credited counts where the line that was credited lists the same goods by another code or in another unit since.
recounted as (
    select
        listed.order_id,
        listed.return_id,
        listed.sku_key,
        coalesce(listed.unit_key, '') as unit_or_none,
        listed.unit_code,
        greatest(listed.quantity, 0) as quantity,
        false as is_converted
    from listed
    where listed.occurrence = 1
    union all
    select
        credited.order_id,
        credited.return_id,
        credited.sku_key,
        credited.unit_or_none,
        null as unit_code,
        -credited.quantity as quantity,
        credited.is_converted
    from returns_at_hand as returns
    inner join intermediate.int_claims_as_listed as credited
        on returns.return_id = credited.return_id and returns.order_id = credited.order_id
),

-- What a return was credited of a SKU is not open on whichever line lists it now.
open_units as (
    select
        recounted.order_id,
        recounted.sku_key,
        min(recounted.unit_code) as unit_code,
        sum(recounted.quantity) as quantity
    from recounted
    group by recounted.order_id, recounted.return_id, recounted.sku_key, recounted.unit_or_none
    -- A third of a box has no last digit.
    having sum(recounted.quantity) > case when bool_or(recounted.is_converted) then ledger.negligible_units() else 0 end
),

units as (
    select
        open_units.order_id,
        open_units.sku_key,
        coalesce(open_units.unit_code, '') as unit_or_none,
        sum(open_units.quantity) as quantity
    from open_units
    group by open_units.order_id, open_units.sku_key, open_units.unit_code
),

codes as (
    select
        units.*,
        units.sku_key as code,
        1 as preference
    from units
    union all
    select
        units.*,
        aliases.sku_key as code,
        3 as preference
    from units
    inner join reference.sku_aliases as aliases on units.sku_key = aliases.alias_key
),

found as (
    select
        codes.*,
        items.order_line_id,
        codes.preference + case when items.sku_key = codes.code then 0 else 1 end as rank
    from codes
    inner join intermediate.int_offer_items as items
        on
            codes.order_id = items.order_id
            and (codes.code = items.sku_key or (codes.code = items.line_sku_key and items.quantity_per_kit is not null))
),

chosen as (
    select distinct on (found.order_id, found.sku_key, found.unit_or_none)
        found.order_id,
        found.code,
        found.unit_or_none,
        found.quantity,
        found.order_line_id,
        found.rank in (2, 4) as is_whole_kit
    from found
    order by
        found.order_id, found.sku_key, found.unit_or_none, found.rank, found.code,
        length(found.order_line_id), found.order_line_id
),

used as (
    select
        chosen.order_id,
        chosen.code as sku_key,
        chosen.unit_or_none,
        chosen.quantity
    from chosen
    where not chosen.is_whole_kit
    union all
    select
        chosen.order_id,
        items.sku_key,
        coalesce(items.unit_code, '') as unit_or_none,
        chosen.quantity * items.quantity_per_kit as quantity
    from chosen
    inner join intermediate.int_offer_items as items
        on chosen.order_id = items.order_id and chosen.order_line_id = items.order_line_id
    where chosen.is_whole_kit
)

select
    used.order_id,
    used.sku_key,
    used.unit_or_none,
    sum(used.quantity) as quantity
from used
group by used.order_id, used.sku_key, used.unit_or_none
