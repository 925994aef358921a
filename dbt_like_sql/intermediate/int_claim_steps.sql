/*
The steps in which units are allocated: per group, island after island, and within an island tier after tier. Where the
candidates of a tier differ in unit or precision, each of them is a step of its own (preference tells which).

materialized: table
grain: group_key, step
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
),

candidates as (
    select
        first_lines.group_key,
        first_lines.island,
        first_lines.return_id,
        first_lines.return_line_key,
        candidates.tier,
        candidates.preference,
        candidates.is_kit,
        candidates.unit_precision,
        candidates.ordered_rate,
        candidates.returned_rate,
        row(candidates.is_kit, candidates.unit_precision, candidates.ordered_rate, candidates.returned_rate) as terms
    from first_lines
    inner join intermediate.int_claim_candidates as candidates
        on
            first_lines.return_id = candidates.return_id
            and first_lines.return_line_key = candidates.return_line_key
            and candidates.fits_unit
),

tiers as (
    select
        candidates.*,
        min(candidates.terms::text) over by_tier <> max(candidates.terms::text) over by_tier as is_mixed
    from candidates
    window by_tier as (partition by candidates.group_key, candidates.island, candidates.tier)
),

steps as (
    select
        tiers.group_key,
        tiers.island,
        tiers.tier,
        case when tiers.is_mixed then tiers.preference end as preference,
        min(tiers.return_id) as candidates_return_id,
        min(tiers.return_line_key) as candidates_return_line_key,
        bool_or(tiers.is_kit) as is_kit,
        min(tiers.unit_precision) as unit_precision,
        min(tiers.ordered_rate) as ordered_rate,
        min(tiers.returned_rate) as returned_rate
    from tiers
    group by
        tiers.group_key,
        tiers.island,
        tiers.tier,
        case when tiers.is_mixed then tiers.preference end
)

select
    steps.group_key,
    steps.island,
    steps.tier,
    steps.preference,
    steps.candidates_return_id,
    steps.candidates_return_line_key,
    steps.is_kit,
    steps.unit_precision,
    steps.ordered_rate,
    steps.returned_rate,
    (row_number() over (
        partition by steps.group_key order by steps.island, steps.tier, steps.preference
    ))::integer as step
from steps
