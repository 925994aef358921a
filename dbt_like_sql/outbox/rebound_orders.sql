/*
What has to be sent to ReBound: every new version of an offer. ReBound keeps one order under each reference, so that of an order
whose reference means another one by now, which is offered under it, nothing is sent any more. Decimals are strings.

materialized: append
step: offers
owner: data
*/
with

given_away as (
    select
        orders.order_id,
        'order ' || meant.order_id || ' is offered under ' || orders.order_reference as words
    from intermediate.int_orders_to_offer as orders
    inner join intermediate.int_offer_references as meant
        on landing.match_key(orders.order_reference) = meant.reference_key
    where
        meant.order_id <> orders.order_id
        and exists (
            select 1
            from ledger.offers as theirs
            where
                theirs.order_id = meant.order_id
                and landing.match_key(theirs.order_reference) = meant.reference_key
        )
)

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
    ) as payload,
    case when given_away.order_id is null then 'pending' else 'skipped' end::outbox.message_state as state,
    given_away.words as last_error
from intermediate.int_orders_to_offer as orders
inner join ledger.offers as offers
    on orders.order_id = offers.order_id and offers.version = orders.latest_version + 1
left join given_away on orders.order_id = given_away.order_id
