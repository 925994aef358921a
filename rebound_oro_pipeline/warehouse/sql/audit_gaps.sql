-- Statements of services/audit_gaps.py, run in a private database. Each gap gives a row per record, its last two columns
-- being the currency and the amount at stake (null where it cannot be told).

-- name: orders_without_tax_data
select
    orders.order_id,
    orders.order_identifier,
    orders.created_at,
    count(lines.order_line_id) as lines,
    count(lines.order_line_id) filter (
        where lines.row_total_including_tax = 0 and lines.row_total_excluding_tax = 0
    ) as lines_without_row_totals,
    coalesce(audited.verdict, 'spread by value') as verdict,
    audited.detail,
    orders.currency,
    orders.total_amount as amount
from audit_orders as audited
inner join staging.stg_oro__orders as orders on audited.order_id = orders.order_id
left join staging.stg_oro__order_lines as lines on audited.order_id = lines.order_id
where not audited.is_cancelled
group by
    audited.order_id, orders.order_id, orders.order_identifier, orders.created_at, audited.verdict, audited.detail,
    audited.tax_amount, orders.currency, orders.total_amount
having
    audited.verdict = 'tax_unresolvable'
    or (
        audited.verdict is null
        and audited.tax_amount > 0
        and bool_and(lines.row_total_including_tax = 0 and lines.row_total_excluding_tax = 0)
    )
order by orders.created_at, orders.order_id;

-- name: orders_that_do_not_add_up
select
    orders.order_id,
    orders.order_identifier,
    orders.created_at,
    audited.verdict,
    audited.detail,
    orders.currency,
    orders.total_amount as amount
from audit_orders as audited
inner join staging.stg_oro__orders as orders on audited.order_id = orders.order_id
where not audited.is_cancelled and audited.verdict in ('order_does_not_add_up', 'currency_mismatch')
order by orders.created_at, orders.order_id;

-- name: returns_without_orders
select
    return_id,
    return_line_key,
    registered_at,
    order_reference,
    sku,
    quantity,
    detail,
    currency,
    amount
from audit_return_lines
where reason = 'unknown_order'
order by registered_at, return_id, position;

-- name: returned_skus_not_on_their_order
select
    lines.return_id,
    lines.return_line_key,
    lines.registered_at,
    orders.order_identifier,
    lines.sku,
    lines.quantity,
    lines.detail,
    lines.currency,
    lines.amount
from audit_return_lines as lines
left join staging.stg_oro__orders as orders on lines.order_id = orders.order_id
where lines.reason = 'unknown_sku'
order by lines.registered_at, lines.return_id, lines.position;

-- name: skus_without_products
with

unknown as (
    select
        goods.sku_key,
        goods.sku,
        goods.sold_as as seen_on,
        goods.order_id as document_id,
        goods.named_product_id,
        goods.currency,
        goods.amount
    from audit_goods as goods
    where goods.product_id is null
    union all
    select
        lines.sku_key,
        lines.sku,
        'return line' as seen_on,
        lines.return_id as document_id,
        null as named_product_id,
        lines.currency,
        lines.amount
    from audit_return_lines as lines
    where
        lines.sku_key is not null
        and lines.destination <> 'withdrawn'
        and not exists (select from landing.oro_products as products where products.sku_key = lines.sku_key)
        and not exists (select from audit_goods as goods where goods.sku_key = lines.sku_key)
        and not exists (select from reference.sku_aliases as aliases where aliases.alias_key = lines.sku_key)
)

select
    min(sku) as sku,
    seen_on,
    count(*) as lines,
    count(distinct document_id) as documents,
    min(document_id) as first_document,
    string_agg(distinct named_product_id, ' ') as product_ids,
    currency,
    sum(amount) as amount
from unknown
group by sku_key, seen_on, currency
order by lines desc, sku, currency;

-- name: skus_without_levels
-- Kits are restocked as their components, and a configurable product is sold as its variants: neither has a level.
select
    min(goods.sku) as sku,
    goods.unit_code,
    goods.product_id,
    count(*) as lines,
    count(distinct goods.order_id) as orders,
    bool_or(units.unit_code is not null) as product_has_unit,
    goods.currency,
    sum(goods.amount) as amount
from audit_goods as goods
left join landing.oro_product_units as units
    on goods.product_id = units.product_id and goods.unit_code = units.unit_code
where
    goods.product_id is not null
    and not goods.is_kit
    and coalesce(goods.product_type, 'simple') not in ('kit', 'configurable')
    and not exists (
        select from landing.oro_inventory_levels as levels
        where levels.product_id = goods.product_id and levels.unit_code = goods.unit_code
    )
group by goods.product_id, goods.unit_code, goods.currency
order by lines desc, sku, goods.currency;

-- name: duplicated_external_ids
with

references_of_orders as (
    select
        orders.order_id,
        named.field,
        named.reference,
        named.reference_key,
        count(*) over (partition by named.field, named.reference_key) as orders_with_it
    from landing.oro_orders as orders
    cross join lateral (
        values
        ('identifier', orders.identifier, orders.identifier_key),
        ('poNumber', orders.po_number, orders.po_number_key),
        ('externalId', orders.external_id, orders.external_id_key)
    ) as named (field, reference, reference_key)
    where named.reference_key is not null and named.field = any(%(order_reference)s)
)

select
    doubled.field,
    doubled.reference,
    doubled.orders_with_it,
    (
        select count(*) from landing.rebound_returns as returns
        where returns.order_reference_key = doubled.reference_key
    ) as returns_that_name_it,
    orders.order_id,
    orders.order_identifier,
    orders.customer_id,
    orders.created_at,
    orders.currency,
    orders.total_amount as amount
from references_of_orders as doubled
inner join staging.stg_oro__orders as orders on doubled.order_id = orders.order_id
where doubled.orders_with_it > 1
order by doubled.field, doubled.reference_key, length(orders.order_id), orders.order_id;

-- name: statuses_without_mapping
-- The statuses that OroCommerce comes with need no mention in the policy: none of them means dispatched or cancelled
-- unless the policy says so, and that is meant.
with

shipped_with_oro (kind, value) as (
    values
    ('OroCommerce internal status', 'open'), ('OroCommerce internal status', 'pending'),
    ('OroCommerce internal status', 'processing'), ('OroCommerce internal status', 'shipped'),
    ('OroCommerce internal status', 'closed'), ('OroCommerce internal status', 'cancelled'),
    ('OroCommerce internal status', 'archived'),
    ('OroCommerce shipping status', 'not_shipped'), ('OroCommerce shipping status', 'shipped'),
    ('OroCommerce shipping status', 'partially_shipped')
),

policy as (
    select policies.* from intermediate.int_policies as policies
    inner join intermediate.int_policy as in_force on policies.policy_version = in_force.policy_version
),

of_the_policy as (
    select 'OroCommerce internal status' as kind, named.value
    from policy
    cross join jsonb_array_elements_text(policy.not_confirmed_statuses || policy.cancelled_statuses) as named (value)
    union
    select 'OroCommerce internal status' as kind, named.value
    from policy
    cross join jsonb_each(policy.confirmed_statuses) as versions
    cross join jsonb_array_elements_text(versions.value) as named (value)
    union
    select kinds.kind, named.value
    from policy
    cross join jsonb_each(policy.dispatched_statuses) as versions
    cross join jsonb_array_elements_text(versions.value) as named (value)
    cross join (values ('OroCommerce internal status'), ('OroCommerce shipping status')) as kinds (kind)
),

found as (
    select
        'ReBound status' as kind,
        lines.status as value,
        lines.return_id as document_id,
        'returns with it go to the quarantine' as what_happens,
        lines.currency,
        lines.amount
    from audit_return_lines as lines
    where lines.status is null or lines.status not in (select statuses.status from seeds.rebound_statuses as statuses)
    union all
    select
        'disposition' as kind,
        lines.disposition as value,
        lines.return_id as document_id,
        'lines with it go to the quarantine' as what_happens,
        lines.currency,
        lines.amount
    from audit_return_lines as lines
    inner join seeds.rebound_statuses as statuses on lines.status = statuses.status
    where
        lines.fault is null
        and not statuses.is_withdrawn
        and lines.received_quantity > 0
        and (lines.disposition is not null or statuses.position >= (
            select milestones.position from seeds.rebound_statuses as milestones where milestones.status = %(milestone)s
        ))
        and not exists (
            select from seeds.dispositions as known where known.disposition = lines.disposition
        )
    union all
    select
        'return reason' as kind,
        lines.reason_code as value,
        lines.return_id as document_id,
        case
            when policy.amount_depends_on_reason then 'lines with it go to the quarantine'
            else 'nothing, as long as no amount depends on the reason'
        end as what_happens,
        lines.currency,
        lines.amount
    from audit_return_lines as lines
    cross join policy
    where
        lines.reason_code is not null
        and lines.reason_code not in (select reasons.reason_code from seeds.return_reasons as reasons)
    union all
    select
        'OroCommerce internal status' as kind,
        orders.internal_status as value,
        orders.order_id as document_id,
        'counts as confirmed only by the * of gate.confirmed' as what_happens,
        orders.currency,
        orders.total_amount as amount
    from staging.stg_oro__orders as orders
    where orders.internal_status is not null
    union all
    select
        'OroCommerce shipping status' as kind,
        orders.shipping_status as value,
        orders.order_id as document_id,
        'never counts as dispatched: returns are held, and given up in the end' as what_happens,
        orders.currency,
        orders.total_amount as amount
    from staging.stg_oro__orders as orders
    where orders.shipping_status is not null
)

select
    found.kind,
    coalesce(found.value, '(empty)') as value,
    found.what_happens,
    count(*) as records,
    count(distinct found.document_id) as documents,
    min(found.document_id) as first_document,
    found.currency,
    sum(found.amount) as amount
from found
where
    not exists (select from shipped_with_oro as known where known.kind = found.kind and known.value = found.value)
    and not exists (select from of_the_policy as known where known.kind = found.kind and known.value = found.value)
group by found.kind, found.value, found.what_happens, found.currency
order by found.kind, records desc, value, found.currency;

-- name: shipping_statuses_null
select
    orders.order_id,
    orders.order_identifier,
    orders.created_at,
    orders.internal_status,
    orders.has_shipping_trackings,
    audited.is_dispatched as counts_as_dispatched,
    (
        select count(distinct lines.return_id) from audit_return_lines as lines
        where lines.order_id = orders.order_id
    ) as returns,
    orders.currency,
    orders.total_amount as amount
from staging.stg_oro__orders as orders
inner join audit_orders as audited on orders.order_id = audited.order_id
where orders.has_shipping_status and orders.shipping_status is null and not audited.is_cancelled
order by audited.is_dispatched, orders.created_at, orders.order_id;

-- name: relations_null
with

looked_at as (
    select
        'customer of the order' as relation,
        orders.order_id,
        orders.order_id as record_id,
        null::text as sku,
        orders.customer_id is null as is_null,
        orders.currency,
        orders.total_amount as amount
    from staging.stg_oro__orders as orders
    union all
    select
        'internal status of the order' as relation,
        orders.order_id,
        orders.order_id as record_id,
        null as sku,
        orders.internal_status is null as is_null,
        orders.currency,
        orders.total_amount as amount
    from staging.stg_oro__orders as orders
    where orders.has_internal_status
    union all
    select
        case goods.sold_as when 'order line' then 'product of the order line' else 'product of the kit component' end
            as relation,
        goods.order_id,
        goods.order_line_id as record_id,
        goods.sku,
        goods.named_product_id is null as is_null,
        goods.currency,
        goods.amount
    from audit_goods as goods
),

counted as (
    select
        looked_at.*,
        count(*) filter (where looked_at.is_null) over (partition by looked_at.relation) as null_records,
        count(*) over (partition by looked_at.relation) as records
    from looked_at
)

select
    counted.relation,
    orders.order_id,
    orders.order_identifier,
    counted.record_id,
    counted.sku,
    counted.null_records,
    counted.records as records_of_this_kind,
    counted.currency,
    counted.amount
from counted
inner join staging.stg_oro__orders as orders on counted.order_id = orders.order_id
where counted.is_null
order by counted.relation, orders.created_at, orders.order_id, counted.record_id;

-- name: documents_that_cannot_be_read
select
    documents.source_system || ' ' || documents.resource as document,
    documents.document_key as document_id,
    documents.fault_path as field,
    documents.fault,
    null::text as currency,
    null::numeric as amount
from landing.malformed_documents as documents
union all
select
    'rebound return line' as document,
    landing.line_subject(lines.return_id, lines.return_line_key) as document_id,
    lines.fault_path as field,
    lines.fault,
    lines.currency,
    lines.amount
from audit_return_lines as lines
where lines.fault is not null
order by document, document_id, field;

-- name: at_stake
select
    gap.currency,
    count(*)::integer as records,
    round(sum(gap.amount), greatest(coalesce(max(currencies.digits), 2), scale(trim_scale(sum(gap.amount))))) as amount
from {gap} as gap
left join seeds.currencies as currencies on gap.currency = currencies.currency
group by gap.currency
order by records desc, gap.currency;

-- name: money
round(gap.amount, greatest(coalesce(currencies.digits, 2), scale(trim_scale(gap.amount)))) as amount;

-- name: records
select {columns}
from {gap} as gap
left join seeds.currencies as currencies on gap.currency = currencies.currency
order by gap.record_number;
