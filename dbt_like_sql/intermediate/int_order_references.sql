/*
The references by which an order can be found, one row per order and kind; null where it has none of this kind. To be read for
single orders or references: without conditions of its own, because what has some can only be read whole.

materialized: view
owner: ops
*/
select
    orders.order_id,
    'identifier' as kind,
    orders.identifier as order_reference,
    orders.identifier_key as reference_key
from landing.oro_orders as orders
union all
select
    orders.order_id,
    'poNumber' as kind,
    orders.po_number as order_reference,
    orders.po_number_key as reference_key
from landing.oro_orders as orders
union all
select
    orders.order_id,
    'externalId' as kind,
    orders.external_id as order_reference,
    orders.external_id_key as reference_key
from landing.oro_orders as orders
