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
    first_seen_at
from reconciliation.discrepancies
where %(kind)s::text is null or kind = %(kind)s
order by kind, abs(difference) desc, subject;

-- name: record_sightings
with found as (
    select distinct
        kind,
        subject
    from reconciliation.discrepancies
),

gone as (
    update reconciliation.sightings as known set resolved_at = greatest(now(), known.first_seen_at)
    where
        known.resolved_at is null
        and not exists (select from found where found.kind = known.kind and found.subject = known.subject)
)

insert into reconciliation.sightings (kind, subject, first_seen_at)
select
    found.kind,
    found.subject,
    now() as first_seen_at
from found
on conflict (kind, subject) where resolved_at is null do nothing;
