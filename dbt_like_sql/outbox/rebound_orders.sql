/*
What has to be sent to ReBound: every new version of an offer. Decimals are strings.

materialized: append
step: offers
owner: data
*/
select
    'rebound_order' as kind,
    offers.order_id || ':' || offers.version as business_key,
    offers.order_id as ordering_key,
    offers.offered_at as registered_at,
    jsonb_build_object(
        'order_id', offers.order_id,
        'version', offers.version,
        'order_reference', offers.order_reference,
        'order_date', to_char(offers.order_date, 'YYYY-MM-DD'),
        'currency', offers.currency,
        'state', offers.state,
        'items', offers.items
    ) as payload
from intermediate.int_orders_to_offer as orders
inner join ledger.offers as offers
    on orders.order_id = offers.order_id and offers.version = orders.latest_version + 1
