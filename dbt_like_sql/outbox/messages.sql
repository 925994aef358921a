/*
What this decision has to send to OroCommerce: every credit note with its lines, and every stock movement that restocks.
A note of zero is recorded and never sent, and so is everything of returns registered before the cut-over that the policy
names. Decimals are strings.

materialized: append
window: registered_at
grain: kind, business_key
owner: data
*/
with

lines_of_notes as (
    select
        lines.credit_note_number,
        jsonb_agg(
            jsonb_build_object(
                'line_key', lines.credit_note_number || ':' || lines.position,
                'return_line_key', lines.return_line_key,
                'order_line_id', lines.order_line_id,
                'sku', lines.sku,
                'quantity', lines.quantity::text,
                'unit_code', lines.unit_code,
                'net_amount', lines.net_amount::text,
                'discount_amount', lines.discount_amount::text,
                'tax_amount', lines.tax_amount::text,
                'total_amount', lines.total_amount::text,
                'reason_code', lines.reason_code
            )
            order by lines.position
        ) as lines
    from intermediate.int_credit_lines as lines
    group by lines.credit_note_number
),

-- The day is that of the registration in UTC, as everywhere.
cut_over as (
    select
        notes.credit_note_number,
        coalesce(notes.registered_at < policy.send_not_before::timestamp at time zone 'UTC', false) as comes_before,
        case
            when notes.registered_at < policy.send_not_before::timestamp at time zone 'UTC'
                then 'registered before the cut-over on ' || policy.send_not_before
        end as words
    from intermediate.int_credit_notes as notes
    cross join intermediate.int_policy as policy
)

select
    'oro_credit_note' as kind,
    notes.credit_note_number as business_key,
    notes.order_id as ordering_key,
    notes.registered_at,
    jsonb_build_object(
        'credit_note_number', notes.credit_note_number,
        'return_id', notes.return_id,
        'order_id', notes.order_id,
        'order_identifier', notes.order_identifier,
        'customer_id', notes.customer_id,
        'currency', notes.currency,
        'net_amount', notes.net_amount::text,
        'discount_amount', notes.discount_amount::text,
        'tax_amount', notes.tax_amount::text,
        'shipping_amount', notes.shipping_amount::text,
        'shipping_tax_amount', notes.shipping_tax_amount::text,
        'fee_amount', notes.fee_amount::text,
        'total_amount', notes.total_amount::text,
        'decided_at', to_char(%(decided_at)s::timestamptz at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'lines', lines_of_notes.lines
    ) as payload,
    case
        when notes.total_amount = 0 or cut_over.comes_before then 'skipped'
        else 'pending'
    end::outbox.message_state as state,
    cut_over.words as last_error
from intermediate.int_credit_notes as notes
inner join cut_over on notes.credit_note_number = cut_over.credit_note_number
left join lines_of_notes on notes.credit_note_number = lines_of_notes.credit_note_number
union all
select
    'oro_inventory_delta' as kind,
    deltas.credit_note_number || ':' || deltas.position as business_key,
    deltas.sku || '/' || coalesce(deltas.unit_code, '') as ordering_key,
    deltas.registered_at,
    jsonb_build_object(
        'credit_note_number', deltas.credit_note_number,
        'return_line_key', deltas.return_line_key,
        'product_id', deltas.product_id,
        'sku', deltas.sku,
        'unit_code', deltas.unit_code,
        'quantity', deltas.quantity::text
    ) as payload,
    case when cut_over.comes_before then 'skipped' else 'pending' end::outbox.message_state as state,
    cut_over.words as last_error
from ledger.inventory_deltas as deltas
inner join cut_over on deltas.credit_note_number = cut_over.credit_note_number
where deltas.restocks
