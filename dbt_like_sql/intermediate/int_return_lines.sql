/*
Return lines of the window with what can be said of them before any order is looked at: how many units are still
to be decided, and the first rule that takes the whole line (verdict), if one does. A line that was credited and is not in
the return any more is among them, with nothing received and a position after all others.

materialized: table
grain: return_id, position
owner: data
previous: ledger.claims, ledger.credit_note_lines
*/
with

returns_at_hand as (
    select returns.*
    from staging.stg_rebound__returns as returns
    where
        returns.registered_at >= %(window_start)s
        and returns.registered_at < %(window_end)s
),

credited_before as (
    select
        claims.return_id,
        claims.return_line_key,
        sum(claims.received_units) as credited_quantity
    from ledger.claims as claims
    where claims.return_id in (select returns_at_hand.return_id from returns_at_hand)
    group by claims.return_id, claims.return_line_key
),

orphaned as (
    select
        credited_before.return_id,
        credited_before.return_line_key
    from credited_before
    where not exists (
        select 1
        from staging.stg_rebound__return_lines as lines
        where lines.return_id = credited_before.return_id and lines.return_line_key = credited_before.return_line_key
    )
),

-- A key is made of the SKU where ReBound gives none, and a SKU may be spelt otherwise the next time.
respelt as (
    select distinct on (orphaned.return_id, lower(orphaned.return_line_key))
        lines.return_id,
        lines.position,
        orphaned.return_line_key
    from orphaned
    inner join staging.stg_rebound__return_lines as lines
        on orphaned.return_id = lines.return_id and lower(orphaned.return_line_key) = lower(lines.return_line_key)
    where
        -- An id of ReBound's own is another one in other letters.
        starts_with(orphaned.return_line_key, orphaned.return_id || ':')
        and not exists (
            select 1
            from credited_before
            where
                credited_before.return_id = lines.return_id and credited_before.return_line_key = lines.return_line_key
        )
    order by orphaned.return_id, lower(orphaned.return_line_key), orphaned.return_line_key, lines.position
),

lines as (
    select
        returns.return_id,
        lines.position,
        coalesce(respelt.return_line_key, lines.return_line_key) as return_line_key,
        lines.return_id || ' / ' || coalesce(respelt.return_line_key, lines.return_line_key) as subject,
        returns.order_reference,
        returns.order_reference_key,
        returns.registered_at,
        returns.status,
        lines.sku,
        lines.sku_key,
        lines.unit_code,
        lines.currency,
        lines.disposition,
        lines.reason_code,
        lines.fault_path,
        lines.fault,
        lines.announced_quantity,
        lines.received_quantity,
        false as has_vanished,
        row_number() over (
            partition by returns.return_id, lines.return_line_key, lines.fault is null
            order by lines.position
        ) as occurrence
    from returns_at_hand as returns
    inner join staging.stg_rebound__return_lines as lines on returns.return_id = lines.return_id
    left join respelt on lines.return_id = respelt.return_id and lines.position = respelt.position
    union all
    select
        returns.return_id,
        (
            coalesce(
                (
                    select max(lines.position)
                    from staging.stg_rebound__return_lines as lines
                    where lines.return_id = returns.return_id
                ),
                0
            ) + row_number() over (partition by returns.return_id order by orphaned.return_line_key)
        )::integer as position,
        orphaned.return_line_key,
        returns.return_id || ' / ' || orphaned.return_line_key as subject,
        returns.order_reference,
        returns.order_reference_key,
        returns.registered_at,
        returns.status,
        credited.sku,
        credited.sku_key,
        null as unit_code,
        null as currency,
        null as disposition,
        null as reason_code,
        null as fault_path,
        null as fault,
        0 as announced_quantity,
        0 as received_quantity,
        true as has_vanished,
        1 as occurrence
    from orphaned
    inner join returns_at_hand as returns on orphaned.return_id = returns.return_id
    left join lateral (
        select
            min(credit_lines.sku) as sku,
            landing.match_key(min(credit_lines.sku)) as sku_key
        from ledger.credit_note_lines as credit_lines
        where
            credit_lines.return_id = orphaned.return_id and credit_lines.return_line_key = orphaned.return_line_key
    ) as credited on true
    where not exists (
        select 1
        from respelt
        where respelt.return_id = orphaned.return_id and respelt.return_line_key = orphaned.return_line_key
    )
),

-- What people took out of a line for good, and the rules that they set aside for it.
intervened as (
    select
        decisions.subject,
        sum(decisions.quantity) filter (where decisions.takes_units) as taken_out_quantity,
        array_agg(decisions.reason) filter (where decisions.verdict = 'released') as released_reasons
    from reference.operator_decisions as decisions
    where decisions.revoked_at is null
    group by decisions.subject
),

counted as (
    select
        lines.*,
        coalesce(intervened.released_reasons, '{}') as released_reasons,
        case when lines.fault is null and lines.occurrence = 1 then coalesce(intervened.taken_out_quantity, 0) else 0 end
            as decided_out_quantity,
        case when lines.fault is null and lines.occurrence = 1 then coalesce(credited_before.credited_quantity, 0) else 0 end
            as credited_before_quantity,
        statuses.position as status_position,
        statuses.is_withdrawn
    from lines
    left join credited_before
        on lines.return_id = credited_before.return_id and lines.return_line_key = credited_before.return_line_key
    left join intervened on lines.subject = intervened.subject
    left join seeds.rebound_statuses as statuses on lines.status = statuses.status
),

-- Units that are not there any more cannot be taken out: what ReBound withdraws or takes back goes first.
taken as (
    select
        counted.*,
        case
            when counted.is_withdrawn then 0
            else least(
                counted.decided_out_quantity,
                greatest(counted.received_quantity - counted.credited_before_quantity, 0)
            )
        end as taken_out_quantity
    from counted
),

judged as (
    select
        taken.*,
        case when taken.is_withdrawn then 0 else taken.received_quantity end
        - taken.credited_before_quantity - taken.taken_out_quantity as open_quantity,
        dispositions.disposition is not null as is_disposition_known,
        reasons.reason_code is not null as is_reason_known
    from taken
    left join seeds.return_reasons as reasons on taken.reason_code = reasons.reason_code
    left join seeds.dispositions as dispositions on taken.disposition = dispositions.disposition
)

select
    judged.return_id,
    judged.position,
    judged.return_line_key,
    judged.subject,
    judged.order_reference,
    judged.order_reference_key,
    judged.registered_at,
    judged.sku,
    judged.sku_key,
    judged.unit_code,
    judged.currency,
    judged.disposition,
    judged.reason_code,
    judged.announced_quantity,
    judged.received_quantity,
    judged.credited_before_quantity,
    judged.taken_out_quantity,
    judged.released_reasons,
    judged.open_quantity,
    case
        when judged.fault is not null then 'malformed_document'
        when judged.received_quantity = 0 and judged.credited_before_quantity = 0 then 'nothing_received'
        when judged.occurrence > 1 then 'duplicate_line'
        when judged.open_quantity < 0 then 'received_quantity_decreased'
        when judged.open_quantity = 0 and judged.credited_before_quantity + judged.taken_out_quantity > 0
            then 'settled_before'
        when judged.status_position is null and 'unknown_status' <> all(judged.released_reasons) then 'unknown_status'
        when judged.is_withdrawn then 'withdrawn'
        when judged.status_position < policy.milestone_position then 'waiting'
        when not judged.is_disposition_known and 'unknown_disposition' <> all(judged.released_reasons)
            then 'unknown_disposition'
        when policy.amount_depends_on_reason and not judged.is_reason_known then 'unknown_reason'
    end as verdict,
    case
        when judged.fault is not null then judged.fault_path || ': ' || judged.fault
        when judged.occurrence > 1
            then format('line %%s stands more than once in return %%s', judged.return_line_key, judged.return_id)
        when judged.is_withdrawn and judged.open_quantity < 0
            then format('the return was withdrawn after %%s units were credited', judged.credited_before_quantity)
        when judged.has_vanished
            then format(
                'the line is not in the return any more, %%s units of SKU %%s were credited',
                judged.credited_before_quantity, judged.sku
            )
        when judged.open_quantity < 0
            then format('%%s units are reported, %%s were credited', judged.received_quantity, judged.credited_before_quantity)
        when judged.status_position is null
            then format('status %%s is not in the list', coalesce(quote_literal(judged.status), 'that is empty'))
        when not judged.is_disposition_known
            then format('disposition %%s is not in the list', coalesce(quote_literal(judged.disposition), 'that is empty'))
        when policy.amount_depends_on_reason and not judged.is_reason_known
            then format('reason %%s is not in the list', coalesce(quote_literal(judged.reason_code), 'that is empty'))
    end as detail
from judged
cross join intermediate.int_policy as policy
