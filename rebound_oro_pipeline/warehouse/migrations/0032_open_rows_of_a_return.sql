-- A return that is dated anew leaves the window where its open rows lie; they are found by the return.
create index quarantine_return on ledger.quarantine (return_id) where resolved_at is null;
create index holds_return on ledger.holds (return_id) where resolved_at is null;
