-- The health of the sync is asked for all day, and asks what ended within the last one.
create index messages_ended on outbox.messages (changed_at) where state in ('confirmed', 'rejected');
create index credit_notes_decision on ledger.credit_notes (decision_id);
