-- What reconciliation needs to say more: the figures of each order line as they were when the order was first credited,
-- since when a discrepancy has been there, and which order a note in OroCommerce hangs on.

alter table ledger.order_items
add column unit_price numeric,
add column line_unit_price numeric,
add column line_promotion_amount numeric,
add column line_row_tax numeric;
comment on column ledger.order_items.unit_price is
'Price of one unit on the order, of a kit''s component that of the component; null where the order had changed before this was kept.';
comment on column ledger.order_items.line_row_tax is
'What the two row totals of the line differ by: its tax, whether prices include it or not.';

-- Of orders that are still as they were first credited the figures are at hand; of the others they are not known any more.
alter table ledger.order_items disable trigger order_items_are_append_only;
update ledger.order_items as items
set
    unit_price = coalesce(components.value, lines.value),
    line_unit_price = lines.value,
    line_promotion_amount = coalesce(lines.row_total_discount_amount, 0),
    line_row_tax
    = coalesce(lines.row_total_after_discount_including_tax, 0)
    - coalesce(lines.row_total_after_discount_excluding_tax, 0)
from ledger.orders as kept
inner join landing.oro_orders as landed on kept.order_id = landed.order_id and kept.document_hash = landed.document_hash
inner join landing.oro_order_lines as lines on landed.order_id = lines.order_id
left join landing.oro_order_kit_items as components
    on lines.order_id = components.order_id and lines.order_line_id = components.order_line_id
where
    items.order_id = lines.order_id
    and items.order_line_id = lines.order_line_id
    and items.kit_item_line_id is not distinct from components.kit_item_line_id;
alter table ledger.order_items enable trigger order_items_are_append_only;

create table reconciliation.sightings (
    kind text not null,
    subject text not null,
    currency text,
    difference numeric not null,
    first_seen_at timestamptz not null,
    resolved_at timestamptz check (resolved_at >= first_seen_at)
);
create unique index sightings_open on reconciliation.sightings (kind, subject) where resolved_at is null;
comment on table reconciliation.sightings is
'The discrepancies that the reconciliations found: since when each is there, by how much the sides differ (units where there is no currency), and when it was gone (resolved_at). One that comes back is a new row.';

create or replace view reconciliation.credit_notes as
with decided as (
    select
        notes.*,
        messages.state as push_state,
        lines.line_count,
        lines.line_quantity,
        lines.line_total_amount
    from ledger.credit_notes as notes
    left join outbox.messages
        on notes.credit_note_number = messages.business_key and messages.kind = 'oro_credit_note'
    left join lateral (
        select
            count(*) as line_count,
            sum(note_lines.quantity) as line_quantity,
            sum(note_lines.total_amount) as line_total_amount
        from ledger.credit_note_lines as note_lines
        where note_lines.credit_note_number = notes.credit_note_number
    ) as lines on true
),

held as (
    select
        *,
        count(*) over (partition by credit_note_number) as notes_of_this_number
    from reconciliation.oro_credit_notes
)

select
    coalesce(decided.credit_note_number, held.credit_note_number) as credit_note_number,
    decided.registered_at,
    decided.order_id,
    coalesce(decided.currency, held.currency) as currency,
    decided.total_amount as decided_total_amount,
    held.total_amount as oro_total_amount,
    held.remote_id as oro_credit_note_id,
    decided.push_state::text as push_state,
    held.read_at,
    case
        when decided.credit_note_number is null then 'not_ours'
        when held.credit_note_number is null
            then
                case decided.push_state
                    when 'skipped' then 'nothing_to_send'
                    when 'confirmed' then 'missing_in_oro'
                    when 'rejected' then 'refused'
                    when 'abandoned' then 'abandoned'
                    else 'not_sent_yet'
                end
        when held.notes_of_this_number > 1 then 'twice_in_oro'
        when coalesce(held.order_id, '') <> decided.order_id then 'order_differs'
        when
            coalesce(held.currency, '') <> decided.currency
            or coalesce(held.total_amount <> decided.total_amount, true)
            or coalesce(held.net_amount, decided.net_amount) <> decided.net_amount
            or coalesce(held.tax_amount, decided.tax_amount) <> decided.tax_amount
            or coalesce(held.shipping_amount, decided.shipping_amount) <> decided.shipping_amount
            or coalesce(held.discount_amount, decided.discount_amount) <> decided.discount_amount
            or coalesce(held.shipping_tax_amount, decided.shipping_tax_amount) <> decided.shipping_tax_amount
            or coalesce(held.fee_amount, decided.fee_amount) <> decided.fee_amount
            then 'amounts_differ'
        when
            held.line_count <> decided.line_count
            or held.line_quantity <> decided.line_quantity
            or held.line_total_amount <> decided.line_total_amount
            then 'lines_differ'
        when coalesce(decided.push_state, 'pending') <> 'confirmed' then 'sent_not_confirmed'
        else 'equal'
    end as finding,
    held.order_id as oro_order_id
from decided
full join held on decided.credit_note_number = held.credit_note_number;
