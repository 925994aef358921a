-- A third of a box has no last digit: what was received is counted to six.
create function ledger.negligible_units() returns numeric
language sql immutable parallel safe
return 0.00001;
comment on function ledger.negligible_units is 'Up to so many units of a return are none: what a conversion leaves or adds.';
