/*
The claims of this decision, as a working set of their own: the steps that price and move them need not look for them in
the ledger. They find its items by their number: of keys of two columns the planner believes too few rows.

materialized: table
grain: order_id, order_item_id, units
owner: finance
*/
select
    claims.item_number,
    claims.order_id,
    claims.order_item_id,
    lower(claims.units) as units_from,
    upper(claims.units) as units_to,
    claims.units,
    claims.return_id,
    claims.return_line_key,
    claims.registered_at,
    claims.received_units,
    claims.credit_note_number,
    claims.is_whole_kit
from ledger.claims as claims
where claims.decision_id = %(decision_id)s
