/*
The references by which an order can be found, one row per order and kind. To be read for single orders or references.

materialized: view
owner: ops
*/
select
    orders.order_id,
    'identifier' as kind,
    orders.identifier as order_reference,
    orders.identifier_key as reference_key
from landing.oro_orders as orders
where orders.identifier_key is not null
union all
select
    orders.order_id,
    'poNumber' as kind,
    orders.po_number as order_reference,
    orders.po_number_key as reference_key
from landing.oro_orders as orders
where orders.po_number_key is not null
union all
select
    orders.order_id,
    'externalId' as kind,
    orders.external_id as order_reference,
    orders.external_id_key as reference_key
from landing.oro_orders as orders
where orders.external_id_key is not null
