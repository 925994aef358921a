-- Statements of services/ledger_export.py: the credit notes that were decided in a month (UTC), for finance.

-- name: credit_notes
select
    notes.credit_note_number,
    notes.decided_at,
    notes.return_id,
    notes.order_id,
    notes.order_identifier,
    landed.po_number as order_po_number,
    landed.created_at as order_created_at,
    round(orders.total_value, orders.digits) as order_total_amount,
    notes.customer_id,
    (
        select string_agg(distinct lines.reason_code, ' ' order by lines.reason_code)
        from ledger.credit_note_lines as lines
        where lines.credit_note_number = notes.credit_note_number
    ) as reason_codes,
    notes.currency,
    notes.net_amount,
    notes.discount_amount,
    notes.tax_amount,
    notes.shipping_amount,
    notes.shipping_tax_amount,
    notes.fee_amount,
    notes.total_amount,
    notes.registered_at,
    notes.policy_version,
    messages.state::text as push_state,
    messages.remote_id as oro_credit_note_id
from ledger.credit_notes as notes
inner join ledger.orders as orders on notes.order_id = orders.order_id
left join landing.oro_orders as landed on notes.order_id = landed.order_id
left join outbox.messages
    on messages.kind = 'oro_credit_note' and notes.credit_note_number = messages.business_key
where notes.decided_at >= %(month_start)s and notes.decided_at < %(month_end)s
order by notes.decided_at, notes.credit_note_number;

-- name: credit_note_lines
select
    lines.credit_note_number,
    lines.position,
    notes.order_identifier,
    lines.order_line_id,
    lines.return_line_key,
    lines.sku,
    lines.quantity,
    lines.unit_code,
    notes.currency,
    lines.net_amount,
    lines.discount_amount,
    lines.tax_amount,
    lines.total_amount,
    lines.fee_amount,
    lines.reason_code
from ledger.credit_notes as notes
inner join ledger.credit_note_lines as lines on notes.credit_note_number = lines.credit_note_number
where notes.decided_at >= %(month_start)s and notes.decided_at < %(month_end)s
order by notes.decided_at, lines.credit_note_number, lines.position;

-- name: reasons
-- Shipping belongs to a note and to no line: by currency goods_total_amount is net and tax of the trial totals.
select
    notes.currency,
    lines.reason_code,
    count(*) as lines,
    sum(lines.quantity) as quantity,
    sum(lines.net_amount) as net_amount,
    sum(lines.tax_amount) as tax_amount,
    sum(lines.total_amount) as goods_total_amount,
    sum(lines.fee_amount) as fee_amount
from ledger.credit_notes as notes
inner join ledger.credit_note_lines as lines on notes.credit_note_number = lines.credit_note_number
where notes.decided_at >= %(month_start)s and notes.decided_at < %(month_end)s
group by notes.currency, lines.reason_code
order by notes.currency, lines.reason_code;

-- name: taxes
-- Per note, and per note they add up to its tax and its shipping tax: known rates as OroCommerce said them; "no rate
-- known" is what no rate explains, and all tax of orders whose subtotals were not asked for; its base are the goods that bore
-- tax on the order.
select
    notes.credit_note_number,
    notes.decided_at,
    notes.order_id,
    notes.order_identifier,
    notes.currency,
    charged.applies_to,
    coalesce(known.tax_code, 'no rate known') as tax_code,
    known.rate,
    coalesce(known.taxable_amount, charged.taxable_amount) as taxable_amount,
    coalesce(known.tax_amount, charged.tax_amount) as tax_amount
from ledger.credit_notes as notes
cross join lateral (
    select sum(lines.net_amount) as net_amount
    from ledger.credit_note_lines as lines
    where
        lines.credit_note_number = notes.credit_note_number
        and exists (
            select from ledger.order_items as items
            where
                items.order_id = lines.order_id
                and items.order_line_id = lines.order_line_id
                and items.tax_amount <> 0
        )
) as taxed
cross join lateral (
    values
    ('goods', taxed.net_amount, notes.tax_amount),
    ('shipping', notes.shipping_amount, notes.shipping_tax_amount)
) as charged (applies_to, taxable_amount, tax_amount)
left join ledger.credit_note_taxes as known
    on notes.credit_note_number = known.credit_note_number and charged.applies_to = known.applies_to
where
    notes.decided_at >= %(month_start)s
    and notes.decided_at < %(month_end)s
    and (known.credit_note_number is not null or charged.tax_amount <> 0)
order by notes.decided_at, notes.credit_note_number, charged.applies_to, known.position;

-- name: taxes_by_rate
-- What the tax return asks for; the sum of a currency is its tax and shipping tax in the trial totals.
select
    taxes.currency,
    taxes.applies_to,
    taxes.tax_code,
    taxes.rate,
    count(distinct taxes.credit_note_number) as credit_notes,
    sum(taxes.taxable_amount) as taxable_amount,
    sum(taxes.tax_amount) as tax_amount
from ({taxes}) as taxes
group by taxes.currency, taxes.applies_to, taxes.tax_code, taxes.rate
order by taxes.currency, taxes.applies_to, taxes.rate, taxes.tax_code;

-- name: trial_totals
-- A note of zero, and one from before the cut-over, is never sent: nothing of it need be read back.
with notes as (
    select notes.*
    from ledger.credit_notes as notes
    where notes.decided_at >= %(month_start)s and notes.decided_at < %(month_end)s
),

findings as (
    select
        notes.credit_note_number,
        sum(findings.expected_total_amount) as expected_total_amount,
        sum(findings.oro_total_amount) as oro_total_amount,
        min(findings.read_at) as read_at,
        bool_and(findings.finding in ('equal', 'nothing_to_send')) as is_equal,
        bool_and(findings.finding = 'nothing_to_send') as is_never_sent,
        bool_or(findings.finding = 'not_read') as is_not_read
    from notes
    inner join reconciliation.credit_notes as findings on notes.credit_note_number = findings.credit_note_number
    group by notes.credit_note_number
),

totals as (
    select
        notes.currency,
        count(*) as credit_notes,
        sum(notes.net_amount) as net_amount,
        sum(notes.discount_amount) as discount_amount,
        sum(notes.tax_amount) as tax_amount,
        sum(notes.shipping_amount) as shipping_amount,
        sum(notes.shipping_tax_amount) as shipping_tax_amount,
        sum(notes.fee_amount) as fee_amount,
        sum(notes.total_amount) as total_amount,
        sum(findings.expected_total_amount) as expected_total_amount,
        coalesce(sum(findings.oro_total_amount), 0) as oro_total_amount,
        count(*) filter (where not findings.is_equal) as notes_that_differ,
        count(*) filter (where findings.is_not_read) as notes_not_read,
        count(*) filter (where not findings.is_never_sent) as notes_to_send,
        min(findings.read_at) as read_at
    from notes
    inner join findings on notes.credit_note_number = findings.credit_note_number
    group by notes.currency
),

shown as (
    select
        totals.*,
        ledger.digits_shown(scale(totals.total_amount), totals.oro_total_amount) as digits,
        totals.total_amount - totals.expected_total_amount as never_sent_amount,
        totals.oro_total_amount - totals.expected_total_amount as difference
    from totals
)

select
    currency,
    credit_notes,
    net_amount,
    discount_amount,
    tax_amount,
    shipping_amount,
    shipping_tax_amount,
    fee_amount,
    total_amount,
    round(never_sent_amount, digits) as never_sent_amount,
    round(oro_total_amount, digits) as oro_total_amount,
    round(difference, digits) as difference,
    notes_that_differ,
    read_at,
    case
        when
            notes_not_read > 0
            or (
                notes_to_send > 0
                and not exists (
                    select from landing.watermarks as readings
                    where readings.stream = 'reconciliation of credit notes'
                )
            )
            then 'not read back yet'
        when difference = 0 and notes_that_differ = 0 then 'ties'
        else 'does not tie'
    end as verdict
from shown
order by currency;

-- name: differences
-- Notes of the month that are not in OroCommerce as they were decided, and notes there that nobody here decided; of
-- which month those are is not known.
select
    findings.credit_note_number,
    findings.finding,
    findings.currency,
    round(findings.expected_total_amount, shown.digits) as expected_total_amount,
    round(findings.oro_total_amount, shown.digits) as oro_total_amount,
    round(
        coalesce(findings.oro_total_amount, 0) - coalesce(findings.expected_total_amount, 0), shown.digits
    ) as difference,
    findings.oro_credit_note_id,
    findings.push_state,
    findings.read_at
from reconciliation.credit_notes as findings
left join ledger.credit_notes as notes on findings.credit_note_number = notes.credit_note_number
left join seeds.currencies as currencies on findings.currency = currencies.currency
cross join lateral (
    select
        ledger.digits_shown(
            coalesce(scale(findings.decided_total_amount), currencies.digits, 2), findings.oro_total_amount
        ) as digits
) as shown
where
    (notes.credit_note_number is null or (notes.decided_at >= %(month_start)s and notes.decided_at < %(month_end)s))
    and findings.finding not in ('equal', 'nothing_to_send')
order by findings.finding, findings.credit_note_number, findings.oro_credit_note_id;
