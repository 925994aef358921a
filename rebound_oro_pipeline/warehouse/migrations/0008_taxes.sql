-- Tax by rate: which taxes a kept order was charged, and how much of each a credit note gives back.
alter table ledger.orders add column has_subtotals boolean not null default false;
comment on table ledger.orders is
'Orders as they were when first credited, explained: the amounts add up to total_value. net_amount is after all discounts; has_subtotals says whether OroCommerce was asked for the rates of their taxes.';

create table ledger.order_taxes (
    order_id text collate "C" not null references ledger.orders,
    order_line_id text collate "C" not null,
    position integer not null,
    tax_code text not null,
    rate numeric not null,
    tax_weight numeric not null,
    decision_id bigint not null,
    primary key (order_id, order_line_id, position)
);
comment on table ledger.order_taxes is
'Which taxes, at which rates, were charged on the lines of a kept order, and on its shipping (order_line_id is empty), as OroCommerce said when it was first credited. tax_weight tells the taxes of one line apart; how much was charged is in ledger.order_items and ledger.orders.';

create table ledger.credit_note_taxes (
    credit_note_number text not null references ledger.credit_notes,
    applies_to text not null check (applies_to in ('goods', 'shipping')),
    position integer not null,
    tax_code text,
    rate numeric,
    taxable_amount numeric not null,
    tax_amount numeric not null,
    registered_at timestamptz not null,
    primary key (credit_note_number, applies_to, position),
    check ((tax_code is null) = (rate is null))
);
create index credit_note_taxes_registered_at on ledger.credit_note_taxes (registered_at);
comment on table ledger.credit_note_taxes is
'The taxes of a credit note by code and rate (a fraction), where OroCommerce said them; what no rate explains stands under none. taxable_amount is the credited net amount that the rate was charged on.';

create trigger credit_note_taxes_are_append_only before update or delete or truncate on ledger.credit_note_taxes
for each statement execute function outbox.refuse_change();
