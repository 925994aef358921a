/*
Every credited unit in its own SKU and unit, kits as components, and whether it goes back on the shelf.

materialized: view
window: registered_at
grain: credit_note_number, position
owner: ops
*/
select
    deltas.credit_note_number,
    deltas.position,
    deltas.return_id,
    deltas.return_line_key,
    deltas.sku,
    deltas.unit_code,
    deltas.quantity,
    deltas.disposition,
    deltas.restocks,
    deltas.registered_at,
    deltas.decided_at
from ledger.inventory_deltas as deltas
