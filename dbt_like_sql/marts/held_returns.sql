/*
Return lines that came too early: why, since when, how often asked, and when they are asked again.

materialized: view
window: registered_at
grain: subject
owner: ops
*/
select
    holds.subject,
    holds.return_id,
    holds.return_line_key,
    holds.order_reference,
    holds.reason,
    holds.quantity,
    holds.held_since,
    holds.attempts,
    holds.next_check_at,
    holds.registered_at
from ledger.holds as holds
where holds.resolved_at is null
