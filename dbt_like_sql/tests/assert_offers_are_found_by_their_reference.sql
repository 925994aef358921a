/*
Fails if an offer is made under a reference that means other orders too, or another one: a return that names it would not be
found to be of the order.

blocking: yes
on: ledger.offers
*/
select
    offers.order_id,
    offers.version,
    offers.order_reference,
    meant.order_id as meant_order_id
from intermediate.int_orders_to_offer as orders
inner join ledger.offers as offers
    on orders.order_id = offers.order_id and orders.latest_version + 1 = offers.version
inner join intermediate.int_offer_references as meant
    on landing.match_key(offers.order_reference) = meant.reference_key
where offers.state = 'offered' and meant.order_id is distinct from offers.order_id
