/*
What earlier decisions credited of the returns of the window, by the line that stands for it now: the one with its key, or
another one of the return that lists the SKU. What no line stands for has a position after all others, and says why.

materialized: table
grain: return_id, position
owner: finance
previous: ledger.claims, ledger.order_items, ledger.orders
columns:
    return_line_key: under which it was credited, be it in other letters than it is listed
    credited_quantity: in the unit of the line
    claimed_quantity: what was claimed under the key, as it was counted then
    vanished: why no line stands for it; null where one does
*/
with

returns_at_hand as (
    select
        returns.return_id,
        returns.order_reference_key,
        coalesce(statuses.is_withdrawn, false) as is_withdrawn
    from staging.stg_rebound__returns as returns
    left join seeds.rebound_statuses as statuses on returns.status = statuses.status
    where
        returns.registered_at >= %(window_start)s
        and returns.registered_at < %(window_end)s
),

claimed as (
    select claims.*
    from ledger.claims as claims
    where claims.return_id in (select returns_at_hand.return_id from returns_at_hand)
),

claimed_before as (
    select
        claimed.return_id,
        claimed.return_line_key,
        sum(claimed.received_units) as quantity
    from claimed
    group by claimed.return_id, claimed.return_line_key
),

orphaned as (
    select
        claimed_before.return_id,
        claimed_before.return_line_key
    from claimed_before
    where not exists (
        select 1
        from staging.stg_rebound__return_lines as lines
        where lines.return_id = claimed_before.return_id and lines.return_line_key = claimed_before.return_line_key
    )
),

-- A key is made of the SKU where ReBound gives none, and a SKU may be spelt otherwise the next time.
respelt as (
    select distinct on (orphaned.return_id, landing.line_match_key(orphaned.return_id, orphaned.return_line_key))
        lines.return_id,
        lines.position,
        orphaned.return_line_key
    from orphaned
    inner join staging.stg_rebound__return_lines as lines
        on
            orphaned.return_id = lines.return_id
            and landing.line_match_key(orphaned.return_id, orphaned.return_line_key)
            = landing.line_match_key(lines.return_id, lines.return_line_key)
    where
        not exists (
            select 1
            from claimed_before
            where
                claimed_before.return_id = lines.return_id and claimed_before.return_line_key = lines.return_line_key
        )
    order by
        orphaned.return_id,
        landing.line_match_key(orphaned.return_id, orphaned.return_line_key),
        orphaned.return_line_key,
        lines.position
),

listed as (
    select
        lines.return_id,
        lines.position,
        coalesce(respelt.return_line_key, lines.return_line_key) as return_line_key,
        lines.sku_key,
        lines.unit_code,
        lines.fault,
        case when returns.is_withdrawn then 0 else lines.received_quantity end as standing_quantity,
        -- Of the lines with a key the first that can be read stands for what was credited under it; without one, the first.
        row_number() over (
            partition by lines.return_id, lines.return_line_key order by lines.fault is not null, lines.position
        ) = 1 as is_first
    from returns_at_hand as returns
    inner join staging.stg_rebound__return_lines as lines on returns.return_id = lines.return_id
    left join respelt on lines.return_id = respelt.return_id and lines.position = respelt.position
    where lines.return_id in (select claimed_before.return_id from claimed_before)
),

-- What claims do not tell is not compared: older versions did not write it down.
paired as (
    select
        claimed.*,
        listed.position,
        listed.sku_key as listed_sku_key,
        listed.unit_code as listed_unit_code,
        listed.standing_quantity,
        coalesce(claimed.order_reference_key = returns.order_reference_key, claimed.order_reference_key is null)
            as is_same_reference,
        returns.order_reference_key as listed_reference_key,
        listed.fault is not null or claimed.received_sku_key is null as is_not_compared,
        coalesce(claimed.received_sku_key = listed.sku_key, false) as is_same_code,
        coalesce(lower(claimed.received_unit_code), '') = coalesce(lower(listed.unit_code), '') as is_same_unit
    from claimed
    inner join returns_at_hand as returns on claimed.return_id = returns.return_id
    left join listed
        on
            claimed.return_id = listed.return_id
            and claimed.return_line_key = listed.return_line_key
            and listed.is_first
),

compared as (
    select
        paired.*,
        paired.position is not null
        and paired.is_same_reference
        and (paired.is_not_compared or (paired.is_same_code and paired.is_same_unit)) as is_as_it_was
    from paired
),

-- Of what is not as it was the goods are looked up: only of that, because it is little.
corrected as (
    select
        compared.*,
        case when compared.is_whole_kit then items.line_sku else items.sku end as sku,
        case when compared.is_whole_kit then items.line_sku_key else items.sku_key end as sku_key,
        case when compared.is_whole_kit then items.line_product_id else items.product_id end as product_id,
        lower(
            coalesce(
                compared.received_unit_code,
                case when compared.is_whole_kit then items.line_unit_code else items.unit_code end
            )
        ) as then_unit_key,
        lower(
            coalesce(
                compared.listed_unit_code,
                case when compared.is_whole_kit then items.line_unit_code else items.unit_code end
            )
        ) as now_unit_key,
        compared.is_same_reference
        or exists (
            select 1
            from intermediate.int_order_references as known
            where known.order_id = compared.order_id and known.reference_key = compared.listed_reference_key
        ) as is_of_this_order,
        compared.is_same_code
        or exists (
            select 1
            from intermediate.int_same_skus as codes
            where codes.sku_key = compared.received_sku_key and codes.same_sku_key = compared.listed_sku_key
        ) as is_same_sku
    from compared
    inner join ledger.order_items as items on compared.item_number = items.item_number
    where not compared.is_as_it_was
),

-- A credit is one of the line with its key as long as the return names the order that was credited, and the line the same
-- goods in a unit into which those of then can be converted.
judged as (
    select
        corrected.*,
        converted.rate,
        case
            when corrected.position is null or not corrected.is_of_this_order then null
            when corrected.is_not_compared then corrected.received_units
            when not corrected.is_same_sku then null
            when corrected.is_same_unit or corrected.then_unit_key = corrected.now_unit_key then corrected.received_units
            else corrected.received_units * converted.rate
        end as own_quantity
    from corrected
    left join lateral (
        select conversions.rate
        from intermediate.int_unit_conversions as conversions
        where
            not corrected.is_same_unit
            and conversions.product_id = corrected.product_id
            and conversions.unit_key = corrected.then_unit_key
            and conversions.into_unit_key = corrected.now_unit_key
    ) as converted on true
),

own_credits as (
    select
        compared.return_id,
        compared.position,
        compared.standing_quantity,
        compared.received_units as quantity,
        false as is_converted
    from compared
    where compared.is_as_it_was
    union all
    select
        judged.return_id,
        judged.position,
        judged.standing_quantity,
        judged.own_quantity as quantity,
        judged.rate is not null as is_converted
    from judged
    where judged.own_quantity is not null
),

own as (
    select
        own_credits.return_id,
        own_credits.position,
        case
            -- A third of a box has no last digit.
            when
                bool_or(own_credits.is_converted)
                and abs(sum(own_credits.quantity) - min(own_credits.standing_quantity)) <= ledger.negligible_units()
                then min(own_credits.standing_quantity)
            when bool_or(own_credits.is_converted) then round(sum(own_credits.quantity), 6)
            else sum(own_credits.quantity)
        end as quantity
    from own_credits
    group by own_credits.return_id, own_credits.position
),

left_behind as (
    select
        judged.return_id,
        judged.return_line_key,
        judged.order_id,
        coalesce(judged.received_sku_key, judged.sku_key) as sku_key,
        judged.received_unit_code as unit_code,
        min(judged.sku) as sku,
        bool_and(judged.is_of_this_order) as is_of_this_order,
        sum(judged.received_units) as quantity,
        row_number() over (
            partition by judged.return_id
            order by
                judged.return_line_key,
                judged.order_id,
                coalesce(judged.received_sku_key, judged.sku_key),
                judged.received_unit_code
        ) as number
    from judged
    where judged.own_quantity is null
    group by
        judged.return_id,
        judged.return_line_key,
        judged.order_id,
        coalesce(judged.received_sku_key, judged.sku_key),
        judged.received_unit_code
),

-- Lines may be split, merged, listed in another sequence or given ids after their credit: what was credited of a SKU counts
-- for the lines that list it now, for its own one first.
surplus as (
    select
        left_behind.return_id,
        null::integer as position,
        left_behind.number,
        left_behind.sku_key,
        coalesce(lower(left_behind.unit_code), '') as unit_or_none,
        left_behind.quantity
    from left_behind
    where left_behind.is_of_this_order
    union all
    select
        listed.return_id,
        listed.position,
        null as number,
        listed.sku_key,
        coalesce(lower(listed.unit_code), '') as unit_or_none,
        own.quantity - listed.standing_quantity as quantity
    from own
    inner join listed on own.return_id = listed.return_id and own.position = listed.position
    where listed.fault is null and own.quantity > listed.standing_quantity
),

surplus_laid as (
    select
        surplus.*,
        sum(surplus.quantity) over laid - surplus.quantity as laid_from,
        sum(surplus.quantity) over laid as laid_to
    from surplus
    window
        laid as (
            partition by surplus.return_id, surplus.sku_key, surplus.unit_or_none order by surplus.position, surplus.number
        )
),

room as (
    select
        listed.return_id,
        listed.position,
        listed.sku_key,
        coalesce(lower(listed.unit_code), '') as unit_or_none,
        listed.standing_quantity - coalesce(own.quantity, 0) as quantity
    from listed
    left join own on listed.return_id = own.return_id and listed.position = own.position
    where
        listed.return_id in (select surplus.return_id from surplus)
        and listed.fault is null
        and listed.is_first
        and listed.standing_quantity > coalesce(own.quantity, 0)
),

room_laid as (
    select
        room.*,
        sum(room.quantity) over laid - room.quantity as laid_from,
        sum(room.quantity) over laid as laid_to
    from room
    window laid as (partition by room.return_id, room.sku_key, room.unit_or_none order by room.position)
),

moved as (
    select
        surplus_laid.return_id,
        surplus_laid.position as from_position,
        surplus_laid.number as from_number,
        room_laid.position as to_position,
        least(surplus_laid.laid_to, room_laid.laid_to) - greatest(surplus_laid.laid_from, room_laid.laid_from) as quantity
    from surplus_laid
    inner join room_laid
        on
            surplus_laid.return_id = room_laid.return_id
            and surplus_laid.sku_key = room_laid.sku_key
            and surplus_laid.unit_or_none = room_laid.unit_or_none
            and surplus_laid.laid_from < room_laid.laid_to
            and surplus_laid.laid_to > room_laid.laid_from
),

gained as (
    select
        moved.return_id,
        moved.to_position as position,
        sum(moved.quantity) as quantity
    from moved
    group by moved.return_id, moved.to_position
),

given as (
    select
        moved.return_id,
        moved.from_position as position,
        sum(moved.quantity) as quantity
    from moved
    where moved.from_position is not null
    group by moved.return_id, moved.from_position
),

vanished as (
    select
        left_behind.return_id,
        left_behind.return_line_key,
        left_behind.order_id,
        left_behind.sku,
        left_behind.sku_key,
        left_behind.is_of_this_order,
        left_behind.number,
        left_behind.quantity - coalesce(sum(moved.quantity), 0) as quantity
    from left_behind
    left join moved on left_behind.return_id = moved.return_id and left_behind.number = moved.from_number
    group by
        left_behind.return_id, left_behind.return_line_key, left_behind.order_id, left_behind.sku, left_behind.sku_key,
        left_behind.is_of_this_order, left_behind.number, left_behind.quantity
    having left_behind.quantity > coalesce(sum(moved.quantity), 0)
)

select
    listed.return_id,
    listed.position,
    listed.return_line_key,
    null::text as sku,
    null::text collate "C" as sku_key,
    coalesce(own.quantity, 0) + coalesce(gained.quantity, 0) - coalesce(given.quantity, 0) as credited_quantity,
    case when listed.is_first then coalesce(claimed_before.quantity, 0) else 0 end as claimed_quantity,
    null::text as vanished
from listed
left join own on listed.return_id = own.return_id and listed.position = own.position
left join gained on listed.return_id = gained.return_id and listed.position = gained.position
left join given on listed.return_id = given.return_id and listed.position = given.position
left join claimed_before
    on listed.return_id = claimed_before.return_id and listed.return_line_key = claimed_before.return_line_key
union all
select
    vanished.return_id,
    (
        coalesce(
            (
                select max(lines.position)
                from staging.stg_rebound__return_lines as lines
                where lines.return_id = vanished.return_id
            ),
            0
        ) + row_number() over (partition by vanished.return_id order by vanished.number)
    )::integer as position,
    vanished.return_line_key,
    vanished.sku,
    vanished.sku_key,
    vanished.quantity as credited_quantity,
    vanished.quantity as claimed_quantity,
    case
        when not vanished.is_of_this_order
            then format(
                'the return does not name order %%s any more, %%s units of SKU %%s were credited on it',
                orders.order_identifier, trim_scale(vanished.quantity), vanished.sku
            )
        when
            exists (
                select 1
                from listed
                where listed.return_id = vanished.return_id and listed.return_line_key = vanished.return_line_key
            )
            then format(
                'the line is of another SKU or unit now, %%s units of SKU %%s were credited',
                trim_scale(vanished.quantity), vanished.sku
            )
        else format(
            'the line is not in the return any more, %%s units of SKU %%s were credited',
            trim_scale(vanished.quantity), vanished.sku
        )
    end as vanished
from vanished
inner join ledger.orders as orders on vanished.order_id = orders.order_id
