-- name: lock
select pg_advisory_xact_lock(hashtextextended('rebound_oro_pipeline.decide', 0))

-- name: settings
-- One decision runs at a time, so it may sort in memory what a server tuned for many sessions would write to the disk.
-- Compiling its statements costs more than they take; a server other than the embedded one may do so by default. And its
-- working sets are analysed one after the other: a sample of 9,000 rows tells the planner how large they are.
select
    set_config('work_mem', greatest(pg_size_bytes(current_setting('work_mem')) / 1024, 131072)::text || 'kB', true),
    set_config('jit', 'off', true),
    set_config('default_statistics_target', '30', true)

-- name: next_id
select nextval('ledger.decision_ids')

-- name: newest_message
select coalesce(max(message_id), 0) from outbox.messages

-- name: record
insert into ledger.decisions (decision_id, window_start, window_end, policy_version, decided_at, decided_by)
values (%(decision_id)s, %(window_start)s, %(window_end)s, %(policy_version)s, %(decided_at)s, %(run_id)s)

-- name: hold_back
-- What this transaction has put into the outbox waits until somebody releases it. Only what came after the newest message
-- is looked at, because a history of many windows would else read all that it held back before, in each of them.
update outbox.messages
set next_attempt_at = outbox.held_back_until()
where message_id > %(newest_message)s and created_at = transaction_timestamp() and state = 'pending'
