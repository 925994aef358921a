/*
The steps in which units are allocated: per group, island after island, and within an island tier after tier.

materialized: table
grain: group_key, island, tier
owner: ops
indexes: (step)
*/
with

-- All lines of an island have the same candidates, so its first line speaks for it.
first_lines as (
    select distinct on (lines.group_key, lines.island)
        lines.group_key,
        lines.island,
        lines.return_id,
        lines.return_line_key
    from intermediate.int_claim_lines as lines
    order by lines.group_key, lines.island, lines.claim_order
)

select
    first_lines.group_key,
    first_lines.island,
    candidates.tier,
    first_lines.return_id as candidates_return_id,
    first_lines.return_line_key as candidates_return_line_key,
    (row_number() over (partition by first_lines.group_key order by first_lines.island, candidates.tier))::integer as step
from first_lines
inner join intermediate.int_claim_candidates as candidates
    on
        first_lines.return_id = candidates.return_id
        and first_lines.return_line_key = candidates.return_line_key
        and candidates.fits_unit
group by first_lines.group_key, first_lines.island, candidates.tier, first_lines.return_id, first_lines.return_line_key
