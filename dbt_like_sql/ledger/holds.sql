/*
Return lines of the window that came too early: their order is not known, not confirmed or not dispatched yet. They are asked
again after the first retry, then after twice that, and so on up to the longest pause, counted from when they were first held.

materialized: state
key: subject
window: registered_at
changed: changed_at
owner: ops
*/
with

checks as (
    select
        numbers.attempt,
        sum(least(
            policy.first_retry_minutes * (2 ^ (numbers.attempt - 1))::numeric, policy.longest_retry_minutes
        )) over (order by numbers.attempt) as minutes_after
    from intermediate.int_policy as policy
    cross join generate_series(1, 64) as numbers (attempt)
),

held as (
    select outcomes.* from intermediate.int_return_line_outcomes as outcomes
    where outcomes.destination = 'held'
)

select
    held.subject,
    held.reason,
    held.return_id,
    held.return_line_key,
    held.order_reference,
    held.quantity,
    held.registered_at,
    held.held_since,
    due.attempts,
    held.held_since + make_interval(mins => due.minutes_after) as next_check_at
from held
cross join lateral (
    select
        checks.attempt::integer as attempts,
        checks.minutes_after::integer as minutes_after
    from checks
    where held.held_since + make_interval(mins => checks.minutes_after::integer) > %(decided_at)s
    order by checks.attempt
    limit 1
) as due
