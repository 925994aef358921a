/*
Return lines that claim units, in the sequence in which they claim.
Lines that compete for the same items form a group, and within it neighbours with the same candidates an island, so that an
island can be allocated in one set-based step.

materialized: table
grain: line_number
owner: ops
previous: ledger.credit_notes
indexes: (group_number, island)
columns:
    group_number: the number of the first line of the group
    claimable_quantity: units that the line may claim, those it claimed earlier included
    is_credited_before: whether earlier decisions credited units of the line, be it under another key
*/
with

candidate_lists as (
    select
        candidates.line_number,
        array_agg(
            candidates.order_line_id || ' ' || candidates.order_item_id_or_kit || ' ' || candidates.ordered_rate
            || ' ' || candidates.returned_rate
            order by candidates.preference
        ) as candidate_list
    from intermediate.int_claim_candidates as candidates
    where candidates.fits_unit
    group by candidates.line_number
),

-- Orders on which lines of different SKUs may claim the same items.
crossed_orders as (
    select distinct candidates.order_id
    from intermediate.int_claim_candidates as candidates
    where candidates.fits_unit and (candidates.tier > 1 or candidates.is_kit)
),

lines as (
    select
        lines.line_number,
        lines.return_id,
        lines.return_line_key,
        lines.registered_at,
        lines.order_id,
        lines.order_identifier,
        lines.order_reference_key,
        lines.sku_key,
        lines.unit_code,
        lines.disposition,
        lines.reason_code,
        lines.digits,
        lines.open_quantity + lines.claimed_before_quantity as claimable_quantity,
        lines.credited_before_quantity > 0 as is_credited_before,
        candidate_lists.candidate_list,
        case
            when crossed_orders.order_id is not null then lines.order_id
            else lines.order_id || ' ' || lines.sku_key
        end as competed_for
    from intermediate.int_return_lines_gated as lines
    inner join candidate_lists on lines.line_number = candidate_lists.line_number
    left join crossed_orders on lines.order_id = crossed_orders.order_id
    where lines.destination is null
),

marked as (
    select
        lines.*,
        first_value(lines.line_number) over upto as group_number,
        case when lines.candidate_list = lag(lines.candidate_list) over upto then 0 else 1 end as opens_island
    from lines
    window upto as (partition by lines.competed_for order by lines.line_number)
),

numbered as (
    select
        marked.*,
        sum(marked.opens_island) over (partition by marked.competed_for order by marked.line_number) as island
    from marked
),

-- Notes are looked up by their number, so it is compared as their index does: a number that is put together of ids would be
-- compared as those are, and all notes that ever were be read.
named as (
    select
        numbered.*,
        coalesce(earlier_notes.sequence, 0) + 1 as note_sequence,
        (
            numbered.return_id || '-' || numbered.order_identifier
            || case when earlier_notes.sequence is not null then '-' || (earlier_notes.sequence + 1) else '' end
        ) collate "default" as credit_note_number
    from numbered
    cross join lateral (
        select max(notes.sequence) as sequence
        from ledger.credit_notes as notes
        where notes.return_id = numbered.return_id and notes.order_id = numbered.order_id
    ) as earlier_notes
),

-- Return ids and order numbers may hold hyphens and digits, so that two notes would bear one number: the first one does.
-- Materialized, because the planner takes lines for a few, and would count anew for each of them.
shared_numbers as materialized (
    select named.credit_note_number
    from named
    group by named.credit_note_number
    having min(named.return_id) <> max(named.return_id) or min(named.order_id) <> max(named.order_id)
),

owners as materialized (
    select distinct on (named.credit_note_number)
        named.credit_note_number,
        named.return_id,
        named.order_id
    from named
    inner join shared_numbers on named.credit_note_number = shared_numbers.credit_note_number
    order by named.credit_note_number, named.line_number
)

select
    named.line_number,
    named.return_id,
    named.return_line_key,
    named.registered_at,
    named.order_id,
    named.order_reference_key,
    named.sku_key,
    named.unit_code,
    named.disposition,
    named.reason_code,
    named.digits,
    named.claimable_quantity,
    named.is_credited_before,
    named.group_number,
    named.island::integer as island,
    named.note_sequence,
    case
        when
            taken.credit_note_number is not null
            or owners.return_id <> named.return_id
            or owners.order_id <> named.order_id
            then (named.credit_note_number || '#' || named.order_id || '.' || named.note_sequence) collate "default"
        else named.credit_note_number
    end as credit_note_number
from named
left join ledger.credit_notes as taken on named.credit_note_number = taken.credit_note_number
left join owners on named.credit_note_number = owners.credit_note_number
