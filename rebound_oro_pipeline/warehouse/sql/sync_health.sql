-- Statements of services/sync_health.py.

-- name: figures
select
    figure,
    label,
    value
from reconciliation.sync_health
order by figure, label;

-- name: discrepancies
select
    kind,
    subject,
    order_identifier,
    currency,
    ours,
    theirs,
    difference,
    detail,
    next_step,
    seen_at,
    first_seen_at,
    acknowledged_at,
    acknowledged_by,
    acknowledged_why
from reconciliation.discrepancies
where
    (%(kinds)s::text[] is null or kind = any(%(kinds)s::text[]))
    and (%(order)s::text is null or landing.match_key(order_identifier) = landing.match_key(%(order)s::text))
order by kind, abs(difference) desc, subject;

-- name: record_sightings
-- Two orders may bear one reference, and so two discrepancies one subject.
with found as (
    select
        kind,
        subject,
        min(currency) as currency,
        sum(difference) as difference,
        case when bool_and(acknowledged_at is not null) then max(acknowledged_at) end as acknowledged_at
    from reconciliation.discrepancies
    group by kind, subject
),

gone as (
    update reconciliation.sightings as known set resolved_at = greatest(now(), known.first_seen_at)
    where
        known.resolved_at is null
        and not exists (select from found where found.kind = known.kind and found.subject = known.subject)
),

-- One that comes back is a new one.
settled as (
    update reconciliation.acknowledgements as known set revoked_at = greatest(now(), known.acknowledged_at)
    where
        known.revoked_at is null
        and not exists (select from found where found.kind = known.kind and found.subject = known.subject)
)

insert into reconciliation.sightings (kind, subject, currency, difference, first_seen_at, acknowledged_at)
select
    found.kind,
    found.subject,
    found.currency,
    found.difference,
    now() as first_seen_at,
    found.acknowledged_at
from found
on conflict (kind, subject) where resolved_at is null do update set
currency = excluded.currency, difference = excluded.difference, acknowledged_at = excluded.acknowledged_at;

-- name: kinds
select kind from seeds.discrepancy_kinds;
