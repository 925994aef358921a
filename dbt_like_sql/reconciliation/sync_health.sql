/*
How well the two systems are in step, as figures of this moment: one row per figure and label. Dagster plots them over time, and
the webhook receiver shows them to Prometheus.

materialized: view
step: reconciliation
grain: figure, label
owner: ops
columns:
    figure: the name of the metric, without the prefix rebound_oro_
    label: what tells several values of one figure apart; empty where there is one
    value: seconds, counts, units or money, as the name says
*/
with

ages as (
    select
        'landing_age_seconds' as figure,
        'rebound' as label,
        extract(epoch from now() - max(returns.landed_at)) as value
    from landing.rebound_returns as returns
    union all
    select
        'landing_age_seconds' as figure,
        'orocommerce' as label,
        extract(epoch from now() - max(orders.landed_at)) as value
    from landing.oro_orders as orders
    union all
    select
        'decision_age_seconds' as figure,
        '' as label,
        extract(epoch from now() - max(decisions.decided_at)) as value
    from ledger.decisions as decisions
),

-- Of what came to an end within the last day: from the hub's document to our landing it has no moment, so lag begins there.
lags as (
    select
        'stage_lag_seconds' as figure,
        'landed to decided' as label,
        percentile_cont(0.5) within group (order by extract(epoch from notes.decided_at - returns.landed_at)) as value
    from ledger.decisions as decisions
    inner join ledger.credit_notes as notes on decisions.decision_id = notes.decision_id
    inner join landing.rebound_returns as returns on notes.return_id = returns.return_id
    where decisions.decided_at > now() - interval '1 day'
    union all
    select
        'stage_lag_seconds' as figure,
        'decided to confirmed' as label,
        percentile_cont(0.5) within group (order by extract(epoch from messages.confirmed_at - messages.created_at)) as value
    from outbox.messages as messages
    where messages.state = 'confirmed' and messages.changed_at > now() - interval '1 day'
),

kinds (kind) as (
    values ('oro_credit_note'), ('oro_inventory_delta'), ('rebound_order')
),

-- Each condition is that of an index, because what has ended is nearly all.
backlog as (
    select
        kinds.kind,
        waiting.open,
        waiting.oldest,
        waiting.held_back,
        refused.rejected
    from kinds
    cross join
        lateral (
            select
                count(*) filter (where messages.next_attempt_at < outbox.held_back_until()) as open,
                min(messages.created_at) filter (where messages.next_attempt_at < outbox.held_back_until()) as oldest,
                count(*) filter (where messages.next_attempt_at = outbox.held_back_until()) as held_back
            from outbox.messages as messages
            where messages.kind = kinds.kind and messages.state in ('pending', 'sending', 'unknown')
        ) as waiting
    cross join lateral (
        select count(*) as rejected
        from outbox.messages as messages
        where messages.kind = kinds.kind and messages.state = 'rejected'
    ) as refused
),

pushed as (
    select
        kinds.kind,
        count(messages.message_id) filter (where messages.state = 'rejected') as rejected,
        count(messages.message_id) as ended
    from kinds
    left join outbox.messages as messages
        on
            kinds.kind = messages.kind
            and messages.state in ('confirmed', 'rejected')
            and messages.changed_at > now() - interval '1 day'
    group by kinds.kind
),

outbox_figures as (
    select
        'outbox_open_messages' as figure,
        backlog.kind as label,
        backlog.open as value
    from backlog
    union all
    select
        'outbox_held_back_messages' as figure,
        backlog.kind as label,
        backlog.held_back as value
    from backlog
    union all
    select
        'outbox_rejected_messages' as figure,
        backlog.kind as label,
        backlog.rejected as value
    from backlog
    union all
    select
        'outbox_oldest_seconds' as figure,
        backlog.kind as label,
        coalesce(extract(epoch from now() - backlog.oldest), 0) as value
    from backlog
    union all
    select
        'push_error_ratio' as figure,
        pushed.kind as label,
        pushed.rejected / greatest(pushed.ended, 1)::numeric as value
    from pushed
    union all
    select
        'circuit_open' as figure,
        kinds.kind as label,
        case when circuits.open_until > now() then 1 else 0 end as value
    from kinds
    left join outbox.circuits as circuits on kinds.kind = circuits.kind
),

work as (
    select
        'held_lines' as figure,
        '' as label,
        count(*) as value
    from ledger.holds as holds
    where holds.resolved_at is null
    union all
    select
        'oldest_hold_seconds' as figure,
        '' as label,
        coalesce(max(extract(epoch from now() - holds.held_since)), 0) as value
    from ledger.holds as holds
    where holds.resolved_at is null
    union all
    select
        'quarantined_rows' as figure,
        reasons.reason as label,
        count(open_rows.subject) as value
    from seeds.quarantine_reasons as reasons
    left join marts.quarantined_exceptions as open_rows on reasons.reason = open_rows.reason
    group by reasons.reason
    union all
    select
        'oldest_quarantine_seconds' as figure,
        '' as label,
        coalesce(max(extract(epoch from now() - open_rows.opened_at)), 0) as value
    from marts.quarantined_exceptions as open_rows
    union all
    select
        'inbox_unsettled_deliveries' as figure,
        '' as label,
        count(*) as value
    from inbox.deliveries as deliveries
    where deliveries.settled_at is null
    union all
    select
        'inbox_oldest_seconds' as figure,
        '' as label,
        coalesce(max(extract(epoch from now() - deliveries.received_at)), 0) as value
    from inbox.deliveries as deliveries
    where deliveries.settled_at is null
),

money_at_stake as (
    select
        'amount_at_stake' as figure,
        'quarantined ' || open_rows.currency as label,
        sum(open_rows.amount_at_stake) as value
    from marts.quarantined_exceptions as open_rows
    where open_rows.currency is not null and open_rows.amount_at_stake is not null
    group by open_rows.currency
    union all
    select
        'amount_at_stake' as figure,
        'held ' || holds.currency as label,
        sum(holds.amount_at_stake) as value
    from marts.held_returns as holds
    where holds.currency is not null and holds.amount_at_stake is not null
    group by holds.currency
),

-- As the last reconciliation found them: comparing all the books takes seconds, and these figures are asked for all day.
disagreements as (
    select
        found.kind,
        found.currency,
        found.difference,
        found.first_seen_at,
        found.acknowledged_at
    from reconciliation.sightings as found
    where found.resolved_at is null
),

-- What a person took note of calls nobody any more; the money by which the systems differ is the same.
drift as (
    select
        'discrepancies' as figure,
        disagreements.kind as label,
        count(*) as value
    from disagreements
    where disagreements.acknowledged_at is null
    group by disagreements.kind
    union all
    select
        'discrepancies_acknowledged' as figure,
        disagreements.kind as label,
        count(*) as value
    from disagreements
    where disagreements.acknowledged_at is not null
    group by disagreements.kind
    union all
    select
        'oldest_discrepancy_seconds' as figure,
        disagreements.kind as label,
        max(extract(epoch from now() - disagreements.first_seen_at)) as value
    from disagreements
    where disagreements.acknowledged_at is null
    group by disagreements.kind
    union all
    select
        'drift_amount' as figure,
        disagreements.currency as label,
        sum(abs(disagreements.difference)) as value
    from disagreements
    -- The difference of an order holds those of its lines.
    where disagreements.currency is not null and disagreements.kind <> 'order_line_changed_after_credit'
    group by disagreements.currency
    union all
    select
        'drift_units' as figure,
        '' as label,
        coalesce(sum(abs(disagreements.difference)), 0) as value
    from disagreements
    where disagreements.currency is null
),

figures as (
    select * from ages
    union all
    select * from lags
    union all
    select * from outbox_figures
    union all
    select * from work
    union all
    select * from money_at_stake
    union all
    select * from drift
)

select
    figures.figure,
    figures.label,
    round(figures.value::numeric, 4) as value
from figures
where figures.value is not null
