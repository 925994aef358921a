-- What the columns of landing and of the inbox mean, for those who ask the database, and for Dagster's catalogue.
comment on column landing.rebound_returns.return_id is 'ReBound''s id, by which it is asked for.';
comment on column landing.rebound_returns.display_id is 'The number that people know it by.';
comment on column landing.rebound_returns.order_reference is 'What ReBound names as the order, as it is spelt there.';
comment on column landing.rebound_returns.order_reference_key is
'The order reference, trimmed and in lower case: what it is compared by; null where it is empty.';
comment on column landing.rebound_returns.registered_at is 'When it was registered; the day (UTC) to which it belongs.';
comment on column landing.rebound_returns.status is
'How far it has come, in lower case: current_tracking_status, unless the mapping names another field.';
comment on column landing.rebound_returns.carrier is 'Who carries it.';
comment on column landing.rebound_returns.tracking_number is 'Number of its parcel.';
comment on column landing.rebound_returns.document is
'The document as it came, without what the mapping drops, such as the label.';
comment on column landing.rebound_returns.document_hash is
'Of the document and the mapping by which it was read; equal ones mean that nothing has changed.';
comment on column landing.rebound_returns.source is
'How it came: api, webhook or file. What a file said is ReBound''s own once ReBound has said the same.';
comment on column landing.rebound_returns.landed_at is
'When this version of it was read; reading the same again changes nothing.';
comment on column landing.rebound_returns.landed_by is 'The run that read it.';

comment on column landing.rebound_return_lines.return_id is 'The return.';
comment on column landing.rebound_return_lines.position is 'Place in the list of items, from 1.';
comment on column landing.rebound_return_lines.return_line_key is
'ReBound''s id of the item; where it has none, made of the return, the SKU, and a count of that SKU.';
comment on column landing.rebound_return_lines.sku is 'As ReBound spells it.';
comment on column landing.rebound_return_lines.sku_key is
'The SKU, trimmed and in lower case: what it is compared by; null where it is empty.';
comment on column landing.rebound_return_lines.quantity is 'Units that were announced.';
comment on column landing.rebound_return_lines.quantity_received is 'Units that the hub found; null: all that were announced.';
comment on column landing.rebound_return_lines.unit_code is 'The unit in which both are counted; null: that of the order line.';
comment on column landing.rebound_return_lines.currency is
'Only compared with that of the order; no amount is taken from ReBound.';
comment on column landing.rebound_return_lines.disposition is 'What became of the goods, in lower case.';
comment on column landing.rebound_return_lines.reason_code is 'Why they came back, in lower case: the first of the reasons.';
comment on column landing.rebound_return_lines.reason_action is
'What is to be done, in ReBound''s words, as it stands with that reason.';
comment on column landing.rebound_return_lines.reason_wish is
'What the customer wishes, a refund or an exchange, as it stands with that reason.';
comment on column landing.rebound_return_lines.verification_entity is 'Who inspected them.';
comment on column landing.rebound_return_lines.tracking_number is 'Number of the parcel of this item.';
comment on column landing.rebound_return_lines.fault_path is 'Where in the document the fault is; null where there is none.';
comment on column landing.rebound_return_lines.fault is 'Why the item cannot be read; null where it can.';

comment on column landing.oro_orders.order_id is 'OroCommerce''s id.';
comment on column landing.oro_orders.identifier is 'The number of the order.';
comment on column landing.oro_orders.identifier_key is
'The number, trimmed and in lower case: what it is compared by; null where it is empty.';
comment on column landing.oro_orders.po_number is 'The customer''s number of the order.';
comment on column landing.oro_orders.po_number_key is
'The customer''s number, trimmed and in lower case: what it is compared by; null where it is empty.';
comment on column landing.oro_orders.external_id is 'The number of the order in another system.';
comment on column landing.oro_orders.external_id_key is
'That number, trimmed and in lower case: what it is compared by; null where it is empty.';
comment on column landing.oro_orders.customer_id is 'OroCommerce''s id of the customer.';
comment on column landing.oro_orders.currency is 'Of all amounts of the order.';
comment on column landing.oro_orders.subtotal_value is 'Its rows, before discounts.';
comment on column landing.oro_orders.total_value is 'What was charged, with taxes and shipping.';
comment on column landing.oro_orders.total_discounts_amount is 'Manual discounts, of the whole order.';
comment on column landing.oro_orders.discount is 'Promotions, on lines and on the whole.';
comment on column landing.oro_orders.shipping_discount is 'Promotions on shipping.';
comment on column landing.oro_orders.subtotal_with_discounts is
'The subtotal less discounts: the second reading of the promotions, where the first does not add up.';
comment on column landing.oro_orders.order_discounts_amount is 'Sum of the manual discounts that the order lists.';
comment on column landing.oro_orders.estimated_shipping_cost_amount is 'Shipping, before its discount.';
comment on column landing.oro_orders.overridden_shipping_cost_amount is
'Shipping as a person set it: it counts instead of the estimate.';
comment on column landing.oro_orders.internal_status is
'In lower case; before 6.1 it tells whether the order was dispatched, too.';
comment on column landing.oro_orders.shipping_status is 'In lower case; from 6.1 on it tells whether the order was dispatched.';
comment on column landing.oro_orders.has_internal_status is 'Whether the document has the relation at all: 6.0 or later.';
comment on column landing.oro_orders.has_shipping_status is 'Whether the document has the relation at all: 6.1 or later.';
comment on column landing.oro_orders.has_shipping_trackings is 'Whether it has a tracking.';
comment on column landing.oro_orders.has_subtotals is 'Whether its subtotals were asked for, and answered.';
comment on column landing.oro_orders.created_at is 'When it was placed, as OroCommerce says.';
comment on column landing.oro_orders.updated_at is 'When it last changed, as OroCommerce says, which may lie in the future.';
comment on column landing.oro_orders.document is 'The JSON:API document of this order alone.';
comment on column landing.oro_orders.document_hash is 'Of the document without subtotals, which OroCommerce computes when asked.';
comment on column landing.oro_orders.source is 'How it came: api, webhook or file.';
comment on column landing.oro_orders.landed_at is 'When this version of it was read; reading the same again changes nothing.';
comment on column landing.oro_orders.landed_by is 'The run that read it.';

comment on column landing.oro_order_lines.order_id is 'The order.';
comment on column landing.oro_order_lines.order_line_id is 'OroCommerce''s id of the line.';
comment on column landing.oro_order_lines.position is 'Place in lineItems, from 1.';
comment on column landing.oro_order_lines.product_id is
'OroCommerce''s id of the product; null where it is free-form, deleted or hidden.';
comment on column landing.oro_order_lines.product_sku is 'The SKU as it was when it was ordered.';
comment on column landing.oro_order_lines.sku_key is
'The SKU, trimmed and in lower case: what it is compared by; null where it is empty.';
comment on column landing.oro_order_lines.product_name is 'The name as it was when it was ordered.';
comment on column landing.oro_order_lines.is_free_form is 'Whether it is of no product: no stock is moved for it.';
comment on column landing.oro_order_lines.quantity is 'Units ordered.';
comment on column landing.oro_order_lines.product_unit_code is
'The unit in which they are counted, and in which the stock level is.';
comment on column landing.oro_order_lines.value is 'Price of one unit.';
comment on column landing.oro_order_lines.currency is 'Of the price.';
comment on column landing.oro_order_lines.row_total_discount_amount is 'Promotions on this line.';
comment on column landing.oro_order_lines.row_total_after_discount_including_tax is
'With the other row total it tells the tax of the line, and no more: neither of them is its amount.';
comment on column landing.oro_order_lines.row_total_after_discount_excluding_tax is
'OroCommerce takes promotions off a second time in some settings, and never shows less than 0.';

comment on column landing.oro_order_kit_items.order_id is 'The order.';
comment on column landing.oro_order_kit_items.order_line_id is 'The line of the kit.';
comment on column landing.oro_order_kit_items.kit_item_line_id is 'OroCommerce''s id of the component.';
comment on column landing.oro_order_kit_items.product_id is 'OroCommerce''s id of its product.';
comment on column landing.oro_order_kit_items.product_sku is 'The SKU as it was when it was ordered.';
comment on column landing.oro_order_kit_items.sku_key is
'The SKU, trimmed and in lower case: what it is compared by; null where it is empty.';
comment on column landing.oro_order_kit_items.product_name is 'The name as it was when it was ordered.';
comment on column landing.oro_order_kit_items.quantity is 'Units of it in one kit.';
comment on column landing.oro_order_kit_items.product_unit_code is 'The unit in which they are counted.';
comment on column landing.oro_order_kit_items.product_unit_precision is 'Digits after the point that the unit had.';
comment on column landing.oro_order_kit_items.value is 'Price of one unit of it.';
comment on column landing.oro_order_kit_items.sort_order is
'Place among the components; amounts of the kit are spread in this sequence.';

comment on column landing.oro_order_subtotals.order_id is 'The order.';
comment on column landing.oro_order_subtotals.position is 'Place in the answer, from 1.';
comment on column landing.oro_order_subtotals.subtotal_type is 'Its kind; only tax is read.';
comment on column landing.oro_order_subtotals.label is 'Which of its kind; of the taxes Shipping Tax and Subtotal Tax are read.';
comment on column landing.oro_order_subtotals.amount is 'What it comes to.';
comment on column landing.oro_order_subtotals.currency is 'Of the amount.';
comment on column landing.oro_order_subtotals.data is 'What the amount is made of: taxes by code and rate, and by line.';

comment on column landing.oro_products.product_id is 'OroCommerce''s id.';
comment on column landing.oro_products.sku is 'As it is spelt today.';
comment on column landing.oro_products.sku_key is
'The SKU, trimmed and in lower case: what it is compared by; null where it is empty.';
comment on column landing.oro_products.product_type is 'simple, kit or configurable, for instance.';
comment on column landing.oro_products.status is 'Whether it is enabled.';
comment on column landing.oro_products.inventory_status is 'Whether it is on sale: in_stock or out_of_stock, for instance.';
comment on column landing.oro_products.updated_at is 'When it last changed, as OroCommerce says.';
comment on column landing.oro_products.document is 'The JSON:API document of this product alone.';
comment on column landing.oro_products.document_hash is 'Of the document; equal ones mean that nothing has changed.';
comment on column landing.oro_products.source is 'How it came: api, webhook or file.';
comment on column landing.oro_products.landed_at is 'When this version of it was read; reading the same again changes nothing.';
comment on column landing.oro_products.landed_by is 'The run that read it.';

comment on column landing.oro_product_units.product_id is 'The product.';
comment on column landing.oro_product_units.unit_code is 'The unit.';
comment on column landing.oro_product_units.unit_precision is 'Digits after the point of a quantity in this unit.';
comment on column landing.oro_product_units.conversion_rate is 'How many primary units one of it is.';

comment on column landing.oro_inventory_levels.level_id is 'OroCommerce''s id; there is one level for each product and unit.';
comment on column landing.oro_inventory_levels.product_id is 'OroCommerce''s id of the product.';
comment on column landing.oro_inventory_levels.sku is 'The SKU of the product.';
comment on column landing.oro_inventory_levels.unit_code is 'The unit in which the level counts.';
comment on column landing.oro_inventory_levels.quantity is
'Units on the shelf when it was read; OroCommerce lets it be negative.';
comment on column landing.oro_inventory_levels.landed_at is
'When this quantity was read first; reading the same again changes nothing.';
comment on column landing.oro_inventory_levels.landed_by is 'The run that read it.';

comment on column landing.malformed_documents.source_system is 'Who said it: rebound or oro.';
comment on column landing.malformed_documents.document_key is 'Its id, or a hash of it where no id can be read.';
comment on column landing.malformed_documents.document_id is 'Its id, where it can be read.';
comment on column landing.malformed_documents.resource is
'What it is a document of: returns, orders, products or inventorylevels.';
comment on column landing.malformed_documents.registered_at is
'The moment, and with it the day, to which it belongs: that of an earlier version, else of what it names, else of the days for which ReBound lists it, else when it landed.';
comment on column landing.malformed_documents.fault_path is 'Where in the document the fault is; $ is the whole of it.';
comment on column landing.malformed_documents.fault is 'Why it cannot be read.';
comment on column landing.malformed_documents.document is 'What came, as text; empty where nothing did.';
comment on column landing.malformed_documents.source is 'How it came: api, webhook or file.';
comment on column landing.malformed_documents.landed_at is 'When it was read.';
comment on column landing.malformed_documents.landed_by is 'The run that read it.';

comment on column landing.replaced_documents.source_system is 'Who said it: rebound or oro.';
comment on column landing.replaced_documents.resource is 'What it is a document of: returns, orders or products.';
comment on column landing.replaced_documents.document_id is 'Its id.';
comment on column landing.replaced_documents.landed_at is 'When this version was read.';
comment on column landing.replaced_documents.replaced_at is 'When the version after it was read.';
comment on column landing.replaced_documents.document is 'The document as it came.';

comment on column landing.watermarks.stream is 'What is read.';
comment on column landing.watermarks.read_until is 'Up to when everything of it is known.';
comment on column landing.watermarks.updated_at is 'When this mark was set.';

comment on column landing.looks.run_id is 'The run that looks.';
comment on column landing.looks.begun_at is 'Since when what it lands may wait for a decision.';

comment on column inbox.deliveries.delivery_id is 'In the order of arrival, and not of commits.';
comment on column inbox.deliveries.source is 'Who delivered it: rebound or oro.';
comment on column inbox.deliveries.event_id is 'The sender''s id of the event; null where it gives none.';
comment on column inbox.deliveries.event_type is 'The sender''s word for what happened.';
comment on column inbox.deliveries.received_at is 'When it came.';
comment on column inbox.deliveries.headers is 'Those that are kept, by name in lower case.';
comment on column inbox.deliveries.body is 'As it came.';
comment on column inbox.deliveries.content_hash is
'Of the body: the same under the same id, or without any, is a duplicate and not stored.';
comment on column inbox.deliveries.processed_at is 'When it was read; null: not yet.';
comment on column inbox.deliveries.processed_by is 'The run that read it.';
comment on column inbox.deliveries.outcome is
'What it was: landed, superseded by later news, malformed, order_changed, order_deleted, or ignored.';
comment on column inbox.deliveries.occurred_at is 'When it happened, as the sender says, and never later than it came.';
comment on column inbox.deliveries.document_id is 'The return or the order that it is about.';
comment on column inbox.deliveries.registered_at is 'Of a return: the moment that is decided because of it.';
comment on column inbox.deliveries.order_references is 'Of an order: the references by which returns may name it.';
comment on column inbox.deliveries.settled_at is 'When what follows from it was done; null: not yet.';
