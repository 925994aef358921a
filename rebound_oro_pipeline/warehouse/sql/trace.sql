-- Statements of services/trace.py: everything that is kept about a return, an order, a credit note or a SKU.

-- name: find
select
    'return' as kind,
    return_id as id
from landing.rebound_returns
where return_id = %(given)s or display_id = %(given)s
union
select
    'return' as kind,
    document_key as id
from landing.malformed_documents
where source_system = 'rebound' and resource = 'returns' and document_key = %(given)s
union
select
    'return' as kind,
    return_id as id
from ledger.credit_notes
where return_id = %(given)s
union
select
    'order' as kind,
    order_id as id
from landing.oro_orders
where
    order_id = %(given)s
    or landing.match_key(%(given)s) in (identifier_key, po_number_key, external_id_key)
union
select
    'order' as kind,
    order_id as id
from ledger.orders
where order_id = %(given)s
union
select
    'note' as kind,
    credit_note_number as id
from ledger.credit_notes
where credit_note_number = %(given)s
union
select
    'sku' as kind,
    landing.match_key(%(given)s) as id
where
    exists (select from landing.rebound_return_lines where sku_key = landing.match_key(%(given)s))
    or exists (select from landing.oro_order_lines where sku_key = landing.match_key(%(given)s))
    or exists (select from landing.oro_order_kit_items where sku_key = landing.match_key(%(given)s))
    or exists (select from landing.oro_products where sku_key = landing.match_key(%(given)s))
    or exists (
        select from reference.sku_aliases
        where landing.match_key(%(given)s) in (alias_key, sku_key)
    )
order by kind, id;

-- name: returns_of
select return_id
from (
    select return_id from ledger.credit_notes
    where order_id = any(%(order_ids)s::text[]) or credit_note_number = any(%(notes)s::text[])
    union
    select returns.return_id
    from landing.oro_orders as orders
    inner join landing.rebound_returns as returns
        on returns.order_reference_key in (orders.identifier_key, orders.po_number_key, orders.external_id_key)
    where orders.order_id = any(%(order_ids)s::text[])
    union
    select newest.return_id
    from (
        select distinct
            returns.return_id,
            returns.registered_at
        from (
            select lines.return_id
            from landing.rebound_return_lines as lines
            where lines.sku_key = any(%(sku_keys)s::text[])
            union
            -- Under an alias, or as a component of a kit.
            select deltas.return_id
            from ledger.inventory_deltas as deltas
            where landing.match_key(deltas.sku) = any(%(sku_keys)s::text[])
        ) as met
        inner join landing.rebound_returns as returns on met.return_id = returns.return_id
        order by returns.registered_at desc, returns.return_id asc
        limit %(at_most)s
    ) as newest
) as found;

-- name: orders_of
select order_id
from ledger.credit_notes
where return_id = any(%(return_ids)s::text[])
union
select orders.order_id
from landing.rebound_returns as returns
inner join landing.oro_orders as orders
    on returns.order_reference_key in (orders.identifier_key, orders.po_number_key, orders.external_id_key)
where returns.return_id = any(%(return_ids)s::text[]);

-- name: events
with notes as (
    select notes.*
    from ledger.credit_notes as notes
    where notes.return_id = any(%(return_ids)s::text[])
),

messages as (
    select messages.*
    from outbox.messages
    inner join notes on messages.business_key = notes.credit_note_number
    where messages.kind = 'oro_credit_note'
    union all
    select messages.*
    from notes
    inner join ledger.inventory_deltas as deltas on notes.credit_note_number = deltas.credit_note_number
    inner join outbox.messages on messages.business_key = deltas.credit_note_number || ':' || deltas.position
    where messages.kind = 'oro_inventory_delta'
    union all
    select messages.*
    from outbox.messages
    where messages.kind = 'rebound_order' and messages.ordering_key = any(%(order_ids)s::text[])
),

levels as (
    select writes.*
    from outbox.level_writes as writes
    where
        writes.message_ids && array(select messages.message_id from messages)
        or landing.match_key(writes.sku) = any(%(sku_keys)s::text[])
),

subjects as (
    select landing.line_subject(lines.return_id, lines.return_line_key) as subject
    from landing.rebound_return_lines as lines
    where lines.return_id = any(%(return_ids)s::text[])
    union
    select each.return_id as subject
    from unnest(%(return_ids)s::text[]) as each (return_id)
    union
    select 'rebound returns ' || each.return_id as subject
    from unnest(%(return_ids)s::text[]) as each (return_id)
    union
    select messages.business_key as subject
    from messages
    union
    -- Discrepancies that a person took note of go by the order's number, with its line or without, or by the level.
    select noted.subject
    from reconciliation.acknowledgements as noted
    where
        exists (
            select from unnest(%(order_ids)s::text[]) as each (order_id)
            left join landing.oro_orders as orders on each.order_id = orders.order_id
            left join ledger.orders as kept on each.order_id = kept.order_id
            where
                noted.subject in (orders.identifier, kept.order_identifier)
                or starts_with(noted.subject, coalesce(kept.order_identifier, orders.identifier) || ', ')
        )
        or exists (
            select from levels
            where
                noted.subject
                = levels.sku || ', ' || coalesce(levels.unit_code, 'no unit') || ' (level ' || levels.level_id || ')'
        )
)

select
    returns.landed_at as at,
    'return landed' as event,
    returns.return_id as subject,
    concat_ws(
        ', ', 'status ' || returns.status, 'order ' || returns.order_reference,
        'registered ' || to_char(returns.registered_at, 'YYYY-MM-DD HH24:MI'), 'by ' || returns.source
    ) as said,
    returns.document as payload
from landing.rebound_returns as returns
where returns.return_id = any(%(return_ids)s::text[])
union all
select
    replaced.landed_at as at,
    case replaced.resource when 'returns' then 'return landed' else 'order landed' end as event,
    replaced.document_id as subject,
    'replaced at ' || to_char(replaced.replaced_at, 'YYYY-MM-DD HH24:MI:SS') as said,
    replaced.document as payload
from landing.replaced_documents as replaced
where
    (replaced.resource = 'returns' and replaced.document_id = any(%(return_ids)s::text[]))
    or (replaced.resource = 'orders' and replaced.document_id = any(%(order_ids)s::text[]))
union all
select
    documents.landed_at as at,
    'document not read' as event,
    documents.document_key as subject,
    documents.fault_path || ': ' || documents.fault as said,
    to_jsonb(documents.document) as payload
from landing.malformed_documents as documents
where
    (documents.resource = 'returns' and documents.document_key = any(%(return_ids)s::text[]))
    or (documents.resource = 'orders' and documents.document_key = any(%(order_ids)s::text[]))
union all
select
    deliveries.received_at as at,
    'webhook received' as event,
    deliveries.document_id as subject,
    concat_ws(', ', deliveries.event_type, deliveries.outcome) as said,
    null as payload
from inbox.deliveries
where
    (deliveries.source = 'rebound' and deliveries.document_id = any(%(return_ids)s::text[]))
    or (deliveries.source = 'oro' and deliveries.document_id = any(%(order_ids)s::text[]))
union all
select
    orders.landed_at as at,
    'order landed' as event,
    orders.order_id as subject,
    concat_ws(
        ', ',
        orders.identifier,
        round(orders.total_value, ledger.digits_shown(coalesce(currencies.digits, 2), orders.total_value))
        || ' ' || orders.currency,
        orders.internal_status,
        orders.shipping_status
    ) as said,
    orders.document as payload
from landing.oro_orders as orders
left join seeds.currencies as currencies on orders.currency = currencies.currency
where orders.order_id = any(%(order_ids)s::text[])
union all
select
    decisions.decided_at as at,
    'order kept' as event,
    orders.order_id as subject,
    format(
        '%%s %%s, policy %%s, as it was when first credited',
        round(orders.total_value, ledger.digits_shown(orders.digits, orders.total_value)),
        orders.currency,
        orders.policy_version
    ) as said,
    null as payload
from ledger.orders as orders
inner join ledger.decisions as decisions on orders.decision_id = decisions.decision_id
where orders.order_id = any(%(order_ids)s::text[])
union all
select
    offers.offered_at as at,
    'offer ' || case offers.state when 'offered' then 'decided' else 'withdrawn' end as event,
    offers.order_id || ':' || offers.version as subject,
    case offers.state
        when 'offered'
            then format('%%s, %%s items may come back', offers.order_reference, jsonb_array_length(offers.items))
        else format('%%s, %%s', offers.order_reference, offers.reason)
    end as said,
    offers.items as payload
from ledger.offers as offers
where offers.order_id = any(%(order_ids)s::text[])
union all
select
    decisions.decided_at as at,
    'units claimed' as event,
    landing.line_subject(claims.return_id, claims.return_line_key) as subject,
    format(
        'units %%s of %%s of item %%s on order %%s', claims.units, trim_scale(claims.ordered_quantity),
        claims.order_item_id, claims.order_id
    ) as said,
    null as payload
from ledger.claims as claims
inner join ledger.decisions as decisions on claims.decision_id = decisions.decision_id
where claims.return_id = any(%(return_ids)s::text[])
union all
select
    notes.decided_at as at,
    'credit note decided' as event,
    notes.credit_note_number as subject,
    format('%%s %%s, policy %%s', notes.total_amount, notes.currency, notes.policy_version) as said,
    null as payload
from notes
union all
select
    deltas.decided_at as at,
    'stock decided' as event,
    deltas.credit_note_number || ':' || deltas.position as subject,
    format(
        '%%s %%s of %%s, %%s, %%s', trim_scale(deltas.quantity), coalesce(deltas.unit_code, 'units'), deltas.sku,
        deltas.disposition, case when deltas.restocks then 'back on the shelf' else 'not restocked' end
    ) as said,
    null as payload
from ledger.inventory_deltas as deltas
inner join notes on deltas.credit_note_number = notes.credit_note_number
union all
select
    holds.held_since as at,
    'held' as event,
    holds.subject,
    format(
        '%%s, %%s units, OroCommerce is asked again at %%s', holds.reason, trim_scale(holds.quantity),
        to_char(holds.next_check_at, 'YYYY-MM-DD HH24:MI')
    ) as said,
    null as payload
from ledger.holds as holds
where holds.return_id = any(%(return_ids)s::text[])
union all
select
    holds.resolved_at as at,
    'hold ended' as event,
    holds.subject,
    holds.resolution as said,
    null as payload
from ledger.holds as holds
where holds.return_id = any(%(return_ids)s::text[]) and holds.resolved_at is not null
union all
select
    quarantine.opened_at as at,
    'quarantined' as event,
    quarantine.subject,
    concat_ws(', ', quarantine.reason, trim_scale(quarantine.quantity) || ' units', quarantine.detail) as said,
    null as payload
from ledger.quarantine as quarantine
where quarantine.return_id = any(%(return_ids)s::text[])
union all
select
    quarantine.resolved_at as at,
    'quarantine ended' as event,
    quarantine.subject,
    quarantine.reason || ', ' || quarantine.resolution as said,
    null as payload
from ledger.quarantine as quarantine
where quarantine.return_id = any(%(return_ids)s::text[]) and quarantine.resolved_at is not null
union all
select
    messages.created_at as at,
    'message written' as event,
    messages.business_key as subject,
    messages.kind as said,
    messages.payload
from messages
union all
select
    messages.changed_at as at,
    'message ' || messages.state as event,
    messages.business_key as subject,
    concat_ws(
        ', ', messages.kind, 'attempts ' || messages.attempts, 'id in the other system ' || messages.remote_id,
        messages.last_error
    ) as said,
    null as payload
from messages
where messages.state <> 'pending' or messages.attempts > 0
union all
select
    coalesce(levels.finished_at, levels.started_at) as at,
    'level ' || levels.state as event,
    levels.sku || '/' || levels.unit_code as subject,
    format(
        'level %%s from %%s to %%s%%s', levels.level_id, trim_scale(levels.quantity_before),
        trim_scale(levels.quantity_target), coalesce(', shows ' || trim_scale(levels.quantity_seen), '')
    ) as said,
    null as payload
from levels
union all
select
    aliases.added_at as at,
    'alias added' as event,
    aliases.alias as subject,
    'stands for ' || aliases.sku || ', by ' || aliases.added_by as said,
    null as payload
from reference.sku_aliases as aliases
where aliases.alias_key = any(%(sku_keys)s::text[]) or aliases.sku_key = any(%(sku_keys)s::text[])
union all
select
    log.happened_at as at,
    'audit: ' || log.action as event,
    log.subject,
    concat_ws(
        ', ',
        case when log.action = 'quarantine assigned' then 'to ' || coalesce(log.detail ->> 'assignee', 'nobody') end,
        (
            select 'added ' || string_agg(tag, ' and ')
            from jsonb_array_elements_text(case log.action when 'quarantine tagged' then log.detail -> 'added' end) as tag
        ),
        (
            select 'removed ' || string_agg(tag, ' and ')
            from jsonb_array_elements_text(case log.action when 'quarantine tagged' then log.detail -> 'removed' end) as tag
        ),
        'by ' || log.actor,
        log.reason,
        'request ' || log.request_id
    ) as said,
    log.detail as payload
from outbox.audit_log as log
where log.subject in (select subjects.subject from subjects)
union all
select
    held.read_at as at,
    'read back' as event,
    held.credit_note_number as subject,
    concat_ws(
        ', ',
        findings.finding,
        round(held.total_amount, ledger.digits_shown(scale(notes.total_amount), held.total_amount))
        || ' ' || held.currency,
        'id in OroCommerce ' || held.remote_id
    ) as said,
    null as payload
from reconciliation.oro_credit_notes as held
inner join notes on held.credit_note_number = notes.credit_note_number
inner join reconciliation.credit_notes as findings
    on held.credit_note_number = findings.credit_note_number and held.remote_id = findings.oro_credit_note_id
order by at, event, subject;
