-- Statements of services/operate_*.py: what people look at and decide. Who and why stand in outbox.audit_log.

-- name: log
insert into outbox.audit_log (actor, action, subject, reason, detail)
select
    %(who)s,
    %(action)s,
    subjects.subject,
    %(why)s,
    %(detail)s
from unnest(%(subjects)s::text[]) as subjects (subject);

-- name: quarantine
select
    exceptions.subject,
    exceptions.reason,
    exceptions.return_id,
    exceptions.return_line_key,
    exceptions.order_reference,
    exceptions.quantity,
    exceptions.currency,
    exceptions.amount_at_stake,
    exceptions.detail,
    exceptions.owner,
    work.assignee,
    coalesce(work.tags, '{}') as tags,
    exceptions.what_happened,
    exceptions.remedy,
    exceptions.registered_at,
    exceptions.opened_at
from marts.quarantined_exceptions as exceptions
left join reference.quarantine_work as work
    on exceptions.subject = work.subject and exceptions.reason = work.reason
where
    (%(subjects)s::text[] is null or exceptions.subject = any(%(subjects)s::text[]))
    and (%(reason)s::text is null or exceptions.reason = %(reason)s)
    and (
        %(owner)s::text is null
        or landing.match_key(%(owner)s) in (landing.match_key(exceptions.owner), landing.match_key(work.assignee))
    )
    and (%(return_id)s::text is null or exceptions.return_id = %(return_id)s)
    and (%(currency)s::text is null or exceptions.currency = upper(%(currency)s))
    and (%(min_amount)s::numeric is null or exceptions.amount_at_stake >= %(min_amount)s)
    and (%(max_amount)s::numeric is null or exceptions.amount_at_stake <= %(max_amount)s)
    and (
        %(tag)s::text is null
        or exists (select from unnest(work.tags) as tag where landing.match_key(tag) = landing.match_key(%(tag)s))
    )
    and (
        %(older_than_days)s::integer is null
        or exceptions.opened_at < statement_timestamp() - make_interval(days => %(older_than_days)s::integer)
    )
order by exceptions.opened_at, exceptions.subject, exceptions.reason;

-- name: reasons
select reason from seeds.quarantine_reasons;

-- name: statuses
select status from seeds.rebound_statuses;

-- name: history
select
    quarantine.reason,
    quarantine.quantity,
    quarantine.detail,
    quarantine.opened_at,
    quarantine.resolved_at,
    quarantine.resolution
from ledger.quarantine as quarantine
where quarantine.subject = %(subject)s
order by quarantine.opened_at, quarantine.reason;

-- name: add_decision
insert into reference.operator_decisions (
    subject, reason, return_id, return_line_key, registered_at, verdict, quantity, sku_key, unit_code,
    order_reference_key, who, why, decided_at
)
select
    %(subject)s,
    %(reason)s,
    %(return_id)s,
    %(return_line_key)s,
    %(registered_at)s,
    %(verdict)s,
    %(quantity)s,
    seen.sku_key,
    seen.unit_code,
    seen.order_reference_key,
    %(who)s,
    %(why)s,
    %(decided_at)s
from (values (true)) as decision (is_made)
left join lateral (
    select
        lines.sku_key,
        lines.unit_code,
        returns.order_reference_key
    from staging.stg_rebound__return_lines as lines
    inner join staging.stg_rebound__returns as returns on lines.return_id = returns.return_id
    where lines.return_id = %(return_id)s and lines.subject = %(subject)s and lines.fault is null
    order by lines.position
    limit 1
) as seen on true;

-- name: close_row
update ledger.quarantine
set resolved_at = %(decided_at)s, resolution = %(resolution)s, changed_at = %(decided_at)s
where subject = %(subject)s and reason = %(reason)s and resolved_at is null;

-- name: decisions
select
    operator_decision_id,
    subject,
    reason,
    return_id,
    registered_at,
    verdict,
    quantity,
    who,
    why,
    decided_at
from reference.operator_decisions
where subject = %(subject)s and (%(reason)s::text is null or reason = %(reason)s) and revoked_at is null
order by operator_decision_id;

-- name: moments
select
    returns.return_id,
    returns.registered_at
from landing.rebound_returns as returns
where returns.return_id = any(%(return_ids)s::text[]);

-- name: revoke
update reference.operator_decisions
set revoked_at = %(decided_at)s, revoked_by = %(who)s
where operator_decision_id = any(%(operator_decision_ids)s) and revoked_at is null;

-- name: places
select
    destinations.return_id,
    destinations.return_line_key,
    destinations.destination,
    destinations.reason,
    destinations.quantity,
    destinations.detail,
    coalesce(destinations.reason = 'received_quantity_decreased', false) as counts_against
from (
    select
        placed.return_id,
        placed.return_line_key,
        placed.destination,
        placed.reason,
        placed.quantity,
        placed.detail,
        placed.position
    from marts.return_line_destinations as placed
    where placed.return_id = any(%(return_ids)s::text[])
    union all
    select
        unread.return_id,
        'the document' as return_line_key,
        'quarantined' as destination,
        unread.reason,
        null as quantity,
        unread.detail,
        0 as position
    from ledger.quarantine as unread
    where
        unread.return_id = any(%(return_ids)s::text[])
        and unread.return_line_key is null
        and unread.resolved_at is null
    union all
    -- As long as the version that a person gave up is the latest one (ledger.quarantine).
    select
        decisions.return_id,
        'the document' as return_line_key,
        decisions.verdict as destination,
        decisions.reason,
        null as quantity,
        decisions.why as detail,
        0 as position
    from reference.operator_decisions as decisions
    inner join landing.malformed_documents as documents
        on decisions.subject = documents.source_system || ' ' || documents.resource || ' ' || documents.document_key
    where
        decisions.return_id = any(%(return_ids)s::text[])
        and decisions.reason = 'malformed_document'
        and decisions.verdict <> 'released'
        and decisions.revoked_at is null
        and decisions.decided_at >= documents.landed_at
) as destinations
order by destinations.return_id, destinations.position, destinations.destination, destinations.reason;

-- name: notes
select
    notes.credit_note_number,
    notes.currency,
    notes.total_amount
from ledger.credit_notes as notes
where notes.return_id = %(return_id)s and notes.decision_id = %(decision_id)s
order by notes.credit_note_number;

-- name: assign
insert into reference.quarantine_work (subject, reason, assignee, changed_by)
values (%(subject)s, %(reason)s, %(assignee)s, %(who)s)
on conflict (subject, reason) do update
    set assignee = excluded.assignee, changed_by = excluded.changed_by, changed_at = clock_timestamp();

-- name: tag
insert into reference.quarantine_work as stored (subject, reason, tags, changed_by)
values (%(subject)s, %(reason)s, %(added)s, %(who)s)
on conflict (subject, reason) do update
    set
        tags = array(
            select distinct tags.tag
            from unnest(stored.tags || %(added)s::text[]) as tags (tag)
            where tags.tag <> all(%(removed)s::text[])
            order by tags.tag
        ),
        changed_by = excluded.changed_by,
        changed_at = clock_timestamp();

-- name: returns
-- A return by its id or its displayed number; of a document that could not be read only its id is known.
select
    returns.return_id,
    returns.registered_at,
    null::text as document,
    returns.source
from landing.rebound_returns as returns
where returns.return_id = %(given)s or returns.display_id = %(given)s
union all
select
    documents.document_key as return_id,
    documents.registered_at,
    documents.document,
    documents.source
from landing.malformed_documents as documents
where documents.source_system = 'rebound' and documents.resource = 'returns' and documents.document_key = %(given)s;

-- name: holds
select
    holds.subject,
    holds.reason,
    holds.return_id,
    holds.return_line_key,
    holds.order_reference,
    holds.quantity,
    holds.currency,
    holds.amount_at_stake,
    holds.registered_at,
    holds.held_since,
    holds.attempts,
    holds.next_check_at
from marts.held_returns as holds
where
    (%(subjects)s::text[] is null or holds.subject = any(%(subjects)s::text[]))
    and (%(reason)s::text is null or holds.reason = %(reason)s)
    and (%(return_id)s::text is null or holds.return_id = %(return_id)s)
    and (%(order_reference)s::text is null or landing.match_key(holds.order_reference) = landing.match_key(%(order_reference)s))
    and (
        %(older_than_days)s::integer is null
        or holds.held_since < statement_timestamp() - make_interval(days => %(older_than_days)s::integer)
    )
order by holds.held_since, holds.subject;

-- name: release_holds
update ledger.holds
set next_check_at = least(next_check_at, statement_timestamp())
where subject = any(%(subjects)s::text[]) and resolved_at is null;

-- name: acknowledge
insert into reconciliation.acknowledgements (kind, subject, ours, theirs, detail, acknowledged_by, acknowledged_why)
values (%(kind)s, %(subject)s, %(ours)s, %(theirs)s, %(detail)s, %(who)s, %(why)s)
returning acknowledged_at, acknowledged_by, acknowledged_why;

-- name: revoke_acknowledgements
update reconciliation.acknowledgements
set revoked_at = statement_timestamp()
where kind = %(kind)s and subject = %(subject)s and revoked_at is null;

-- name: messages
select
    messages.kind,
    messages.business_key,
    messages.state::text as state,
    messages.attempts,
    messages.next_attempt_at,
    messages.state in ('pending', 'unknown') and messages.next_attempt_at = outbox.held_back_until() as held_back,
    messages.remote_id,
    messages.refusal_reason,
    messages.last_error,
    messages.created_at,
    messages.changed_at
from outbox.messages as messages
where
    (%(kind)s::text is null or messages.kind = %(kind)s)
    and (%(states)s::text[] is null or messages.state::text = any(%(states)s::text[]))
    and (%(business_keys)s::text[] is null or messages.business_key = any(%(business_keys)s::text[]))
    and (
        %(older_than_days)s::integer is null
        or messages.created_at < statement_timestamp() - make_interval(days => %(older_than_days)s::integer)
    )
order by messages.message_id desc
limit %(at_most)s;

-- name: perhaps_sent_before_restore
-- Whatever of this was open when the backup was made, or had to be decided until the other database stopped.
select
    messages.business_key,
    outbox.is_unclaimed(messages.claimed_by, messages.claimed_until) as is_unclaimed
from outbox.messages as messages
where
    messages.kind = 'oro_inventory_delta'
    and messages.state in ('pending', 'sending', 'unknown')
    and least(messages.created_at, messages.registered_at) < %(until)s;

-- name: message
select
    messages.payload,
    messages.operation_id
from outbox.messages as messages
where messages.kind = %(kind)s and messages.business_key = %(business_key)s;
