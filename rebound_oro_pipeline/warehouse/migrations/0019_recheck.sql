-- A message that is confirmed can be doubted: an operator has it read again, and what is gone is sent again.
-- A stock delta cannot: its level has moved since, and shows nothing of a single write any more.
create or replace function outbox.is_transition(
    before outbox.message_state, after outbox.message_state
) returns boolean
language sql immutable parallel safe
return case before
    when 'pending' then after in ('sending', 'abandoned')
    when 'sending' then after in ('confirmed', 'pending', 'rejected', 'unknown', 'skipped')
    when 'unknown' then after in ('confirmed', 'pending', 'rejected', 'abandoned')
    when 'rejected' then after in ('pending', 'abandoned')
    when 'confirmed' then after in ('unknown')
    else false
end;

create function outbox.refuse_recheck() returns trigger language plpgsql as $$
begin
    raise exception 'outbox message %: a confirmed stock delta is in its level for good', old.message_id
        using errcode = 'check_violation';
end
$$;
create trigger stock_deltas_stay_confirmed before update of state on outbox.messages
for each row when (old.kind = 'oro_inventory_delta' and old.state = 'confirmed' and new.state <> 'confirmed')
execute function outbox.refuse_recheck();
