/*
The items among which each step allocates units, so that a round of claims finds its own at once.

materialized: table
grain: group_number, step, order_line_id, order_item_id_or_kit
owner: ops
indexes: (step)
*/
select
    steps.group_number,
    steps.step,
    steps.unit_precision,
    candidates.order_id,
    candidates.order_line_id,
    candidates.order_item_id,
    candidates.order_item_id_or_kit,
    candidates.is_kit,
    candidates.preference
from intermediate.int_claim_steps as steps
inner join intermediate.int_claim_candidates as candidates
    on
        steps.line_number = candidates.line_number
        and steps.tier = candidates.tier
        and coalesce(steps.preference, candidates.preference) = candidates.preference
        and candidates.fits_unit
