-- A version that must not be sent, because its reference means another order by now, says so from the first.
create or replace view outbox.rebound_orders as
select
    kind,
    business_key,
    ordering_key,
    registered_at,
    payload,
    state,
    last_error
from outbox.messages
where kind = 'rebound_order';
