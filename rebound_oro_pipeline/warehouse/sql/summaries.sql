-- name: destinations
-- Of a window or of single returns: the other is null, and finds nothing.
select
    destination,
    reason,
    count(*)::integer as lines,
    coalesce(sum(quantity), 0) as units
from marts.return_line_destinations
where
    (registered_at >= %(window_start)s::timestamptz and registered_at < %(window_end)s::timestamptz)
    or return_id = any(%(return_ids)s::text[])
group by destination, reason
order by destination, reason

-- name: credited
select
    currency,
    count(*)::integer as notes,
    sum(total_amount) as total_amount
from ledger.credit_notes
where registered_at >= %(window_start)s and registered_at < %(window_end)s
group by currency
order by currency

-- name: restocked
select
    coalesce(sum(quantity) filter (where restocks), 0),
    coalesce(sum(quantity) filter (where not restocks), 0)
from ledger.inventory_deltas
where registered_at >= %(window_start)s and registered_at < %(window_end)s

-- name: lines_without_a_place
select count(*)
from landing.rebound_returns as returns
inner join landing.rebound_return_lines as lines on returns.return_id = lines.return_id
where
    returns.registered_at >= %(window_start)s
    and returns.registered_at < %(window_end)s
    and coalesce(lines.quantity_received, lines.quantity, 1) > 0
    and not exists (
        select 1
        from marts.return_line_destinations as destinations
        where destinations.return_id = lines.return_id and destinations.position = lines.position
    )
