/*
Where the two systems, or our own books, do not agree: both sides, the amount, and the next step. Credit notes and stock levels
are as they were last read back from OroCommerce (`rebound-oro reconcile`); orders and returns as they last landed.

materialized: view
step: reconciliation
owner: finance
columns:
    subject: the credit note, stock level, order, order line, or return line
    order_identifier: the order that it is about, where there is one
    ours: what our books say, in money, or in units where there is no currency; amounts of a row have the digits of their
        currency, all of them more only where one would be cut off
    theirs: what the other system shows; null where it shows nothing
    difference: theirs less ours
    detail: what else there is to say of it
    seen_at: when the other side was last read
    first_seen_at: when a reconciliation first found it, and found it ever since; this moment where none has yet
    acknowledged_at: when a person took note of it as it is (`rebound-oro discrepancy acknowledge`); null where nobody has
    acknowledged_by: who that was
    acknowledged_why: what they said of it
*/
with

policy as (
    select
        policies.milestone_position,
        make_interval(hours => policies.credit_within_hours) as patience
    from reference.policies as stored
    inner join intermediate.int_policies as policies on stored.policy_version = policies.policy_version
    order by stored.loaded_at desc
    limit 1
),

notes as (
    select
        'note_' || findings.finding as kind,
        findings.credit_note_number
        || case
            when findings.finding in ('twice_in_oro', 'unexpected_in_oro') then ' (' || findings.oro_credit_note_id || ')'
            else ''
        end as subject,
        coalesce(decided.order_identifier, orders.identifier, 'id ' || findings.oro_order_id) as order_identifier,
        findings.currency,
        findings.expected_total_amount as ours,
        findings.oro_total_amount as theirs,
        case findings.finding
            when 'not_ours'
                then
                    case
                        when findings.oro_order_id is null then 'it hangs on no order'
                        else coalesce(
                            'of its order we decided ' || (
                                select sum(ours.total_amount)
                                from ledger.credit_notes as ours
                                where ours.order_id = findings.oro_order_id
                            ),
                            'of its order we decided nothing'
                        )
                    end
            when 'order_differs'
                then 'it hangs on ' || coalesce('order ' || orders.identifier, 'order id ' || findings.oro_order_id, 'no order')
            when 'amounts_differ' then findings.differences
            when 'lines_differ' then findings.differences
            when 'unreadable_in_oro' then findings.differences
            when 'unexpected_in_oro' then findings.push_state || coalesce(': ' || messages.last_error, '')
        end as detail,
        findings.read_at as seen_at
    from reconciliation.credit_notes as findings
    left join ledger.credit_notes as decided on findings.credit_note_number = decided.credit_note_number
    left join landing.oro_orders as orders on findings.oro_order_id = orders.order_id
    left join outbox.messages as messages
        on messages.kind = 'oro_credit_note' and findings.credit_note_number = messages.business_key
    where
        findings.finding in (
            'not_ours',
            'missing_in_oro',
            'unexpected_in_oro',
            'twice_in_oro',
            'order_differs',
            'amounts_differ',
            'lines_differ',
            'unreadable_in_oro',
            'abandoned'
        )
),

-- Levels that we have written, and of which no write is under way: read since then, they stand where our last write left
-- them, less what was sold until they were read. Cancelling an order puts nothing back.
settled as (
    select findings.*
    from reconciliation.inventory as findings
    where
        findings.last_target is not null
        and not exists (
            select from outbox.level_writes as writes
            where writes.level_id = findings.level_id and writes.state = 'writing'
        )
),

sales as (
    select
        lines.order_id,
        lines.sku_key,
        lines.product_unit_code as unit_code,
        lines.quantity
    from landing.oro_order_lines as lines
    union all
    select
        items.order_id,
        items.sku_key,
        items.product_unit_code as unit_code,
        items.quantity * lines.quantity as quantity
    from landing.oro_order_kit_items as items
    inner join landing.oro_order_lines as lines
        on items.order_id = lines.order_id and items.order_line_id = lines.order_line_id
),

sold as (
    select
        settled.level_id,
        sum(sales.quantity) as quantity
    from settled
    inner join sales on landing.match_key(settled.sku) = sales.sku_key and settled.unit_code = sales.unit_code
    inner join landing.oro_orders as orders
        on
            sales.order_id = orders.order_id
            and settled.last_written_at < orders.created_at
            and settled.read_at >= orders.created_at
    where settled.is_read_since_write and settled.quantity_now <> settled.last_target
    group by settled.level_id
),

moved as (
    select
        settled.level_id,
        settled.sku,
        settled.unit_code,
        settled.last_target - coalesce(sold.quantity, 0) as quantity_left,
        coalesce(overwritten.quantity_sold, 0) as quantity_overwritten,
        settled.quantity_now,
        settled.read_at,
        coalesce(
            settled.last_written_at >= orders_known.read_since and settled.read_at <= orders_known.read_until, false
        ) as is_every_sale_known
    from settled
    left join sold on settled.level_id = sold.level_id
    left join reconciliation.overwritten_sales as overwritten
        on settled.level_id = overwritten.level_id and settled.last_written_at = overwritten.written_at
    left join landing.watermarks as orders_known on orders_known.stream = 'oro_orders'
    where settled.is_read_since_write
),

levels as (
    select
        found.kind,
        found.sku || ', ' || coalesce(found.unit_code, 'no unit') || ' (level ' || found.level_id || ')' as subject,
        null as order_identifier,
        null as currency,
        found.ours,
        found.theirs,
        null as detail,
        found.seen_at
    from (
        select
            'level_books_differ' as kind,
            findings.sku,
            findings.unit_code,
            findings.level_id,
            findings.quantity_decided - findings.quantity_waiting - findings.quantity_refused as ours,
            findings.quantity_written as theirs,
            findings.read_at as seen_at
        from reconciliation.inventory as findings
        where findings.finding = 'differs'
        union all
        select
            'level_moved_unexplained' as kind,
            moved.sku,
            moved.unit_code,
            moved.level_id,
            moved.quantity_left as ours,
            moved.quantity_now as theirs,
            moved.read_at as seen_at
        from moved
        -- A sale that we do not know may explain a level that is too low, never one that is too high. One from which
        -- somebody took what our write had put back by mistake is as it should be.
        where
            moved.quantity_now > moved.quantity_left
            or (
                moved.quantity_now < moved.quantity_left
                and moved.quantity_now <> moved.quantity_left - moved.quantity_overwritten
                and moved.is_every_sale_known
            )
        union all
        select
            'level_gone' as kind,
            settled.sku,
            settled.unit_code,
            settled.level_id,
            settled.last_target as ours,
            null::numeric as theirs,
            readings.read_until as seen_at
        from settled
        inner join landing.watermarks as readings
            on readings.stream = 'reconciliation of levels' and settled.last_written_at < readings.read_until
        where settled.quantity_now is null
    ) as found
),

overwritten as (
    select
        'level_sale_overwritten' as kind,
        writes.sku
        || ', '
        || writes.unit_code
        || ' (level '
        || writes.level_id
        || ', write '
        || writes.level_write_id
        || ')' as subject,
        writes.order_identifier,
        null as currency,
        writes.quantity_target - writes.quantity_sold as ours,
        writes.quantity_target as theirs,
        'ordered while our write waited, from '
        || to_char(writes.read_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')
        || ' to '
        || to_char(writes.written_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')
        || ' UTC: '
        || writes.order_identifiers as detail,
        writes.written_at as seen_at
    from reconciliation.overwritten_sales as writes
),

orders as (
    select
        'order_changed_after_credit' as kind,
        changed.order_identifier as subject,
        changed.order_identifier,
        changed.kept_currency as currency,
        changed.kept_total as ours,
        case when changed.kept_currency = changed.landed_currency then changed.landed_total end as theirs,
        changed.changes as detail,
        changed.landed_at as seen_at
    from reconciliation.changed_orders as changed
    union all
    select
        'order_line_changed_after_credit' as kind,
        lines.order_identifier
        || ', line '
        || lines.order_line_id
        || coalesce(' (' || coalesce(lines.kept_sku, lines.landed_sku) || ')', '') as subject,
        lines.order_identifier,
        lines.currency,
        lines.kept_amount as ours,
        lines.landed_amount as theirs,
        lines.changes as detail,
        lines.landed_at as seen_at
    from reconciliation.changed_order_lines as lines
),

returned_in_full as (
    select
        'order_not_credited_in_full' as kind,
        returned.order_identifier as subject,
        returned.order_identifier,
        returned.currency,
        returned.credited_amount as ours,
        returned.due_amount as theirs,
        case when returned.is_shipping_due then 'with shipping' else 'without shipping' end as detail,
        returned.decided_at as seen_at
    from reconciliation.orders_not_credited_in_full as returned
),

credited_on_both as (
    select
        'order_line_credited_on_both' as kind,
        lines.order_identifier || ', line ' || lines.order_item_id as subject,
        lines.order_identifier,
        null as currency,
        lines.credited_quantity + lines.parent_credited_quantity as ours,
        lines.quantity as theirs,
        lines.sku
        || ': ' || trim_scale(lines.credited_quantity) || ' on ' || lines.order_identifier
        || ', ' || trim_scale(lines.parent_credited_quantity) || ' on ' || lines.parent_order_identifier as detail,
        lines.decided_at as seen_at
    from reconciliation.order_lines_credited_on_both as lines
),

-- A return that the hub has processed is credited, or says why not, within the agreed time.
undecided as (
    select
        'return_without_an_answer' as kind,
        lines.subject,
        returns.order_reference as order_identifier,
        null as currency,
        0 as ours,
        lines.received_quantity as theirs,
        null as detail,
        returns.landed_at as seen_at
    from policy
    cross join staging.stg_rebound__returns as returns
    inner join seeds.rebound_statuses as statuses on returns.status = statuses.status
    inner join staging.stg_rebound__return_lines as lines on returns.return_id = lines.return_id
    left join lateral (
        select bool_or(placed.destination <> 'waiting') as has_answer
        from marts.return_line_destinations as placed
        where placed.return_id = lines.return_id and placed.position = lines.position
    ) as answers on true
    where
        not statuses.is_withdrawn
        and statuses.position >= policy.milestone_position
        and returns.landed_at < now() - policy.patience
        and lines.fault is null
        and lines.received_quantity > 0
        and answers.has_answer is not true
),

-- Without a line nothing of a return is ever decided, and no other table says so.
without_lines as (
    select
        'return_without_lines' as kind,
        returns.return_id as subject,
        returns.order_reference as order_identifier,
        null as currency,
        0 as ours,
        0 as theirs,
        'status ' || returns.status as detail,
        returns.landed_at as seen_at
    from policy
    cross join staging.stg_rebound__returns as returns
    inner join seeds.rebound_statuses as statuses on returns.status = statuses.status
    where
        not statuses.is_withdrawn
        and statuses.position >= policy.milestone_position
        and not exists (
            select from landing.rebound_return_lines as lines
            where lines.return_id = returns.return_id
        )
),

on_the_wrong_shelf as (
    select
        'disposition_changed_after_credit' as kind,
        landing.line_subject(corrected.return_id, corrected.return_line_key) as subject,
        corrected.order_identifier,
        null as currency,
        corrected.quantity_to_take_off as ours,
        corrected.quantity_to_put_on as theirs,
        corrected.changes as detail,
        corrected.landed_at as seen_at
    from reconciliation.changed_dispositions as corrected
),

unsent as (
    select
        'note_not_in_oro_in_time' as kind,
        notes.credit_note_number as subject,
        notes.order_identifier,
        notes.currency,
        notes.total_amount as ours,
        null::numeric as theirs,
        messages.last_error as detail,
        messages.changed_at as seen_at
    from policy
    cross join ledger.credit_notes as notes
    inner join outbox.messages as messages
        on messages.kind = 'oro_credit_note' and notes.credit_note_number = messages.business_key
    where
        messages.state in ('pending', 'sending', 'unknown')
        and messages.next_attempt_at < outbox.held_back_until()
        and notes.decided_at < now() - policy.patience
),

-- A note is confirmed with words where it stood in OroCommerce before it was first sent from here.
sent_elsewhere as (
    select
        'note_sent_elsewhere' as kind,
        messages.business_key as subject,
        decided.order_identifier,
        decided.currency,
        decided.total_amount as ours,
        decided.total_amount as theirs,
        messages.last_error || ' Held back: ' || stock.held_back || ' of its ' || stock.found || ' stock movements.' as detail,
        messages.confirmed_at as seen_at
    from outbox.messages as messages
    inner join ledger.credit_notes as decided on messages.business_key = decided.credit_note_number
    cross join
        lateral (
            select
                count(*) filter (where deltas.next_attempt_at = outbox.held_back_until()) as held_back,
                count(*) as found
            from outbox.messages as deltas
            where
                deltas.kind = 'oro_inventory_delta'
                and deltas.business_key > messages.business_key || ':'
                and deltas.business_key < messages.business_key || ';'
                and deltas.payload ->> 'credit_note_number' = messages.business_key
        ) as stock
    where messages.kind = 'oro_credit_note' and messages.state = 'confirmed' and messages.last_error is not null
),

found as (
    select * from notes
    union all
    select * from sent_elsewhere
    union all
    select * from levels
    union all
    select * from overwritten
    union all
    select * from orders
    union all
    select * from returned_in_full
    union all
    select * from credited_on_both
    union all
    select * from undecided
    union all
    select * from without_lines
    union all
    select * from on_the_wrong_shelf
    union all
    select * from unsent
),

shown as (
    select
        found.*,
        ledger.digits_shown(
            case when found.currency is null then 0 else coalesce(currencies.digits, 2) end, found.ours, found.theirs
        ) as digits
    from found
    left join seeds.currencies as currencies on found.currency = currencies.currency
)

select
    found.kind,
    found.subject,
    found.order_identifier,
    found.currency,
    round(found.ours, found.digits) as ours,
    round(found.theirs, found.digits) as theirs,
    round(coalesce(found.theirs, 0) - coalesce(found.ours, 0), found.digits) as difference,
    found.detail,
    kinds.next_step,
    found.seen_at,
    coalesce(sightings.first_seen_at, now()) as first_seen_at,
    noted.acknowledged_at,
    noted.acknowledged_by,
    noted.acknowledged_why
from shown as found
inner join seeds.discrepancy_kinds as kinds on found.kind = kinds.kind
left join reconciliation.sightings as sightings
    on
        found.kind = sightings.kind
        and found.subject = sightings.subject
        and sightings.resolved_at is null
left join lateral (
    select
        acknowledgements.acknowledged_at,
        acknowledgements.acknowledged_by,
        acknowledgements.acknowledged_why
    from reconciliation.acknowledgements as acknowledgements
    where
        acknowledgements.kind = found.kind
        and acknowledgements.subject = found.subject
        and acknowledgements.difference = coalesce(found.theirs, 0) - coalesce(found.ours, 0)
        -- What the last attempt to send a note said changes with every attempt.
        and (
            found.kind = 'note_not_in_oro_in_time'
            or acknowledgements.detail is not distinct from found.detail
        )
        and acknowledgements.revoked_at is null
    order by acknowledgements.acknowledgement_id desc
    limit 1
) as noted on true
