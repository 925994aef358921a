/*
What ReBound is to know of each order: the latest offer, item by item, and where it stands on its way.

materialized: view
step: offers
owner: ops
columns:
    quantity: units that may still come back; 0 where nothing is left or the offer was withdrawn
    price: per unit, as on the order; for people, never for a credit
    returnable_until: the last day on which ReBound should take a return of it
    push_state: of the message; confirmed once ReBound has taken it
*/
with

latest as (
    select distinct on (offers.order_id) offers.*
    from ledger.offers as offers
    order by offers.order_id asc, offers.version desc
)

select
    latest.order_id,
    latest.order_reference,
    latest.order_date,
    latest.version,
    latest.state as offer_state,
    latest.reason,
    items.item ->> 'sku' as sku,
    items.item ->> 'description' as description,
    items.item ->> 'unit_code' as unit_code,
    (items.item ->> 'quantity')::numeric as quantity,
    (items.item ->> 'price')::numeric as price,
    latest.currency,
    not (items.item ->> 'non_returnable')::boolean as is_returnable,
    latest.order_date + (items.item ->> 'days_for_return')::integer as returnable_until,
    latest.offered_at,
    messages.state::text as push_state,
    messages.confirmed_at
from latest
cross join lateral jsonb_array_elements(latest.items) as items (item)
left join outbox.messages as messages
    on messages.kind = 'rebound_order' and messages.business_key = latest.order_id || ':' || latest.version
