/*
Credited units that lie on the wrong shelf, because ReBound says otherwise since what became of them; one row per return line
under which they were credited. They are compared by SKU and unit, as far as the return still names their order: what was
credited of a line lies on that line first, and what it does not list any more on the other lines that list the SKU. Only units
that are still listed have changed their shelf, and two that changed places have not.

materialized: view
step: reconciliation
grain: return_id, return_line_key
owner: finance
columns:
    return_line_key: under which they were credited
    returned_quantity: how many units changed their shelf, in the unit of the return
    quantity_to_take_off: units of stock that were put on the shelf and do not belong there
    quantity_to_put_on: units of stock that belong on the shelf and were not put there
    changes: what changed, in words
*/
with

policy as (
    select policies.saleable_dispositions
    from reference.policies as stored
    inner join intermediate.int_policies as policies on stored.policy_version = policies.policy_version
    order by stored.loaded_at desc
    limit 1
),

-- What was credited under each line, added up as it stands: where units of several kinds meet, the sum may be too large, and a
-- return is looked at in vain.
placed as (
    select
        deltas.return_id,
        deltas.return_line_key,
        min(deltas.sku) as least_sku,
        max(deltas.sku) as greatest_sku,
        min(lower(deltas.unit_code)) as least_unit_key,
        max(lower(deltas.unit_code)) as greatest_unit_key,
        min(deltas.disposition) as least_disposition,
        max(deltas.disposition) as greatest_disposition,
        sum(deltas.quantity) as quantity
    from ledger.inventory_deltas as deltas
    group by deltas.return_id, deltas.return_line_key
),

-- Of most credits the line lists all that was credited still, by the same SKU and for the same shelf.
touched as (
    select placed.return_id
    from placed
    left join staging.stg_rebound__return_lines as own
        on
            placed.return_id = own.return_id
            and landing.line_match_key(placed.return_id, placed.return_line_key)
            = landing.line_match_key(own.return_id, own.return_line_key)
            and own.fault is null
    where
        (own.received_quantity >= placed.quantity) is not true
        or own.sku_key <> landing.match_key(placed.least_sku)
        or placed.least_sku <> placed.greatest_sku
        or lower(own.unit_code) <> placed.least_unit_key
        or placed.least_unit_key <> placed.greatest_unit_key
        or coalesce(own.disposition, 'unknown') <> placed.least_disposition
        or placed.least_disposition <> placed.greatest_disposition
),

-- Materialized, because few returns list anything for another shelf than some of their credits since: the rest is looked up for
-- these alone.
suspected as materialized (
    select distinct deltas.return_id
    from policy
    cross join ledger.inventory_deltas as deltas
    inner join staging.stg_rebound__return_lines as lines on deltas.return_id = lines.return_id
    where
        deltas.return_id in (select touched.return_id from touched)
        and lines.fault is null
        and deltas.disposition <> coalesce(lines.disposition, 'unknown')
        and case
            when deltas.restocks then coalesce(lines.disposition <> all(policy.saleable_dispositions), true)
            else lines.disposition = any(policy.saleable_dispositions) and deltas.disposition <> all(policy.saleable_dispositions)
        end
),

-- Of a line that stands twice the first one was credited.
listed as (
    select
        lines.return_id,
        lines.position,
        lines.sku_key,
        coalesce(lower(lines.unit_code), '') as unit_or_none,
        coalesce(lines.disposition, 'unknown') as disposition,
        coalesce(lines.disposition = any(policy.saleable_dispositions), false) as is_saleable,
        case when coalesce(statuses.is_withdrawn, false) then 0 else lines.received_quantity end as quantity,
        row_number() over (partition by lines.return_id, lines.return_line_key order by lines.position) = 1 as is_first
    from suspected
    inner join staging.stg_rebound__returns as returns on suspected.return_id = returns.return_id
    inner join staging.stg_rebound__return_lines as lines on suspected.return_id = lines.return_id
    left join seeds.rebound_statuses as statuses on returns.status = statuses.status
    cross join policy
    where lines.fault is null
),

shelves as (
    select
        deltas.credit_note_number,
        deltas.return_line_key,
        min(deltas.disposition) as disposition,
        bool_or(deltas.restocks) as restocks
    from suspected
    inner join ledger.inventory_deltas as deltas on suspected.return_id = deltas.return_id
    group by deltas.credit_note_number, deltas.return_line_key
),

-- As far as the return still names the order that was credited. Whatever becomes of a free-form line, it has no stock; what was
-- credited of a line that cannot be read stays there. An aggregate, because then claims are looked up return by return.
recounted as (
    select
        credited.credit_note_number,
        suspected.return_id,
        credited.return_line_key,
        credited.line_match_key,
        credited.sku_key,
        credited.unit_or_none,
        credited.position,
        shelves.disposition,
        shelves.restocks,
        credited.quantity
    from suspected
    inner join staging.stg_rebound__returns as returns on suspected.return_id = returns.return_id
    inner join lateral (
        select
            claims.credit_note_number,
            claims.return_line_key,
            claims.line_match_key,
            claims.sku_key,
            claims.unit_or_none,
            claims.position,
            sum(claims.quantity) as quantity
        from intermediate.int_claims_as_listed as claims
        where
            claims.return_id = suspected.return_id
            and not claims.is_free_form
            and not claims.is_of_unreadable_line
            and (
                claims.order_reference_key is null
                or claims.order_reference_key = returns.order_reference_key
                or exists (
                    select 1
                    from intermediate.int_order_references as known
                    where known.order_id = claims.order_id and known.reference_key = returns.order_reference_key
                )
            )
        group by
            claims.credit_note_number, claims.return_line_key, claims.line_match_key, claims.sku_key, claims.unit_or_none,
            claims.position
    ) as credited on true
    inner join shelves
        on
            credited.credit_note_number = shelves.credit_note_number
            and credited.return_line_key = shelves.return_line_key
),

laid_out as (
    select
        listed.return_id,
        null as line_match_key,
        listed.sku_key,
        listed.unit_or_none,
        listed.position,
        listed.disposition,
        listed.is_saleable as is_on_shelf,
        true as is_listed,
        listed.quantity
    from listed
    where listed.is_first
    union all
    select
        recounted.return_id,
        recounted.line_match_key,
        recounted.sku_key,
        recounted.unit_or_none,
        recounted.position,
        recounted.disposition,
        recounted.restocks as is_on_shelf,
        false as is_listed,
        sum(recounted.quantity) as quantity
    from recounted
    group by
        recounted.return_id, recounted.line_match_key, recounted.sku_key, recounted.unit_or_none, recounted.position,
        recounted.disposition, recounted.restocks
),

-- Another policy alone puts no unit on another shelf.
on_shelves as (
    select
        laid_out.return_id,
        laid_out.line_match_key,
        laid_out.sku_key,
        laid_out.unit_or_none,
        laid_out.position,
        laid_out.disposition,
        laid_out.is_listed,
        laid_out.quantity,
        case
            when laid_out.is_listed
                then coalesce(
                    bool_or(laid_out.is_on_shelf) filter (where not laid_out.is_listed) over its_disposition,
                    laid_out.is_on_shelf
                )
            else laid_out.is_on_shelf
        end as is_on_shelf,
        case
            when laid_out.position is null then 0
            else least(
                coalesce(sum(laid_out.quantity) filter (where not laid_out.is_listed) over its_line, 0),
                sum(laid_out.quantity) filter (where laid_out.is_listed) over its_line
            )
        end as quantity_of_its_line
    from laid_out
    window
        its_line as (partition by laid_out.return_id, laid_out.position),
        its_disposition as (
            partition by laid_out.return_id, laid_out.sku_key, laid_out.unit_or_none, laid_out.disposition
        )
),

with_room as (
    select
        on_shelves.*,
        case when on_shelves.is_listed then on_shelves.quantity - on_shelves.quantity_of_its_line end as room,
        bool_or(on_shelves.is_on_shelf) filter (where on_shelves.is_listed) over its_line as is_line_on_shelf,
        max(on_shelves.disposition) filter (where on_shelves.is_listed) over its_line as line_disposition,
        sum(on_shelves.quantity) filter (where not on_shelves.is_listed) over its_goods
        - coalesce(sum(on_shelves.quantity_of_its_line) filter (where on_shelves.is_listed) over its_goods, 0) as surplus,
        sum(on_shelves.quantity) over its_shelf - on_shelves.quantity as laid_before
    from on_shelves
    window
        its_line as (partition by on_shelves.return_id, on_shelves.position),
        its_goods as (partition by on_shelves.return_id, on_shelves.sku_key, on_shelves.unit_or_none),
        its_shelf as (
            partition by
                on_shelves.return_id,
                on_shelves.position,
                on_shelves.line_match_key,
                on_shelves.is_listed,
                on_shelves.is_on_shelf
            order by on_shelves.disposition
        )
),

-- Of a listed line, how many credited units lie on it; of what was credited, how many do not lie on their line's shelf.
lying as (
    select
        with_room.*,
        case
            when with_room.is_listed
                then with_room.quantity_of_its_line + greatest(
                    least(with_room.room, with_room.surplus - (sum(with_room.room) over its_goods - with_room.room)), 0
                )
        end as quantity_here,
        case
            when with_room.is_listed then null
            when with_room.is_line_on_shelf = with_room.is_on_shelf and with_room.position is not null
                then with_room.quantity - greatest(
                    least(with_room.quantity, with_room.quantity_of_its_line - with_room.laid_before), 0
                )
            else with_room.quantity
        end as quantity_gone
    from with_room
    window
        its_goods as (
            partition by with_room.return_id, with_room.sku_key, with_room.unit_or_none order by with_room.position
        )
),

summed as (
    select
        lying.*,
        coalesce(sum(lying.quantity) filter (where not lying.is_listed and lying.is_on_shelf) over its_goods, 0)
        - coalesce(sum(lying.quantity_here) filter (where lying.is_on_shelf) over its_goods, 0) as fewer_on_shelf,
        coalesce(sum(lying.quantity) filter (where not lying.is_listed and not lying.is_on_shelf) over its_goods, 0)
        - coalesce(sum(lying.quantity_here) filter (where not lying.is_on_shelf) over its_goods, 0) as fewer_off_shelf,
        array_agg(lying.disposition) filter (where lying.quantity_here > 0 and lying.is_on_shelf) over its_goods
            as dispositions_on_shelf,
        array_agg(lying.disposition) filter (where lying.quantity_here > 0 and not lying.is_on_shelf) over its_goods
            as dispositions_off_shelf
    from lying
    window its_goods as (partition by lying.return_id, lying.sku_key, lying.unit_or_none)
),

-- Where they were credited under another policy, units off the shelf may be saleable today.
moved as (
    select
        summed.*,
        case
            when summed.is_on_shelf then least(summed.fewer_on_shelf, -summed.fewer_off_shelf)
            else least(summed.fewer_off_shelf, -summed.fewer_on_shelf)
        end as quantity_moved,
        sum(summed.quantity_gone) over (
            partition by summed.return_id, summed.sku_key, summed.unit_or_none, summed.is_on_shelf
            order by
                summed.is_line_on_shelf is not distinct from summed.is_on_shelf, summed.line_match_key, summed.disposition
            rows unbounded preceding
        ) - summed.quantity_gone as gone_before
    from summed
    cross join policy
    where not summed.is_listed and (summed.is_on_shelf or summed.disposition <> all(policy.saleable_dispositions))
),

told as (
    select
        moved.return_id,
        moved.line_match_key,
        moved.sku_key,
        moved.unit_or_none,
        moved.disposition,
        moved.is_on_shelf,
        moved.quantity,
        least(moved.quantity_gone, moved.quantity_moved - moved.gone_before) as quantity_told,
        coalesce(
            case
                when moved.is_line_on_shelf <> moved.is_on_shelf and moved.quantity_of_its_line > 0
                    then moved.line_disposition
            end,
            (
                select string_agg(distinct others.disposition, ', ')
                from unnest(
                    case when moved.is_on_shelf then moved.dispositions_off_shelf else moved.dispositions_on_shelf end
                ) as others (disposition)
            )
        ) as disposition_now
    from moved
    -- A third of a box has no last digit.
    where least(moved.quantity_gone, moved.quantity_moved - moved.gone_before) > ledger.negligible_units()
),

of_stock as (
    select
        told.return_id,
        told.line_match_key,
        told.sku_key,
        told.unit_or_none,
        told.disposition,
        told.is_on_shelf,
        told.disposition_now,
        items.sku,
        items.unit_code,
        min(recounted.credit_note_number) as credit_note_number,
        min(recounted.return_line_key) as return_line_key,
        round(sum(upper(claims.units) - lower(claims.units)) * told.quantity_told / told.quantity, 6) as quantity
    from told
    inner join recounted
        on
            told.return_id = recounted.return_id
            and told.line_match_key = recounted.line_match_key
            and told.sku_key = recounted.sku_key
            and told.unit_or_none = recounted.unit_or_none
            and told.disposition = recounted.disposition
            and told.is_on_shelf = recounted.restocks
    inner join ledger.claims as claims
        on
            recounted.return_id = claims.return_id
            and recounted.return_line_key = claims.return_line_key
            and recounted.credit_note_number = claims.credit_note_number
    inner join ledger.order_items as items on claims.item_number = items.item_number
    where not items.is_free_form
    group by
        told.return_id, told.line_match_key, told.sku_key, told.unit_or_none, told.disposition, told.is_on_shelf,
        told.disposition_now, told.quantity_told, told.quantity, items.sku, items.unit_code
),

by_line as (
    select
        of_stock.return_id,
        of_stock.line_match_key,
        min(of_stock.return_line_key) as return_line_key,
        min(notes.order_identifier) as order_identifier,
        coalesce(sum(of_stock.quantity) filter (where of_stock.is_on_shelf), 0) as quantity_to_take_off,
        coalesce(sum(of_stock.quantity) filter (where not of_stock.is_on_shelf), 0) as quantity_to_put_on,
        string_agg(
            trim_scale(of_stock.quantity) || coalesce(' ' || of_stock.unit_code, '') || ' of ' || of_stock.sku
            || ' credited as ' || of_stock.disposition || ', now ' || of_stock.disposition_now,
            '; '
            order by of_stock.credit_note_number, of_stock.sku, of_stock.unit_code
        ) as changes
    from of_stock
    inner join ledger.credit_notes as notes on of_stock.credit_note_number = notes.credit_note_number
    group by of_stock.return_id, of_stock.line_match_key
)

select
    by_line.return_id,
    by_line.return_line_key,
    by_line.order_identifier,
    (
        select sum(told.quantity_told)
        from told
        where told.return_id = by_line.return_id and told.line_match_key = by_line.line_match_key
    ) as returned_quantity,
    by_line.quantity_to_take_off,
    by_line.quantity_to_put_on,
    by_line.changes,
    returns.landed_at
from by_line
inner join staging.stg_rebound__returns as returns on by_line.return_id = returns.return_id
