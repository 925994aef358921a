/*
Return lines of the window with what can be said of them before any order is looked at: how many units are still
to be decided, and the first rule that takes the whole line (verdict), if one does. What was credited and is not in the return
any more is among them, with nothing received and a position after all others.

materialized: table
grain: return_id, position
owner: data
columns:
    line_number: the sequence in which lines claim: by registration, then return, then line key. Whatever is made of a line
        finds it by this number: of a key of two columns the planner believes too few rows, and comparing texts takes longer
    credited_before_quantity: units that earlier decisions credited, in the unit of the line, be it under another key
    claimed_before_quantity: units that earlier decisions claimed under the key of the line, as they were counted then
*/
with

returns_at_hand as (
    select
        returns.*,
        statuses.position as status_position,
        statuses.is_withdrawn
    from staging.stg_rebound__returns as returns
    left join seeds.rebound_statuses as statuses on returns.status = statuses.status
    where
        returns.registered_at >= %(window_start)s
        and returns.registered_at < %(window_end)s
),

listed_sizes as (
    select
        lines.return_id,
        max(lines.position) as line_count
    from returns_at_hand as returns
    inner join staging.stg_rebound__return_lines as lines on returns.return_id = lines.return_id
    group by lines.return_id
),

vanished_sizes as (
    select
        credits.return_id,
        count(*) as line_count
    from intermediate.int_credits_before as credits
    where credits.vanished is not null
    group by credits.return_id
),

sized as (
    select
        returns.*,
        coalesce(listed_sizes.line_count, 0) + coalesce(vanished_sizes.line_count, 0) as line_count
    from returns_at_hand as returns
    left join listed_sizes on returns.return_id = listed_sizes.return_id
    left join vanished_sizes on returns.return_id = vanished_sizes.return_id
),

-- Returns one after another, each with as many numbers as it has lines.
numbered as (
    select
        sized.*,
        sum(sized.line_count) over (order by sized.registered_at, length(sized.return_id), sized.return_id)
        - sized.line_count as lines_before
    from sized
),

keyed as (
    select
        lines.*,
        coalesce(credits.return_line_key, lines.return_line_key) as credited_key,
        coalesce(credits.credited_quantity, 0) as credited_before_quantity,
        coalesce(credits.claimed_quantity, 0) as claimed_before_quantity,
        row_number() over (
            partition by lines.return_id, lines.return_line_key, lines.fault is null
            order by lines.position
        ) as occurrence,
        row_number() over (
            partition by lines.return_id
            order by coalesce(credits.return_line_key, lines.return_line_key), lines.position
        ) as place
    from returns_at_hand as returns
    inner join staging.stg_rebound__return_lines as lines on returns.return_id = lines.return_id
    left join intermediate.int_credits_before as credits
        on lines.return_id = credits.return_id and lines.position = credits.position
),

lines as (
    select
        (returns.lines_before + keyed.place)::integer as line_number,
        returns.return_id,
        keyed.position,
        keyed.credited_key as return_line_key,
        landing.line_subject(returns.return_id, keyed.credited_key) as subject,
        returns.order_reference,
        returns.order_reference_key,
        returns.registered_at,
        returns.status,
        returns.status_position,
        returns.is_withdrawn,
        keyed.sku,
        keyed.sku_key,
        keyed.unit_code,
        keyed.currency,
        keyed.disposition,
        keyed.reason_code,
        keyed.fault_path,
        keyed.fault,
        keyed.announced_quantity,
        keyed.received_quantity,
        keyed.credited_before_quantity,
        keyed.claimed_before_quantity,
        keyed.occurrence,
        null as vanished
    from numbered as returns
    inner join keyed on returns.return_id = keyed.return_id
    union all
    select
        (returns.lines_before + credits.position)::integer as line_number,
        returns.return_id,
        credits.position,
        credits.return_line_key,
        landing.line_subject(returns.return_id, credits.return_line_key) as subject,
        returns.order_reference,
        returns.order_reference_key,
        returns.registered_at,
        returns.status,
        returns.status_position,
        returns.is_withdrawn,
        credits.sku,
        credits.sku_key,
        null as unit_code,
        null as currency,
        null as disposition,
        null as reason_code,
        null as fault_path,
        null as fault,
        0 as announced_quantity,
        0 as received_quantity,
        credits.credited_quantity as credited_before_quantity,
        credits.claimed_quantity as claimed_before_quantity,
        1 as occurrence,
        credits.vanished
    from numbered as returns
    inner join intermediate.int_credits_before as credits on returns.return_id = credits.return_id
    where credits.vanished is not null
),

-- What people took out of a line for good, and the rules that they set aside for it: for the goods, and of the order, that they
-- saw.
intervened as (
    select
        lines.return_id,
        lines.position,
        sum(decisions.quantity) filter (
            where
            decisions.takes_units
            and lines.fault is null
            and lines.occurrence = 1
            and reference.is_of_goods(decisions.sku_key, decisions.unit_code, lines.sku_key, lines.unit_code)
        ) as taken_out_quantity,
        array_agg(decisions.reason) filter (
            where
            decisions.verdict = 'released'
            and reference.is_of_goods(decisions.sku_key, decisions.unit_code, lines.sku_key, lines.unit_code)
            and coalesce(decisions.order_reference_key = lines.order_reference_key, true)
        ) as released_reasons
    from lines
    inner join reference.operator_decisions as decisions
        on
            lines.return_id = decisions.return_id
            and landing.line_match_key(lines.return_id, lines.return_line_key)
            = landing.line_match_key(decisions.return_id, decisions.return_line_key)
    where decisions.revoked_at is null
    group by lines.return_id, lines.position
),

counted as (
    select
        lines.*,
        coalesce(intervened.released_reasons, '{}') as released_reasons,
        coalesce(intervened.taken_out_quantity, 0) as decided_out_quantity
    from lines
    left join intervened on lines.return_id = intervened.return_id and lines.position = intervened.position
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
    judged.line_number,
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
    judged.claimed_before_quantity,
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
        when judged.vanished is not null then judged.vanished
        when judged.open_quantity < 0
            then format('%%s units are reported, %%s were credited', judged.received_quantity, judged.credited_before_quantity)
        when judged.status_position is null
            then coalesce('status ' || quote_literal(judged.status) || ' is not in the list', 'no status is given')
        when not judged.is_disposition_known
            then
                coalesce('disposition ' || quote_literal(judged.disposition) || ' is not in the list', 'no disposition is given')
        when policy.amount_depends_on_reason and not judged.is_reason_known
            then coalesce('reason ' || quote_literal(judged.reason_code) || ' is not in the list', 'no reason is given')
    end as detail
from judged
cross join intermediate.int_policy as policy
