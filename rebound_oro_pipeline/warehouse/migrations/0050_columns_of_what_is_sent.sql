-- What the columns mean of what people read about sending and reconciling, and of the tables behind it, for those who
-- ask the database, and for Dagster's catalogue.
comment on column push.oro_credit_notes.credit_note_number is
'Of the note, and the key by which its message is found in the outbox.';
comment on column push.oro_credit_notes.return_id is 'The return that it credits.';
comment on column push.oro_credit_notes.order_id is 'OroCommerce''s id of the order that it is on.';
comment on column push.oro_credit_notes.currency is 'Of the order.';
comment on column push.oro_credit_notes.total_amount is
'What is credited: net, tax, shipping and its tax, less fees.';
comment on column push.oro_credit_notes.registered_at is
'When the return was registered; the day (UTC) to which it belongs.';
comment on column push.oro_credit_notes.state is
'Of its message: pending, sending, unknown, confirmed (read back and found equal), rejected, skipped or abandoned.';
comment on column push.oro_credit_notes.attempts is 'How often it was tried.';
comment on column push.oro_credit_notes.next_attempt_at is
'Not tried before; held back until a person lets it go where this is the year 9999.';
comment on column push.oro_credit_notes.operation_id is 'The batch that OroCommerce has yet to finish with it.';
comment on column push.oro_credit_notes.oro_credit_note_id is
'OroCommerce''s id of the note; null until it was read there.';
comment on column push.oro_credit_notes.last_error is 'Why it is not there yet, in the words of the other system.';
comment on column push.oro_credit_notes.created_at is 'When it was decided.';
comment on column push.oro_credit_notes.confirmed_at is 'When it was read back and found equal.';
comment on column push.oro_inventory_levels.level_write_id is 'In the order of the writes.';
comment on column push.oro_inventory_levels.level_id is 'OroCommerce''s id of the level.';
comment on column push.oro_inventory_levels.product_id is 'OroCommerce''s id of the product.';
comment on column push.oro_inventory_levels.sku is 'Of the product.';
comment on column push.oro_inventory_levels.unit_code is 'Unit of the product that the level counts in.';
comment on column push.oro_inventory_levels.quantity_before is 'What the level held before the write.';
comment on column push.oro_inventory_levels.quantity_target is
'What it was set to: what it held, and the units of the deltas.';
comment on column push.oro_inventory_levels.quantity_seen is 'What it showed afterwards.';
comment on column push.oro_inventory_levels.state is 'writing, confirmed, not_written, or ambiguous: the level shows neither.';
comment on column push.oro_inventory_levels.operation_id is
'The batch that it went out with, where it did not go alone.';
comment on column push.oro_inventory_levels.deltas is 'How many stock movements it carries.';
comment on column push.oro_inventory_levels.started_at is 'When it was begun.';
comment on column push.oro_inventory_levels.finished_at is 'When its end was known; null: not yet.';
comment on column push.rebound_orders.offer is
'Order id and version, and the key by which the message is found in the outbox.';
comment on column push.rebound_orders.order_id is 'OroCommerce''s id of the order.';
comment on column push.rebound_orders.version is 'Counts what ReBound was to be told of the order, from 1.';
comment on column push.rebound_orders.order_reference is 'Under which ReBound is told of the order.';
comment on column push.rebound_orders.currency is 'Of the order.';
comment on column push.rebound_orders.offer_state is 'Whether its items are offered, or the offer is withdrawn.';
comment on column push.rebound_orders.reason is 'Why it is so.';
comment on column push.rebound_orders.items is 'How many items it names, also those of which nothing is left.';
comment on column push.rebound_orders.registered_at is 'When this version was decided.';
comment on column push.rebound_orders.state is
'Of its message: pending, sending, unknown, confirmed (ReBound answered success), rejected, skipped or abandoned.';
comment on column push.rebound_orders.attempts is 'How often it was tried.';
comment on column push.rebound_orders.next_attempt_at is 'Not tried before.';
comment on column push.rebound_orders.last_error is 'Why ReBound has not taken it yet, in its words.';
comment on column push.rebound_orders.created_at is 'When its message was written.';
comment on column push.rebound_orders.confirmed_at is 'When ReBound answered success.';
comment on column push.refusals.kind is 'Of message: oro_credit_note, oro_inventory_delta or rebound_order.';
comment on column push.refusals.subject is 'Its key in the outbox.';
comment on column push.refusals.reason is 'The quarantine''s reason.';
comment on column push.refusals.detail is 'The words of the other system.';
comment on column push.refusals.quantity is 'Units of the note or of the stock movement.';
comment on column push.refusals.return_id is 'The return that it is about, where it is about one.';
comment on column push.refusals.return_line_key is 'Its line; null for a note.';
comment on column push.refusals.registered_at is 'Of the return or the offer; the day (UTC) to which it belongs.';
comment on column push.refusals.opened_at is 'Since when it is refused.';
comment on column reconciliation.credit_notes.credit_note_number is 'By which the two sides are matched.';
comment on column reconciliation.credit_notes.registered_at is
'When the return was registered; null for a note that nobody here decided.';
comment on column reconciliation.credit_notes.order_id is 'OroCommerce''s id of the order for which it was decided.';
comment on column reconciliation.credit_notes.currency is 'As decided, else as OroCommerce holds it.';
comment on column reconciliation.credit_notes.decided_total_amount is 'Ours; null: nobody here decided it.';
comment on column reconciliation.credit_notes.oro_total_amount is 'Theirs, as last read; null: it is not there.';
comment on column reconciliation.credit_notes.oro_credit_note_id is
'OroCommerce''s id of the note; null: it is not there.';
comment on column reconciliation.credit_notes.push_state is 'Of its message in the outbox.';
comment on column reconciliation.credit_notes.read_at is 'When it was read back; null: it was not found there.';
comment on column reconciliation.credit_notes.finding is
'What comes of the comparison; docs/operations.md has what to do about each.';
comment on column reconciliation.credit_notes.oro_order_id is
'OroCommerce''s id of the order on which it stands there.';
comment on column reconciliation.credit_notes.differences is 'What differs, with both sides; null: nothing does.';
comment on column reconciliation.inventory.level_id is 'OroCommerce''s id of the level; null: not looked for yet.';
comment on column reconciliation.inventory.sku is 'Of the product.';
comment on column reconciliation.inventory.unit_code is 'Unit of the product that the level counts in.';
comment on column reconciliation.inventory.quantity_decided is
'Units that all stock movements of the level put back.';
comment on column reconciliation.inventory.quantity_written is 'Units by which our confirmed writes raised it.';
comment on column reconciliation.inventory.quantity_waiting is
'Units that are yet to be written, or of which it is not known.';
comment on column reconciliation.inventory.quantity_refused is 'Units that were refused, or given up by a person.';
comment on column reconciliation.inventory.writes is 'How many writes were confirmed.';
comment on column reconciliation.inventory.last_target is 'What the last one set it to.';
comment on column reconciliation.inventory.last_written_at is 'When that was known to have taken effect.';
comment on column reconciliation.inventory.quantity_now is 'What the level held when it was last read.';
comment on column reconciliation.inventory.read_at is 'When that was.';
comment on column reconciliation.inventory.finding is
'What comes of the comparison; docs/operations.md has what to do about each.';
comment on column reconciliation.inventory.is_read_since_write is
'Whether it was read after our last write, so that the two can be compared.';
comment on column reconciliation.acknowledgements.acknowledgement_id is 'In the order in which they were given.';
comment on column reconciliation.acknowledgements.kind is 'Of the discrepancy.';
comment on column reconciliation.acknowledgements.subject is
'What it is about: a credit note, a level, an order, a line of one, or a return line.';
comment on column reconciliation.acknowledgements.ours is 'Our side, as it was.';
comment on column reconciliation.acknowledgements.theirs is 'The other side, as it was.';
comment on column reconciliation.acknowledgements.difference is
'Theirs less ours, as it was; another one counts as not acknowledged.';
comment on column reconciliation.acknowledgements.detail is
'What else there was to say; another one counts as not acknowledged.';
comment on column reconciliation.acknowledgements.acknowledged_by is 'Who took note of it.';
comment on column reconciliation.acknowledgements.acknowledged_why is 'Why it may stay.';
comment on column reconciliation.acknowledgements.acknowledged_at is 'When.';
comment on column reconciliation.acknowledgements.revoked_at is
'When it was taken back, or the discrepancy was gone; null: it counts.';
comment on column reconciliation.sightings.kind is 'Of the discrepancy.';
comment on column reconciliation.sightings.subject is
'What it is about: a credit note, a level, an order, a line of one, or a return line.';
comment on column reconciliation.sightings.currency is 'Of the difference; null: it is in units, or there is none.';
comment on column reconciliation.sightings.difference is 'Theirs less ours, as the last reconciliation found it.';
comment on column reconciliation.sightings.first_seen_at is 'Since when it is there.';
comment on column reconciliation.sightings.resolved_at is
'When a reconciliation did not find it any more; null: it is there.';
comment on column outbox.messages.message_id is 'In the order in which they were written, and not of commits.';
comment on column outbox.messages.kind is 'oro_credit_note, oro_inventory_delta or rebound_order.';
comment on column outbox.messages.attempts is 'Tries, also those that a limit or the connection stopped.';
comment on column outbox.messages.checks is 'How often it was read in the other system since its fate is unknown.';
comment on column outbox.messages.next_attempt_at is
'Not tried before; the year 9999 where it is held back until a person lets it go.';
comment on column outbox.messages.claimed_by is 'The worker that sends it now.';
comment on column outbox.messages.claimed_until is 'After this another worker may take it.';
comment on column outbox.messages.operation_id is 'The batch that OroCommerce has yet to finish with it.';
comment on column outbox.messages.operation_index is 'Its place in that batch.';
comment on column outbox.messages.remote_id is 'Its id in the other system: of the note, the level or the order.';
comment on column outbox.messages.refusal_reason is 'The quarantine''s reason, where it is rejected.';
comment on column outbox.messages.last_error is 'The words of the other system, or why nothing came of the last try.';
comment on column outbox.messages.created_at is 'When it was written.';
comment on column outbox.messages.changed_at is 'When its state changed last.';
comment on column outbox.messages.confirmed_at is 'When it was found to have arrived.';
comment on column outbox.messages.failures is 'Requests with it that the other system took and did not carry out.';
comment on column outbox.messages.own_failures is 'Those of them that carried it alone while others passed.';
comment on column outbox.level_writes.level_write_id is 'In the order of the writes.';
comment on column outbox.level_writes.level_id is 'OroCommerce''s id of the level.';
comment on column outbox.level_writes.product_id is 'OroCommerce''s id of the product.';
comment on column outbox.level_writes.sku is 'Of the product.';
comment on column outbox.level_writes.unit_code is 'Unit of the product that the level counts in.';
comment on column outbox.level_writes.quantity_before is 'What the level held before the write.';
comment on column outbox.level_writes.quantity_target is 'What it was to be set to.';
comment on column outbox.level_writes.message_ids is 'Messages of the stock movements that it carries.';
comment on column outbox.level_writes.sent_as is 'single or batch; OroCommerce may carry a batch out late.';
comment on column outbox.level_writes.operation_id is 'The batch that it went out with.';
comment on column outbox.level_writes.state is 'writing, confirmed, not_written, or ambiguous: the level shows neither.';
comment on column outbox.level_writes.quantity_seen is 'What the level showed afterwards.';
comment on column outbox.level_writes.started_at is 'When it was begun.';
comment on column outbox.level_writes.finished_at is 'When its end was known; null: not yet.';
comment on column outbox.level_writes.status_checked_at is
'When it was looked whether OroCommerce took the product for out of stock.';
comment on column outbox.level_writes.written_by is 'The worker that wrote it.';
comment on column outbox.circuits.kind is 'Kind of message that is not sent.';
comment on column outbox.circuits.openings is 'How often in a row it opened; the pause grows with it.';
comment on column outbox.circuits.open_until is 'Nothing of the kind is sent before.';
comment on column outbox.circuits.last_error is 'What the other system said last.';
comment on column reference.operator_decisions.operator_decision_id is 'In the order of the decisions.';
comment on column reference.operator_decisions.subject is 'The row of the quarantine.';
comment on column reference.operator_decisions.reason is 'Why that row was there.';
comment on column reference.operator_decisions.return_id is 'Its return.';
comment on column reference.operator_decisions.return_line_key is 'Its line; null for a whole document.';
comment on column reference.operator_decisions.registered_at is 'When the return was registered.';
comment on column reference.operator_decisions.verdict is 'rejected, written_off or released.';
comment on column reference.operator_decisions.quantity is 'Units that the person saw in the row.';
comment on column reference.operator_decisions.takes_units is 'Whether those units are taken out of the line.';
comment on column reference.operator_decisions.who is 'Who decided.';
comment on column reference.operator_decisions.why is 'The reason that was given.';
comment on column reference.operator_decisions.decided_at is 'When.';
comment on column reference.operator_decisions.revoked_at is 'When it was taken back; null: it counts.';
comment on column reference.operator_decisions.revoked_by is 'Who took it back.';
comment on column reference.operator_decisions.unit_code is 'Unit of the line as the person saw it.';
comment on column reference.policies.policy_version is 'Counts the policies that were in force, from 1.';
comment on column reference.policies.document is 'The whole policy, with the defaults of that time.';
comment on column reference.policies.document_hash is 'By which an unchanged policy is known.';
comment on column reference.policies.loaded_at is 'When it was first in force.';
comment on column reference.sku_aliases.alias is 'The code under which goods come back, as it was given.';
comment on column reference.sku_aliases.alias_key is 'That code, trimmed and in lower case: what it is compared by.';
comment on column reference.sku_aliases.sku is 'The code under which they were sold.';
comment on column reference.sku_aliases.sku_key is 'That code, trimmed and in lower case.';
comment on column reference.sku_aliases.added_by is 'Who added it.';
comment on column reference.sku_aliases.note is 'The reason that was given.';
comment on column reference.sku_aliases.added_at is 'When.';
comment on column ledger.decisions.decision_id is 'In the order of the decisions, which wait for one another.';
comment on column ledger.decisions.window_start is 'Returns registered from this moment on were decided.';
comment on column ledger.decisions.window_end is 'Returns registered before this moment were decided.';
comment on column ledger.decisions.policy_version is 'The policy in force (reference.policies).';
comment on column ledger.decisions.decided_at is 'The moment as of which was decided.';
comment on column ledger.decisions.decided_by is 'The run.';
