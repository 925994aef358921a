-- name: filled_by
select
    exists (select from landing.rebound_returns) as holds_returns,
    exists (select from outbox.audit_log where action = 'demo') as by_a_demo

-- name: mark_as_demo
insert into outbox.audit_log (actor, action, subject, reason)
select
    'rebound-oro demo',
    'demo',
    current_database(),
    'filled from a sandbox'
where not exists (select from outbox.audit_log where action = 'demo')

-- name: messages_unsettled
select count(*)
from outbox.messages
where state in ('pending', 'sending', 'unknown')

-- name: offers_told
select
    offer_state,
    coalesce(push_state, 'pending') as push_state,
    count(distinct order_id)::integer as orders,
    count(*)::integer as items
from marts.returnable_items
group by offer_state, coalesce(push_state, 'pending')
order by offer_state, push_state

-- name: documents_unread
select count(*)
from landing.malformed_documents
where source_system = 'rebound'

-- name: notes_against_oro
select
    finding,
    count(*)::integer as count,
    coalesce(sum(abs(coalesce(expected_total_amount, 0) - coalesce(oro_total_amount, 0))), 0) as difference
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
