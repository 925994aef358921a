-- What a return line named when it was credited: a later version of it may name another order, SKU or unit, and is then no
-- longer the line of this credit. Claims of before do not tell.
alter table ledger.claims
add column order_reference_key text collate "C",
add column received_sku_key text collate "C",
add column received_unit_code text collate "C";
comment on column ledger.claims.received_unit_code is 'As the return line gave it; null: the unit of the order line.';

-- A return and its line in one text; a slash within the return's id is doubled where it could be taken for the one between.
create function landing.line_subject(return_id text, return_line_key text) returns text
language sql immutable parallel safe
return replace(return_id, ' /', ' //') || ' / ' || return_line_key;

-- Nor do units that a person took out of a line stay out of what the line lists instead.
alter table reference.operator_decisions
add column sku_key text collate "C",
add column unit_code text collate "C";
comment on column reference.operator_decisions.sku_key is 'Of the line as the person saw it, as is its unit; null: not known.';

create function reference.is_of_goods(sku_key text, unit_code text, listed_sku_key text, listed_unit_code text)
returns boolean
language sql immutable parallel safe
return coalesce(sku_key = listed_sku_key, true) and coalesce(lower(unit_code) = lower(listed_unit_code), true);
comment on function reference.is_of_goods is
'Whether what a person decided about units of a line is of what the line lists now.';
