/*
Fails if ReBound registered a return within the last 30 days of something that it was not offered.

severity: warn
on: marts.unoffered_returns
*/
select
    unoffered.return_id,
    unoffered.return_line_key,
    unoffered.order_reference,
    unoffered.sku,
    unoffered.finding,
    unoffered.quantity,
    unoffered.offered_quantity
from marts.unoffered_returns as unoffered
where unoffered.registered_at >= %(decided_at)s - interval '30 days'
