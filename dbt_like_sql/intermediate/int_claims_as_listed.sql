/*
Claims counted by the SKU and in the unit by which their return lists them now, one row per claim. The line with the key under
which they were credited stands for them as long as it lists the same goods, be it by another code or in another unit; where
none does, they count as they were made. To be read for single returns: lines are looked up claim by claim.

materialized: view
owner: finance
previous: ledger.claims, ledger.order_items
columns:
    line_match_key: by which the key under which they were credited is compared
    position: the line that stands for them; null where none does
    unit_or_none: unit in which they are counted; empty where the return does not say
    quantity: units of the return, in that unit
    is_converted: whether they were credited in another unit
    is_of_unreadable_line: whether the line with their key cannot be read, so that nobody knows what it lists
*/
with

-- Claims of older versions do not tell their SKU and unit; the SKU is that of the order's item.
claimed as (
    select
        claims.*,
        items.is_free_form,
        landing.line_match_key(claims.return_id, claims.return_line_key) as line_match_key,
        coalesce(
            claims.received_sku_key, case when claims.is_whole_kit then items.line_sku_key else items.sku_key end
        ) as sku_key,
        case
            when claims.received_sku_key is not null then coalesce(lower(claims.received_unit_code), '')
        end as unit_or_none,
        lower(case when claims.is_whole_kit then items.line_unit_code else items.unit_code end) as ordered_unit_key,
        case when claims.is_whole_kit then items.line_product_id else items.product_id end as product_id
    from ledger.claims as claims
    inner join ledger.order_items as items on claims.item_number = items.item_number
),

-- Of the lines with a key the first that can be read stands for what was credited under it; without one, the first.
with_its_line as (
    select
        claimed.*,
        own.position as own_position,
        own.fault as own_fault,
        own.sku_key as own_sku_key,
        coalesce(lower(own.unit_code), '') as own_unit_or_none
    from claimed
    left join lateral (
        select lines.*
        from staging.stg_rebound__return_lines as lines
        where
            lines.return_id = claimed.return_id
            and landing.line_match_key(lines.return_id, lines.return_line_key) = claimed.line_match_key
        order by lines.fault is not null, lines.position
        limit 1
    ) as own on true
),

-- Where a unit is not said, it is the one that was ordered.
compared as (
    select
        with_its_line.*,
        with_its_line.own_fault is null
        and (
            with_its_line.own_sku_key = with_its_line.sku_key
            or exists (
                select 1
                from intermediate.int_same_skus as codes
                where codes.sku_key = with_its_line.sku_key and codes.same_sku_key = with_its_line.own_sku_key
            )
        ) as is_same_sku,
        coalesce(
            nullif(coalesce(with_its_line.unit_or_none, with_its_line.own_unit_or_none), ''),
            with_its_line.ordered_unit_key,
            ''
        ) as unit_then,
        coalesce(nullif(with_its_line.own_unit_or_none, ''), with_its_line.ordered_unit_key, '') as unit_now
    from with_its_line
),

-- An aggregate, because else the planner may read the whole catalogue for a few rates.
rated as (
    select
        compared.*,
        case
            when not coalesce(compared.is_same_sku, false) then null
            when compared.unit_then = compared.unit_now then 1
            else converted.rate
        end as rate
    from compared
    left join lateral (
        select min(conversions.rate) as rate
        from intermediate.int_unit_conversions as conversions
        where
            compared.unit_then <> compared.unit_now
            and conversions.product_id = compared.product_id
            and conversions.unit_key = compared.unit_then
            and conversions.into_unit_key = compared.unit_now
    ) as converted on true
)

select
    rated.credit_note_number,
    rated.order_id,
    rated.order_reference_key,
    rated.return_id,
    rated.return_line_key,
    rated.line_match_key,
    rated.is_free_form,
    rated.own_fault is not null as is_of_unreadable_line,
    case when rated.rate is not null then rated.own_position end as position,
    case when rated.rate is null then rated.sku_key else rated.own_sku_key end as sku_key,
    case
        when rated.rate is null
            then coalesce(
                rated.unit_or_none,
                (
                    select max(coalesce(lower(lines.unit_code), ''))
                    from staging.stg_rebound__return_lines as lines
                    where lines.return_id = rated.return_id and lines.sku_key = rated.sku_key and lines.fault is null
                ),
                ''
            )
        else rated.own_unit_or_none
    end as unit_or_none,
    rated.received_units * coalesce(rated.rate, 1) as quantity,
    coalesce(rated.rate <> 1, false) as is_converted
from rated
