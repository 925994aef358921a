/*
Units of the orders to offer that are on their way back or wait to be decided, by the item that they will use up: announced
units, or received ones where the hub has counted, without those that were credited, rejected by a person or withdrawn.
A whole kit uses up its components; an alias stands for its SKU where the order has nothing of the code itself.

materialized: table
step: offers
grain: order_id, sku_key, unit_or_none
owner: ops
previous: ledger.claims, ledger.order_items
columns:
    unit_or_none: unit in which the return counts; empty where it does not say
*/
with

listed as (
    select
        orders.order_id,
        lines.return_id,
        landing.line_match_key(lines.return_id, lines.return_line_key) as line_match_key,
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

-- Claims of older versions do not tell their SKU and unit; the SKU is that of the order's item.
claimed as (
    select
        claims.order_id,
        claims.return_id,
        landing.line_match_key(claims.return_id, claims.return_line_key) as line_match_key,
        coalesce(
            claims.received_sku_key, case when claims.is_whole_kit then items.line_sku_key else items.sku_key end
        ) as sku_key,
        case
            when claims.received_sku_key is not null then coalesce(lower(claims.received_unit_code), '')
        end as unit_or_none,
        lower(case when claims.is_whole_kit then items.line_unit_code else items.unit_code end) as ordered_unit_key,
        case when claims.is_whole_kit then items.line_product_id else items.product_id end as product_id,
        claims.received_units as quantity
    from returns_at_hand as returns
    inner join ledger.claims as claims on returns.return_id = claims.return_id and returns.order_id = claims.order_id
    inner join ledger.order_items as items on claims.item_number = items.item_number
),

-- What came back and what was credited of it, one above the other: beside each other they would have to be joined by keys of
-- which the planner knows nothing.
counted as (
    select
        listed.order_id,
        listed.return_id,
        listed.line_match_key,
        listed.sku_key,
        coalesce(listed.unit_key, '') as unit_or_none,
        listed.unit_code,
        null as ordered_unit_key,
        null as product_id,
        greatest(listed.quantity, 0) as quantity,
        true as is_listed
    from listed
    where listed.occurrence = 1
    union all
    select
        claimed.order_id,
        claimed.return_id,
        claimed.line_match_key,
        claimed.sku_key,
        claimed.unit_or_none,
        null as unit_code,
        claimed.ordered_unit_key,
        claimed.product_id,
        -claimed.quantity as quantity,
        false as is_listed
    from claimed
),

with_its_line as (
    select
        counted.*,
        max(counted.sku_key) filter (where counted.is_listed) over its_line as own_sku_key,
        max(counted.unit_or_none) filter (where counted.is_listed) over its_line as own_unit_or_none,
        max(counted.unit_or_none) filter (where counted.is_listed) over its_sku as any_unit_or_none
    from counted
    window
        its_line as (partition by counted.order_id, counted.return_id, counted.line_match_key),
        its_sku as (partition by counted.order_id, counted.return_id, counted.sku_key)
),

-- Where the line that was credited lists the same goods by another code or in another unit since, it is there that its credit
-- counts. Materialized, so that its rate is looked up once.
compared as materialized (
    select
        with_its_line.*,
        case
            when with_its_line.is_listed or with_its_line.own_sku_key is null then null
            when
                with_its_line.sku_key <> with_its_line.own_sku_key
                and not exists (
                    select 1
                    from intermediate.int_same_skus as codes
                    where
                        codes.sku_key = with_its_line.sku_key and codes.same_sku_key = with_its_line.own_sku_key
                )
                then null
            when coalesce(with_its_line.unit_or_none, with_its_line.own_unit_or_none) = with_its_line.own_unit_or_none then 1
            when
                coalesce(nullif(with_its_line.unit_or_none, ''), with_its_line.ordered_unit_key)
                = coalesce(nullif(with_its_line.own_unit_or_none, ''), with_its_line.ordered_unit_key)
                then 1
            else (
                select conversions.rate
                from intermediate.int_unit_conversions as conversions
                where
                    conversions.product_id = with_its_line.product_id
                    and conversions.unit_key
                    = coalesce(nullif(with_its_line.unit_or_none, ''), with_its_line.ordered_unit_key)
                    and conversions.into_unit_key
                    = coalesce(nullif(with_its_line.own_unit_or_none, ''), with_its_line.ordered_unit_key)
            )
        end as rate
    from with_its_line
),

recounted as (
    select
        compared.order_id,
        compared.return_id,
        case when compared.rate is null then compared.sku_key else compared.own_sku_key end as sku_key,
        case
            when compared.rate is null then coalesce(compared.unit_or_none, compared.any_unit_or_none, '')
            else compared.own_unit_or_none
        end as unit_or_none,
        compared.unit_code,
        compared.quantity * coalesce(compared.rate, 1) as quantity,
        coalesce(compared.rate <> 1, false) as is_converted
    from compared
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
