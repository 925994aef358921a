/*
Return lines that claim units, in the sequence in which they claim: registration time, then return, then line key.
Lines that compete for the same items form a group, and within it neighbours with the same candidates an island, so that an
island can be allocated in one set-based step.

materialized: table
grain: return_id, return_line_key
owner: ops
previous: ledger.credit_notes
indexes: (group_key, island)
columns:
    claimable_quantity: units that the line may claim, those it claimed earlier included
*/
with

candidate_lists as (
    select
        candidates.return_id,
        candidates.return_line_key,
        candidates.order_id,
        bool_or(candidates.tier > 1 or candidates.is_kit) as crosses_skus,
        array_agg(
            candidates.order_line_id || ' ' || candidates.order_item_id_or_kit || ' ' || candidates.ordered_rate
            || ' ' || candidates.returned_rate
            order by candidates.preference
        ) as candidate_list
    from intermediate.int_claim_candidates as candidates
    where candidates.fits_unit
    group by candidates.return_id, candidates.return_line_key, candidates.order_id
),

lines as (
    select
        lines.return_id,
        lines.return_line_key,
        lines.registered_at,
        lines.order_id,
        lines.order_identifier,
        lines.sku_key,
        lines.disposition,
        lines.reason_code,
        lines.digits,
        lines.open_quantity + lines.credited_before_quantity as claimable_quantity,
        candidate_lists.candidate_list,
        case
            when bool_or(candidate_lists.crosses_skus) over (partition by lines.order_id) then lines.order_id
            else lines.order_id || ' ' || lines.sku_key
        end as group_key,
        row_number() over (
            order by lines.registered_at, length(lines.return_id), lines.return_id, lines.return_line_key
        ) as claim_order
    from intermediate.int_return_lines_gated as lines
    inner join candidate_lists
        on lines.return_id = candidate_lists.return_id and lines.return_line_key = candidate_lists.return_line_key
    where lines.destination is null
),

marked as (
    select
        lines.*,
        case
            when lines.candidate_list = lag(lines.candidate_list) over (partition by lines.group_key order by lines.claim_order)
                then 0
            else 1
        end as opens_island
    from lines
),

numbered as (
    select
        marked.*,
        sum(marked.opens_island) over (partition by marked.group_key order by marked.claim_order) as island
    from marked
)

select
    numbered.return_id,
    numbered.return_line_key,
    numbered.registered_at,
    numbered.order_id,
    numbered.sku_key,
    numbered.disposition,
    numbered.reason_code,
    numbered.digits,
    numbered.claimable_quantity,
    numbered.group_key,
    numbered.island::integer as island,
    numbered.claim_order,
    coalesce(earlier_notes.sequence, 0) + 1 as note_sequence,
    numbered.return_id || '-' || numbered.order_identifier
    || case when earlier_notes.sequence is not null then '-' || (earlier_notes.sequence + 1) else '' end as credit_note_number
from numbered
cross join lateral (
    select max(notes.sequence) as sequence
    from ledger.credit_notes as notes
    where notes.return_id = numbered.return_id and notes.order_id = numbered.order_id
) as earlier_notes
