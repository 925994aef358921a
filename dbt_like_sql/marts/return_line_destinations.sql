/*
Where every unit of every return line is: credited, held, quarantined, waiting for the milestone, withdrawn, or taken out by a
person (rejected, written off). The sum over the destinations is what came back, where units of the reason
received_quantity_decreased are subtracted: they were credited although they did not come back, and stand under credited, too.
No other unit is in two places.

materialized: partition
window: registered_at
moves_with: return_id of staging.stg_rebound__returns
grain: return_id, position, destination, reason_or_none
owner: finance
columns:
    destination: credited, held, quarantined, waiting, withdrawn, rejected or written_off
    quantity: units as ReBound counts them; those of the reason received_quantity_decreased count against what came back, all
        others towards it; null where they could not be read
*/
select
    outcomes.return_id,
    outcomes.position,
    outcomes.return_line_key,
    outcomes.order_reference,
    outcomes.registered_at,
    outcomes.sku,
    outcomes.destination,
    outcomes.reason,
    outcomes.reason_or_none,
    outcomes.quantity,
    outcomes.received_quantity,
    outcomes.detail
from intermediate.int_return_line_outcomes as outcomes
