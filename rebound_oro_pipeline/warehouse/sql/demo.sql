-- name: messages_unsettled
select count(*)
from outbox.messages
where state in ('pending', 'sending', 'unknown')

-- name: notes_against_oro
select
    finding,
    count(*)::integer as count,
    coalesce(sum(abs(coalesce(decided_total_amount, 0) - coalesce(oro_total_amount, 0))), 0) as difference
from reconciliation.credit_notes
group by finding
order by finding

-- name: levels_against_oro
select
    finding,
    count(*)::integer as count,
    coalesce(sum(abs(quantity_decided - quantity_written)), 0) as difference
from reconciliation.inventory
group by finding
order by finding
