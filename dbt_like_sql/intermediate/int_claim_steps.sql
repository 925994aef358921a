/*
The steps in which units are allocated: per group, island after island, and within an island tier after tier. Where the
candidates of a tier differ in unit or precision, each of them is a step of its own (preference tells which).

materialized: table
grain: group_number, step
owner: ops
indexes: (step)
*/
with

-- All lines of an island have the same candidates, so its first line speaks for it.
first_lines as (
    select
        lines.group_number,
        lines.island,
        min(lines.line_number) as line_number
    from intermediate.int_claim_lines as lines
    group by lines.group_number, lines.island
),

candidates as (
    select
        first_lines.group_number,
        first_lines.island,
        first_lines.line_number,
        candidates.tier,
        candidates.preference,
        candidates.is_kit,
        candidates.unit_precision,
        candidates.ordered_rate,
        candidates.returned_rate,
        row(candidates.is_kit, candidates.unit_precision, candidates.ordered_rate, candidates.returned_rate)::text as terms
    from first_lines
    inner join intermediate.int_claim_candidates as candidates
        on first_lines.line_number = candidates.line_number and candidates.fits_unit
),

tiers as (
    select
        candidates.*,
        min(candidates.terms) over by_tier <> max(candidates.terms) over by_tier as is_mixed
    from candidates
    window by_tier as (partition by candidates.group_number, candidates.island, candidates.tier)
),

steps as (
    select
        tiers.group_number,
        tiers.island,
        tiers.tier,
        case when tiers.is_mixed then tiers.preference end as preference,
        min(tiers.line_number) as line_number,
        bool_or(tiers.is_kit) as is_kit,
        min(tiers.unit_precision) as unit_precision,
        min(tiers.ordered_rate) as ordered_rate,
        min(tiers.returned_rate) as returned_rate
    from tiers
    group by
        tiers.group_number,
        tiers.island,
        tiers.tier,
        case when tiers.is_mixed then tiers.preference end
)

select
    steps.group_number,
    steps.island,
    steps.tier,
    steps.preference,
    steps.line_number,
    steps.is_kit,
    steps.unit_precision,
    steps.ordered_rate,
    steps.returned_rate,
    (row_number() over (
        partition by steps.group_number order by steps.island, steps.tier, steps.preference
    ))::integer as step
from steps
