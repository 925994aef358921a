/*
The items among which each step allocates units, so that a round of claims finds its own at once.

materialized: table
grain: group_key, step, order_line_id, order_item_id_or_kit
owner: ops
indexes: (step)
*/
select
    steps.group_key,
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
        steps.candidates_return_id = candidates.return_id
        and steps.candidates_return_line_key = candidates.return_line_key
        and steps.tier = candidates.tier
        and coalesce(steps.preference, candidates.preference) = candidates.preference
        and candidates.fits_unit
