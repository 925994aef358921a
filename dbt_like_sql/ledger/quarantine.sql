/*
What cannot be trusted, of the returns of the window: lines that a rule took, units beyond what was ordered, and documents
that could not be read. A row that no longer holds is closed as healed; nothing is deleted.

materialized: state
key: subject, reason
window: registered_at
moves_with: return_id of staging.stg_rebound__returns
opened: opened_at
changed: changed_at
owner: ops
*/
select
    outcomes.subject,
    outcomes.reason,
    outcomes.return_id,
    outcomes.return_line_key,
    outcomes.order_reference,
    sum(outcomes.quantity) as quantity,
    min(outcomes.detail) as detail,
    outcomes.registered_at
from intermediate.int_return_line_outcomes as outcomes
where outcomes.destination = 'quarantined'
group by
    outcomes.subject,
    outcomes.reason,
    outcomes.return_id,
    outcomes.return_line_key,
    outcomes.order_reference,
    outcomes.registered_at
union all
select
    documents.source_system || ' ' || documents.resource || ' ' || documents.document_key as subject,
    'malformed_document' as reason,
    case when documents.source_system = 'rebound' then documents.document_id end as return_id,
    null as return_line_key,
    null as order_reference,
    null as quantity,
    documents.fault_path || ': ' || documents.fault as detail,
    documents.registered_at
from landing.malformed_documents as documents
where
    documents.registered_at >= %(window_start)s
    and documents.registered_at < %(window_end)s
    -- A person gave this version up; another one of the document opens the row again.
    and not exists (
        select 1
        from reference.operator_decisions as decisions
        where
            decisions.subject = documents.source_system || ' ' || documents.resource || ' ' || documents.document_key
            and decisions.reason = 'malformed_document'
            and decisions.verdict <> 'released'
            and decisions.revoked_at is null
            and decisions.decided_at >= documents.landed_at
    )
