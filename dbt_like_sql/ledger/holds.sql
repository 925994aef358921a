/*
Return lines of the window that came too early: their order is not known, not confirmed or not dispatched yet. They are asked
again after the first retry, then after twice that, and so on up to the longest pause, counted from when they were first held.

materialized: state
key: subject
window: registered_at
moves_with: return_id of staging.stg_rebound__returns
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
    -- Enough to double a minute up to a year.
    cross join generate_series(1, 21) as numbers (attempt)
),

-- From here on there is no doubling any more.
last_doubled as (
    select
        checks.attempt,
        checks.minutes_after,
        policy.longest_retry_minutes
    from checks
    cross join intermediate.int_policy as policy
    order by checks.attempt desc
    limit 1
),

held as (
    select
        outcomes.*,
        extract(epoch from %(decided_at)s - outcomes.held_since) / 60 as minutes_held
    from intermediate.int_return_line_outcomes as outcomes
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
cross join last_doubled
cross join lateral (
    select
        checks.attempt::integer as attempts,
        checks.minutes_after::integer as minutes_after
    from checks
    where checks.minutes_after > held.minutes_held
    union all
    select
        (last_doubled.attempt + pauses.number)::integer as attempts,
        (last_doubled.minutes_after + pauses.number * last_doubled.longest_retry_minutes)::integer as minutes_after
    from (
        select floor((held.minutes_held - last_doubled.minutes_after) / last_doubled.longest_retry_minutes) + 1 as number
    ) as pauses
    where held.minutes_held >= last_doubled.minutes_after
    order by attempts
    limit 1
) as due
