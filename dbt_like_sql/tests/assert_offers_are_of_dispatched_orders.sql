/*
Fails if an offer is made of an order that is cancelled, not confirmed or not dispatched.

blocking: yes
on: ledger.offers
*/
select
    offers.order_id,
    offers.version,
    gated.internal_status,
    gated.shipping_status
from intermediate.int_orders_to_offer as orders
inner join ledger.offers as offers
    on orders.order_id = offers.order_id and orders.latest_version + 1 = offers.version
inner join intermediate.int_orders_gated as gated
    on offers.order_id = gated.order_id and offers.policy_version = gated.policy_version
where
    offers.state = 'offered'
    and (gated.is_cancelled or not gated.is_confirmed or not gated.is_dispatched)
