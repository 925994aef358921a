-- A key that is made of the SKU is the same in other letters, as the SKU is; an id of ReBound's own is another one.
create function landing.line_match_key(return_id text, return_line_key text) returns text
language sql immutable parallel safe
return case
    when starts_with(return_line_key, return_id || ':') then lower(return_line_key collate "default") collate "C"
    else return_line_key
end;
comment on function landing.line_match_key is 'How keys of return lines are compared; by it a key of before is found again.';
