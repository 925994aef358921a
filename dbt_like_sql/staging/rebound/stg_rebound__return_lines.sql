/*
Items of ReBound returns, one row per item. Received units are what the hub found; where it says nothing,
all announced units count (docs/rules.md, Gate).

materialized: view
grain: return_id, position
owner: data
*/
select
    return_id,
    position,
    return_line_key,
    landing.line_subject(return_id, return_line_key) as subject,
    sku,
    sku_key,
    quantity as announced_quantity,
    coalesce(quantity_received, quantity) as received_quantity,
    unit_code,
    currency,
    disposition,
    reason_code,
    fault_path,
    fault
from landing.rebound_return_lines
