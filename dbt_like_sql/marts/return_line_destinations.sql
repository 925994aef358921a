/*
Where every unit of every return line is: credited, held, quarantined, waiting for the milestone, withdrawn, or taken out by a
person (rejected, written off). The sum over the destinations is what came back; nothing is ever in two places.

materialized: partition
window: registered_at
moves_with: return_id of staging.stg_rebound__returns
grain: return_id, position, destination, reason_or_none
owner: finance
columns:
    destination: credited, held, quarantined, waiting, withdrawn, rejected or written_off
    quantity: units as ReBound counts them; null where they could not be read
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
