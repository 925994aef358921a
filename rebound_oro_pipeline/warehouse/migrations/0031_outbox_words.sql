-- What several statements say of messages. What a decision held back is put off for good, until somebody releases it, and
-- monitors must not wait for it.
create function outbox.held_back_until() returns timestamptz
language sql immutable parallel safe
return '9999-12-31 00:00:00+00'::timestamptz;
comment on function outbox.held_back_until is
'next_attempt_at of messages that a decision held back until an operator releases them.';

create function outbox.is_unclaimed(claimed_by text, claimed_until timestamptz) returns boolean
language sql stable
return claimed_by is null or claimed_until < statement_timestamp() or not outbox.is_alive(claimed_by);
comment on function outbox.is_unclaimed is
'Whether nobody living has claimed a message: nobody at all, somebody whose lease is over, or whose session is.';
