-- Statements of services/replay.py: what was decided, as the lines of the files it writes.

-- name: credit_notes
select
    json_build_object(
        'credit_note_number', credit_note_number,
        'return_id', return_id,
        'order_id', order_id,
        'order_identifier', order_identifier,
        'customer_id', customer_id,
        'currency', currency,
        'net_amount', net_amount::text,
        'discount_amount', discount_amount::text,
        'tax_amount', tax_amount::text,
        'shipping_amount', shipping_amount::text,
        'shipping_tax_amount', shipping_tax_amount::text,
        'fee_amount', fee_amount::text,
        'total_amount', total_amount::text
    )::text
from ledger.credit_notes
order by registered_at, length(return_id), return_id, order_id, sequence

-- name: credit_note_lines
select
    json_build_object(
        'credit_note_number', lines.credit_note_number,
        'return_line_key', lines.return_line_key,
        'order_line_id', lines.order_line_id,
        'sku', lines.sku,
        'quantity', trim_scale(lines.quantity)::text,
        'unit_code', lines.unit_code,
        'net_amount', lines.net_amount::text,
        'discount_amount', lines.discount_amount::text,
        'tax_amount', lines.tax_amount::text,
        'total_amount', lines.total_amount::text,
        'reason_code', lines.reason_code
    )::text
from ledger.credit_note_lines as lines
order by lines.registered_at, length(lines.return_id), lines.return_id, lines.credit_note_number, lines.position

-- name: inventory_deltas
select
    json_build_object(
        'return_line_key', return_line_key,
        'sku', sku,
        'unit_code', unit_code,
        'quantity', trim_scale(quantity)::text,
        'disposition', disposition,
        'restocks', restocks
    )::text
from ledger.inventory_deltas
order by registered_at, length(return_id), return_id, credit_note_number, position

-- name: quarantine
select
    json_build_object(
        'return_id', return_id,
        'return_line_key', return_line_key,
        'reason', reason,
        'quantity', trim_scale(quantity)::text,
        'detail', detail
    )::text
from ledger.quarantine
where resolved_at is null
order by registered_at, length(return_id), return_id, return_line_key, reason, subject

-- name: held
select
    json_build_object(
        'return_id', return_id,
        'return_line_key', return_line_key,
        'order_reference', order_reference,
        'reason', reason,
        'quantity', trim_scale(quantity)::text,
        'next_check_at', to_char(next_check_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    )::text
from ledger.holds
where resolved_at is null
order by registered_at, length(return_id), return_id, return_line_key

-- name: summary
with

destinations as (
    select
        names.destination,
        count(placed.return_id) as lines,
        coalesce(trim_scale(sum(placed.quantity)), 0) as units
    from (values ('credited'), ('held'), ('quarantined'), ('waiting'), ('withdrawn')) as names (destination)
    left join marts.return_line_destinations as placed on names.destination = placed.destination
    group by names.destination
),

amounts as (
    select
        currency,
        count(*) as credit_notes,
        sum(net_amount) as net_amount,
        sum(discount_amount) as discount_amount,
        sum(tax_amount) as tax_amount,
        sum(shipping_amount) as shipping_amount,
        sum(shipping_tax_amount) as shipping_tax_amount,
        sum(fee_amount) as fee_amount,
        sum(total_amount) as total_amount
    from ledger.credit_notes
    group by currency
)

select
    json_build_object(
        'lines', (select json_object_agg(destination, lines) from destinations),
        'units', (select json_object_agg(destination, units::text) from destinations),
        'amounts', (
            select
                coalesce(
                    json_object_agg(
                        currency,
                        json_build_object(
                            'credit_notes', credit_notes,
                            'net_amount', net_amount::text,
                            'discount_amount', discount_amount::text,
                            'tax_amount', tax_amount::text,
                            'shipping_amount', shipping_amount::text,
                            'shipping_tax_amount', shipping_tax_amount::text,
                            'fee_amount', fee_amount::text,
                            'total_amount', total_amount::text
                        )
                    ),
                    '{}'
                )
            from amounts
        ),
        'malformed_documents', (select count(*) from landing.malformed_documents)
    )
