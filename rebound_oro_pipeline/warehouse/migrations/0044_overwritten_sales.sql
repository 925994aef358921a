-- What was sold while a write of a level waited is looked up by the time of the order.
create index oro_orders_created_at on landing.oro_orders (created_at);

-- A write is found done when its level shows the target. Orders are dated in whole seconds, by another clock, and an answer
-- takes its time, so that of the last seconds before that moment nobody can say which came first.
create function outbox.sold_before(finished_at timestamptz) returns timestamptz
language sql stable parallel safe
return finished_at - interval '2 seconds';
comment on function outbox.sold_before is
'Until when a sale certainly came before the moment at which a level was seen as it was to be.';

-- What is written singly is written within two seconds, or read once more before.
create function outbox.may_have_overwritten(
    state text, sent_as text, started_at timestamptz, finished_at timestamptz
) returns boolean
language sql stable parallel safe
return state = 'confirmed' and sent_as = 'batch' and started_at < outbox.sold_before(finished_at);
comment on function outbox.may_have_overwritten is
'Whether a write of a level waited so long that what was sold meanwhile may have been overwritten by it.';
