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
    currency,
    ours,
    theirs,
    difference,
    next_step,
    seen_at
from reconciliation.discrepancies
where %(kind)s::text is null or kind = %(kind)s
order by kind, abs(difference) desc, subject;
