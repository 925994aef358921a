/*
The claims of this decision, as a working set of their own: the steps that price and move them need not look for them in
the ledger. They find its items and return lines by their numbers: of keys of two columns the planner believes too few rows.

materialized: table
grain: item_number, units_from
owner: finance
*/
select
    claims.line_number,
    claims.item_number,
    claims.order_id,
    lower(claims.units) as units_from,
    upper(claims.units) as units_to,
    claims.received_units,
    claims.credit_note_number,
    claims.is_whole_kit
from ledger.claims as claims
where claims.decision_id = %(decision_id)s
