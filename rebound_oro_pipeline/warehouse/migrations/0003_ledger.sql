-- The ledger: what was decided. Append-only but for the two state tables at the end.
create extension if not exists btree_gist;
create schema ledger;

-- The one rounding rule: part/whole of a total, half away from zero. The literal's scale makes numeric division carry enough
-- digits that no quotient of real quantities can cross a half.
create function ledger.share(total numeric, part numeric, whole numeric, digits integer) returns numeric
language sql immutable parallel safe
return round(total * part * 1.000000000000000000000000000000 / whole, digits);

create table ledger.decisions (
    decision_id bigint primary key,
    window_start timestamptz not null,
    window_end timestamptz not null,
    policy_version integer not null references reference.policies,
    decided_at timestamptz not null,
    decided_by text not null,
    check (window_start < window_end)
);
create sequence ledger.decision_ids owned by ledger.decisions.decision_id;
comment on table ledger.decisions is 'Decisions that added something to the ledger: which window, under which policy, when, by which run.';

create table ledger.orders (
    order_id text collate "C" primary key,
    order_identifier text not null,
    customer_id text collate "C",
    currency text not null,
    digits integer not null check (digits between 0 and 4),
    total_value numeric not null,
    net_amount numeric not null,
    discount_amount numeric not null,
    tax_amount numeric not null,
    shipping_amount numeric not null,
    shipping_tax_amount numeric not null,
    prices_include_tax boolean not null,
    promotion_reading integer not null check (promotion_reading in (1, 2)),
    document_hash bytea not null,
    decision_id bigint not null,
    policy_version integer not null references reference.policies,
    check (net_amount + tax_amount + shipping_amount + shipping_tax_amount = total_value),
    check (
        net_amount = round(net_amount, digits)
        and tax_amount = round(tax_amount, digits)
        and shipping_amount = round(shipping_amount, digits)
        and shipping_tax_amount = round(shipping_tax_amount, digits)
    )
);
comment on table ledger.orders is
'Orders as they were when first credited, explained: the amounts add up to total_value. net_amount is after all discounts.';

create table ledger.order_items (
    item_number bigint generated always as identity,
    order_item_id text collate "C" not null,
    order_id text collate "C" not null references ledger.orders,
    order_line_id text collate "C" not null,
    kit_item_line_id text collate "C",
    position integer not null,
    sku text,
    sku_key text collate "C",
    line_sku text,
    line_sku_key text collate "C",
    product_id text collate "C",
    line_product_id text collate "C",
    is_free_form boolean not null,
    unit_code text collate "C",
    line_unit_code text collate "C",
    unit_precision integer,
    quantity numeric not null check (quantity > 0),
    quantity_per_kit numeric check (quantity_per_kit > 0),
    net_amount numeric not null,
    discount_amount numeric not null,
    tax_amount numeric not null,
    line_net_amount numeric not null,
    line_quantity numeric not null,
    decision_id bigint not null,
    primary key (order_id, order_item_id),
    unique (item_number, quantity)
);
comment on table ledger.order_items is
'What can come back of a kept order: a plain line, or a component of a kit line, with its amounts. order_item_id is the line id, with the component''s id after a slash; item_number is short, for the index that guards the claims.';

create table ledger.claims (
    item_number bigint not null,
    order_id text collate "C" not null,
    order_item_id text collate "C" not null,
    units numrange not null,
    ordered_quantity numeric not null,
    return_id text collate "C" not null,
    return_line_key text collate "C" not null,
    registered_at timestamptz not null,
    received_units numeric not null,
    credit_note_number text not null,
    is_whole_kit boolean not null,
    decision_id bigint not null,
    primary key (order_id, order_item_id, units),
    foreign key (item_number, ordered_quantity) references ledger.order_items (item_number, quantity),
    check (not isempty(units) and lower_inc(units) and not upper_inc(units)),
    check (lower(units) >= 0 and upper(units) <= ordered_quantity),
    constraint no_unit_is_claimed_twice exclude using gist (item_number with =, units with &&)
);
create index claims_return_line on ledger.claims (return_id, return_line_key);
create index claims_decision on ledger.claims (decision_id);
comment on table ledger.claims is
'Which units of which order item each return line took. received_units are the units of the return line that this claim used up (of a kit: on its first component only).';

create table ledger.credit_notes (
    credit_note_number text primary key,
    return_id text collate "C" not null,
    order_id text collate "C" not null references ledger.orders,
    sequence integer not null,
    order_identifier text not null,
    customer_id text collate "C",
    currency text not null,
    net_amount numeric not null,
    discount_amount numeric not null,
    tax_amount numeric not null,
    shipping_amount numeric not null,
    shipping_tax_amount numeric not null,
    fee_amount numeric not null,
    total_amount numeric not null,
    shipping_base_amount numeric not null,
    registered_at timestamptz not null,
    decided_at timestamptz not null,
    decision_id bigint not null,
    policy_version integer not null references reference.policies,
    unique (return_id, order_id, sequence),
    check (net_amount + tax_amount + shipping_amount + shipping_tax_amount - fee_amount = total_amount)
);
create index credit_notes_order on ledger.credit_notes (order_id);
create index credit_notes_registered_at on ledger.credit_notes (registered_at);
comment on table ledger.credit_notes is
'One note per return, order and decision. shipping_base_amount is the part of the net amount along which shipping was cut.';

create table ledger.credit_note_lines (
    credit_note_number text not null references ledger.credit_notes,
    position integer not null,
    return_id text collate "C" not null,
    return_line_key text collate "C" not null,
    order_id text collate "C" not null,
    order_line_id text collate "C" not null,
    order_item_id text collate "C",
    sku text not null,
    quantity numeric not null check (quantity > 0),
    unit_code text collate "C",
    net_amount numeric not null,
    discount_amount numeric not null,
    tax_amount numeric not null,
    total_amount numeric not null,
    fee_amount numeric not null,
    reason_code text,
    registered_at timestamptz not null,
    primary key (credit_note_number, position),
    check (net_amount + tax_amount = total_amount)
);
create index credit_note_lines_return_line on ledger.credit_note_lines (return_id, return_line_key);
create index credit_note_lines_registered_at on ledger.credit_note_lines (registered_at);
comment on table ledger.credit_note_lines is 'What came back, in its own SKU and unit; the order line may be its kit''s. order_item_id is null for whole kits.';

create table ledger.inventory_deltas (
    credit_note_number text not null references ledger.credit_notes,
    position integer not null,
    return_id text collate "C" not null,
    return_line_key text collate "C" not null,
    product_id text collate "C",
    sku text not null,
    unit_code text collate "C",
    quantity numeric not null check (quantity > 0),
    disposition text not null,
    restocks boolean not null,
    registered_at timestamptz not null,
    decided_at timestamptz not null,
    primary key (credit_note_number, position)
);
create index inventory_deltas_return_line on ledger.inventory_deltas (return_id, return_line_key);
create index inventory_deltas_registered_at on ledger.inventory_deltas (registered_at);
comment on table ledger.inventory_deltas is 'Every credited unit in its own SKU and unit, kits as components; restocks says whether it goes back on the shelf.';

create table ledger.quarantine (
    subject text collate "C" not null,
    reason text not null,
    return_id text collate "C",
    return_line_key text collate "C",
    order_reference text,
    quantity numeric,
    detail text not null,
    registered_at timestamptz not null,
    opened_at timestamptz not null,
    changed_at timestamptz not null,
    resolved_at timestamptz,
    resolution text,
    check ((resolved_at is null) = (resolution is null))
);
create unique index quarantine_open on ledger.quarantine (subject, reason) where resolved_at is null;
create index quarantine_registered_at on ledger.quarantine (registered_at);
comment on table ledger.quarantine is
'What cannot be trusted, with its history: opened, changed, and resolved, by a later decision ("healed") or by a person. subject is the return line or the document.';

create table ledger.holds (
    subject text collate "C" not null,
    reason text not null,
    return_id text collate "C" not null,
    return_line_key text collate "C" not null,
    order_reference text,
    quantity numeric not null,
    registered_at timestamptz not null,
    held_since timestamptz not null,
    attempts integer not null,
    next_check_at timestamptz not null,
    changed_at timestamptz not null,
    resolved_at timestamptz,
    resolution text,
    check ((resolved_at is null) = (resolution is null))
);
create unique index holds_open on ledger.holds (subject) where resolved_at is null;
create index holds_registered_at on ledger.holds (registered_at);
create index holds_due on ledger.holds (next_check_at) where resolved_at is null;
comment on table ledger.holds is 'Return lines that came too early: asked again at next_check_at (15 min, doubling to 24 h), given up after 14 days.';
