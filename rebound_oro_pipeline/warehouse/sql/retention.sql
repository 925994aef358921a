-- Statements of services/retention.py. What is removed is what the systems sent, word for word; what the rules read of it
-- stays, and the ledger is not touched. A document that was emptied says {"removed_at": …}.

-- name: choose_returns
-- A return of which something is open is kept whole: people, or the next version of it, need its document.
create temporary table retired_returns on commit drop as
select returns.return_id
from landing.rebound_returns as returns
where
    greatest(returns.registered_at, returns.landed_at) < %(before)s
    and not returns.document ? 'removed_at'
    and not exists (
        select from ledger.quarantine
        where quarantine.return_id = returns.return_id and quarantine.resolved_at is null
    )
    and not exists (
        select from ledger.holds
        where holds.return_id = returns.return_id and holds.resolved_at is null
    );

-- name: choose_orders
create temporary table retired_orders on commit drop as
select orders.order_id
from landing.oro_orders as orders
where
    greatest(orders.created_at, orders.landed_at) < %(before)s
    and not orders.document ? 'removed_at'
    and not exists (
        select
        from landing.rebound_returns as returns
        where
            returns.order_reference_key in (orders.identifier_key, orders.po_number_key, orders.external_id_key)
            and (
                exists (
                    select from ledger.quarantine
                    where quarantine.return_id = returns.return_id and quarantine.resolved_at is null
                )
                or exists (
                    select from ledger.holds
                    where holds.return_id = returns.return_id and holds.resolved_at is null
                )
            )
    );

-- name: empty_returns
update landing.rebound_returns
set
    document = jsonb_build_object('id', return_id, 'removed_at', to_char(%(now)s::timestamptz, 'YYYY-MM-DD')),
    carrier = null,
    tracking_number = null
where return_id in (select retired.return_id from retired_returns as retired);

-- name: empty_return_lines
update landing.rebound_return_lines
set reason_wish = null, verification_entity = null, tracking_number = null
where return_id in (select retired.return_id from retired_returns as retired);

-- name: empty_orders
update landing.oro_orders
set document = jsonb_build_object('id', order_id, 'removed_at', to_char(%(now)s::timestamptz, 'YYYY-MM-DD'))
where order_id in (select retired.order_id from retired_orders as retired);

-- name: remove_replaced
delete from landing.replaced_documents
where replaced_at < %(before)s;

-- name: remove_malformed
-- Only where nobody has to work on it any more.
delete from landing.malformed_documents as documents
where
    documents.landed_at < %(before)s
    and not exists (
        select from ledger.quarantine
        where
            quarantine.subject = documents.source_system || ' ' || documents.resource || ' ' || documents.document_key
            and quarantine.resolved_at is null
    );

-- name: empty_deliveries
update inbox.deliveries
set body = '', headers = '{}'
where received_at < %(before)s and settled_at is not null and body <> '';
