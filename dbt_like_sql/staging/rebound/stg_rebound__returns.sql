/*
ReBound returns as last received, one row per return.

materialized: view
grain: return_id
owner: data
*/
select
    return_id,
    display_id,
    order_reference,
    order_reference_key,
    registered_at,
    status,
    carrier,
    tracking_number,
    source,
    landed_at
from landing.rebound_returns
