-- Statements of watermarks.py.

-- name: read_until
select least(read_until, %(now)s::timestamptz)
from landing.watermarks
where stream = %(stream)s;

-- name: advance
-- Never back: of two readers at once the one that asked later counts.
insert into landing.watermarks as kept (stream, read_since, read_until, updated_at)
values (%(stream)s, %(read_since)s::timestamptz, %(read_until)s, clock_timestamp())
on conflict (stream) do update set
    read_since = case
        when excluded.read_since <= kept.read_until then least(kept.read_since, excluded.read_since)
        else excluded.read_since
    end,
    read_until = excluded.read_until,
    updated_at = excluded.updated_at
where kept.read_until < excluded.read_until;

-- name: orders_without_status
-- Orders for which only a tracking can say that they are dispatched, and that had none when they were read.
select orders.order_id
from landing.oro_orders as orders
where
    orders.created_at >= %(created_since)s
    and not orders.has_shipping_trackings
    and case when orders.has_shipping_status then orders.shipping_status else orders.internal_status end is null
    and coalesce(orders.internal_status <> all(%(cancelled)s::text[]), true)
order by length(orders.order_id), orders.order_id;
