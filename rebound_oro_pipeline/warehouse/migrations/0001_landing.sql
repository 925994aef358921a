-- Landing: what the two systems said, as they said it (document), beside the typed values that validation read from it.
-- One row per document, the latest one; what it replaced is kept in landing.replaced_documents.
-- Keys are text in collation "C": Oro's ids are strings in JSON:API, and their order must not depend on the server's locale.
create schema landing;

-- References, SKUs and aliases are compared trimmed and without regard to case (docs/rules.md, Match).
create function landing.match_key(value text) returns text
language sql immutable parallel safe
return nullif(lower(btrim(value collate "default", E' \t\r\n\u00a0')), '') collate "C";

create table landing.rebound_returns (
    return_id text collate "C" primary key,
    display_id text,
    order_reference text,
    order_reference_key text collate "C" generated always as (landing.match_key(order_reference)) stored,
    registered_at timestamptz not null,
    status text,
    carrier text,
    tracking_number text,
    document jsonb not null,
    document_hash bytea not null,
    source text not null check (source in ('api', 'webhook', 'file')),
    landed_at timestamptz not null,
    landed_by text not null
);
create index rebound_returns_registered_at on landing.rebound_returns (registered_at);
create index rebound_returns_order_reference on landing.rebound_returns (order_reference_key);
comment on table landing.rebound_returns is 'ReBound return documents, the latest version of each.';

create table landing.rebound_return_lines (
    return_id text collate "C" not null references landing.rebound_returns on delete cascade,
    position integer not null,
    return_line_key text collate "C" not null,
    sku text,
    sku_key text collate "C" generated always as (landing.match_key(sku)) stored,
    quantity numeric,
    quantity_received numeric,
    unit_code text,
    currency text,
    disposition text,
    reason_code text,
    reason_action text,
    reason_wish text,
    verification_entity text,
    tracking_number text,
    fault_path text,
    fault text,
    primary key (return_id, position),
    check ((fault is null) = (fault_path is null)),
    check (fault is not null or (sku is not null and quantity >= 0 and coalesce(quantity_received, 0) >= 0))
);
comment on table landing.rebound_return_lines is 'The items of each ReBound return; one whose values do not validate carries its fault.';

create table landing.oro_orders (
    order_id text collate "C" primary key,
    identifier text,
    identifier_key text collate "C" generated always as (landing.match_key(identifier)) stored,
    po_number text,
    po_number_key text collate "C" generated always as (landing.match_key(po_number)) stored,
    external_id text,
    external_id_key text collate "C" generated always as (landing.match_key(external_id)) stored,
    customer_id text collate "C",
    currency text not null,
    subtotal_value numeric not null,
    total_value numeric not null,
    total_discounts_amount numeric,
    discount numeric,
    shipping_discount numeric,
    subtotal_with_discounts numeric,
    order_discounts_amount numeric not null,
    estimated_shipping_cost_amount numeric,
    overridden_shipping_cost_amount numeric,
    internal_status text,
    shipping_status text,
    has_internal_status boolean not null,
    has_shipping_status boolean not null,
    has_shipping_trackings boolean not null,
    has_subtotals boolean not null,
    created_at timestamptz,
    updated_at timestamptz,
    document jsonb not null,
    document_hash bytea not null,
    source text not null check (source in ('api', 'webhook', 'file')),
    landed_at timestamptz not null,
    landed_by text not null
);
create index oro_orders_identifier on landing.oro_orders (identifier_key);
create index oro_orders_po_number on landing.oro_orders (po_number_key);
create index oro_orders_external_id on landing.oro_orders (external_id_key);
create index oro_orders_updated_at on landing.oro_orders (updated_at);
comment on table landing.oro_orders is 'OroCommerce orders, the latest version of each; has_* say whether the relation was in the document at all.';

create table landing.oro_order_lines (
    order_id text collate "C" not null references landing.oro_orders on delete cascade,
    order_line_id text collate "C" not null,
    position integer not null,
    product_id text collate "C",
    product_sku text,
    sku_key text collate "C" generated always as (landing.match_key(product_sku)) stored,
    product_name text,
    is_free_form boolean not null,
    quantity numeric not null,
    product_unit_code text collate "C",
    value numeric not null,
    currency text,
    row_total_discount_amount numeric,
    row_total_after_discount_including_tax numeric,
    row_total_after_discount_excluding_tax numeric,
    primary key (order_id, order_line_id)
);
comment on table landing.oro_order_lines is 'Lines of the landed orders, in the order of the lineItems relation (position).';

create table landing.oro_order_kit_items (
    order_id text collate "C" not null,
    order_line_id text collate "C" not null,
    kit_item_line_id text collate "C" not null,
    product_id text collate "C",
    product_sku text,
    sku_key text collate "C" generated always as (landing.match_key(product_sku)) stored,
    product_name text,
    quantity numeric not null,
    product_unit_code text collate "C",
    product_unit_precision integer,
    value numeric not null,
    sort_order integer not null,
    primary key (order_id, order_line_id, kit_item_line_id),
    foreign key (order_id, order_line_id) references landing.oro_order_lines on delete cascade
);
comment on table landing.oro_order_kit_items is 'Components of kit lines: quantity and value are those of one kit.';

create table landing.oro_order_subtotals (
    order_id text collate "C" not null references landing.oro_orders on delete cascade,
    position integer not null,
    subtotal_type text not null,
    label text,
    amount numeric not null,
    currency text,
    data jsonb,
    primary key (order_id, position)
);
comment on table landing.oro_order_subtotals is 'Subtotals as Oro computed them when asked; only their taxes are used (they come from stored values).';

create table landing.oro_products (
    product_id text collate "C" primary key,
    sku text not null,
    sku_key text collate "C" generated always as (landing.match_key(sku)) stored,
    product_type text,
    status text,
    inventory_status text,
    updated_at timestamptz,
    document jsonb not null,
    document_hash bytea not null,
    source text not null check (source in ('api', 'webhook', 'file')),
    landed_at timestamptz not null,
    landed_by text not null
);
create index oro_products_sku on landing.oro_products (sku_key);
comment on table landing.oro_products is 'OroCommerce products, the latest version of each.';

create table landing.oro_product_units (
    product_id text collate "C" not null references landing.oro_products on delete cascade,
    unit_code text collate "C" not null,
    unit_precision integer,
    conversion_rate numeric,
    primary key (product_id, unit_code)
);
comment on table landing.oro_product_units is 'Units of a product: digits after the point, and how many primary units one of it is (conversionRate).';

create table landing.oro_inventory_levels (
    level_id text collate "C" primary key,
    product_id text collate "C",
    sku text,
    unit_code text collate "C",
    quantity numeric not null,
    landed_at timestamptz not null,
    landed_by text not null
);
create index oro_inventory_levels_product on landing.oro_inventory_levels (product_id, unit_code);
comment on table landing.oro_inventory_levels is 'Stock levels as last read, one per product and unit; a snapshot for people, never the base of a write.';

create table landing.malformed_documents (
    source_system text not null check (source_system in ('rebound', 'oro')),
    document_key text collate "C" not null,
    document_id text collate "C",
    resource text not null,
    registered_at timestamptz not null,
    fault_path text not null,
    fault text not null,
    document text not null,
    source text not null check (source in ('api', 'webhook', 'file')),
    landed_at timestamptz not null,
    landed_by text not null,
    primary key (source_system, resource, document_key)
);
create index malformed_documents_registered_at on landing.malformed_documents (registered_at);
comment on table landing.malformed_documents is
'Documents that did not validate, kept raw. document_key is the id where it could be read, else a hash; a good version of the same id removes the row. registered_at falls back to landed_at.';

create table landing.replaced_documents (
    source_system text not null,
    resource text not null,
    document_id text collate "C" not null,
    landed_at timestamptz not null,
    replaced_at timestamptz not null,
    document jsonb not null
);
create index replaced_documents_id on landing.replaced_documents (resource, document_id);
comment on table landing.replaced_documents is 'Earlier versions of landed documents, for tracing a return; subject to retention.';

create table landing.watermarks (
    stream text primary key,
    read_until timestamptz not null,
    updated_at timestamptz not null
);
comment on table landing.watermarks is 'How far each incremental stream was read; capped at the time of asking, because updatedAt may lie in the future.';
