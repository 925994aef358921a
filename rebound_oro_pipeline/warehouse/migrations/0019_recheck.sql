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

create or replace function outbox.check_transition() returns trigger language plpgsql as $$
begin
    if not outbox.is_transition(old.state, new.state) then
        raise exception 'outbox message %: % cannot become %', old.message_id, old.state, new.state
            using errcode = 'check_violation';
    end if;
    if old.state = 'confirmed' and old.kind = 'oro_inventory_delta' then
        raise exception 'outbox message %: a confirmed stock delta is in its level for good', old.message_id
            using errcode = 'check_violation';
    end if;
    if new.state = 'pending' and exists (
        select from outbox.level_writes
        where
            level_writes.state in ('writing', 'confirmed') and level_writes.message_ids @> array[new.message_id]
    ) then
        raise exception 'outbox message %: its level is written, or may be; sending it again could add it twice',
            new.message_id using errcode = 'check_violation';
    end if;
    new.changed_at := clock_timestamp();
    return new;
end
$$;
