-- Statements of services/reconcile_*.py.

-- name: ledger_notes
select
    credit_note_number,
    order_id,
    currency,
    net_amount,
    discount_amount,
    tax_amount,
    shipping_amount,
    shipping_tax_amount,
    fee_amount,
    total_amount
from ledger.credit_notes
where credit_note_number = any(%(credit_note_numbers)s::text[]);

-- name: ledger_note_lines
select
    credit_note_number,
    credit_note_number || ':' || position as line_key,
    sku,
    quantity,
    net_amount,
    discount_amount,
    tax_amount,
    total_amount
from ledger.credit_note_lines
where credit_note_number = any(%(credit_note_numbers)s::text[])
order by credit_note_number, position;

-- name: forget_notes
delete from reconciliation.oro_credit_notes;

-- name: keep_notes
insert into reconciliation.oro_credit_notes (
    credit_note_number,
    remote_id,
    order_id,
    currency,
    net_amount,
    discount_amount,
    tax_amount,
    shipping_amount,
    shipping_tax_amount,
    fee_amount,
    total_amount,
    differs_in,
    differences,
    read_at
)
select
    held.credit_note_number,
    held.remote_id,
    held.order_id,
    held.currency,
    held.net_amount,
    held.discount_amount,
    held.tax_amount,
    held.shipping_amount,
    held.shipping_tax_amount,
    held.fee_amount,
    held.total_amount,
    held.differs_in,
    held.differences,
    statement_timestamp() as read_at
from jsonb_to_recordset(%(notes)s::jsonb) as held (
    credit_note_number text,
    remote_id text,
    order_id text,
    currency text,
    net_amount numeric,
    discount_amount numeric,
    tax_amount numeric,
    shipping_amount numeric,
    shipping_tax_amount numeric,
    fee_amount numeric,
    total_amount numeric,
    differs_in text,
    differences text
);

-- name: note_findings
select
    finding,
    count(*) as found
from reconciliation.credit_notes
group by finding;

-- name: written_levels
select distinct level_id
from outbox.level_writes
order by level_id;

-- name: keep_levels
-- Of a level that was written while the levels were read, nobody can say whether it was read before or after.
with shown as (
    select
        shown.level_id,
        shown.quantity
    from jsonb_to_recordset(%(levels)s::jsonb) as shown (level_id text, quantity numeric)
),

gone as (
    delete from reconciliation.oro_inventory_levels
    where level_id not in (select shown.level_id from shown)
)

insert into reconciliation.oro_inventory_levels (level_id, quantity, read_at)
select
    level_id,
    quantity,
    statement_timestamp() as read_at
from shown
where
    not exists (
        select from outbox.level_writes as writes
        where writes.level_id = shown.level_id and writes.finished_at >= %(began)s
    )
on conflict (level_id) do update set quantity = excluded.quantity, read_at = excluded.read_at;

-- name: wanted_sales
-- A level fell, or a write waited so long that something may have been sold meanwhile.
select
    exists (
        select from reconciliation.inventory
        where is_read_since_write and quantity_now < last_target
    )
    or exists (
        select from outbox.level_writes as writes
        where
            outbox.may_have_overwritten(writes.state, writes.sent_as, writes.started_at, writes.finished_at)
            and writes.finished_at > coalesce(
                (select orders.read_until from landing.watermarks as orders where orders.stream = %(stream)s),
                '-infinity'
            )
    ) as are_wanted,
    statement_timestamp() as now;

-- name: inventory_findings
select
    finding,
    count(*) as found
from reconciliation.inventory
group by finding;
