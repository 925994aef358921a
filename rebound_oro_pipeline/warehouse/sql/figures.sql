-- name: credited_by_day
select
    (registered_at at time zone 'UTC')::date as day,
    currency,
    sum(total_amount) as total_amount
from ledger.credit_notes
where registered_at >= %(window_start)s and registered_at < %(window_end)s
group by day, currency
order by day, currency

-- name: returns_by_day
select
    (returns.registered_at at time zone 'UTC')::date as day,
    count(distinct returns.return_id)::integer as returns,
    count(lines.return_id)::integer as lines
from landing.rebound_returns as returns
left join landing.rebound_return_lines as lines on returns.return_id = lines.return_id
where returns.registered_at >= %(window_start)s and returns.registered_at < %(window_end)s
group by day
order by day

-- name: holds_by_day
select
    (holds.registered_at at time zone 'UTC')::date as day,
    count(*) as held_lines,
    max(extract(epoch from %(now)s - holds.held_since)) / 3600 as oldest_hours,
    max(holds.attempts) as most_attempts
from ledger.holds as holds
where
    holds.resolved_at is null
    and holds.registered_at >= %(window_start)s
    and holds.registered_at < %(window_end)s
group by day
