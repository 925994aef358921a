-- Statements of services/audit_landing.py, run in a private database. A probe is a return of an order that nobody sent: by
-- it the rules are asked what they think of the order, whatever came back.

-- name: probe_orders
update landing.oro_orders set external_id = 'rebound-oro audit ' || order_id;

-- name: probe_returns
insert into landing.rebound_returns (
    return_id, order_reference, registered_at, status, document, document_hash, source, landed_at, landed_by
)
select
    'rebound-oro audit ' || orders.order_id as return_id,
    'rebound-oro audit ' || orders.order_id as order_reference,
    %(registered_at)s as registered_at,
    (select statuses.status from seeds.rebound_statuses as statuses order by statuses.position desc limit 1) as status,
    '{}' as document,
    '' as document_hash,
    'file' as source,
    %(registered_at)s as landed_at,
    'audit' as landed_by
from landing.oro_orders as orders;

-- name: probe_lines
insert into landing.rebound_return_lines (
    return_id, position, return_line_key, sku, quantity, disposition, reason_code
)
select
    'rebound-oro audit ' || orders.order_id as return_id,
    1 as position,
    'audit' as return_line_key,
    coalesce(
        (
            select lines.product_sku from landing.oro_order_lines as lines
            where lines.order_id = orders.order_id and lines.sku_key is not null
            order by lines.position
            limit 1
        ),
        'audit'
    ) as sku,
    1 as quantity,
    (select min(dispositions.disposition) from seeds.dispositions as dispositions) as disposition,
    (select min(reasons.reason_code) from seeds.return_reasons as reasons) as reason_code
from landing.oro_orders as orders;

-- name: probe_releases
-- Explained is also what is not dispatched yet, or cancelled: a person says of each probe that it counts.
insert into reference.operator_decisions (
    subject, reason, return_id, return_line_key, registered_at, verdict, who, why
)
select
    lines.subject,
    'order_cancelled' as reason,
    lines.return_id,
    lines.return_line_key,
    %(registered_at)s as registered_at,
    'released' as verdict,
    'audit' as who,
    'probe' as why
from staging.stg_rebound__return_lines as lines
where lines.return_line_key = 'audit';

-- name: probe_answers
select
    orders.order_id,
    orders.is_cancelled,
    orders.is_dispatched,
    gated.verdict,
    gated.detail,
    explained.tax_amount
from intermediate.int_return_lines_gated as gated
inner join intermediate.int_orders as orders on gated.order_id = orders.order_id
left join intermediate.int_orders_explained as explained on gated.order_id = explained.order_id;

-- name: make_orders
create temporary table audit_orders (
    order_id text collate "C" primary key,
    is_cancelled boolean not null,
    is_dispatched boolean not null,
    verdict text,
    detail text,
    tax_amount numeric
);

-- name: copy_orders
copy audit_orders (order_id, is_cancelled, is_dispatched, verdict, detail, tax_amount) from stdin;
