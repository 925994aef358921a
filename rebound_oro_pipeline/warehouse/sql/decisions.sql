-- name: lock
select pg_advisory_xact_lock(hashtextextended('rebound_oro_pipeline.decide', 0))

-- name: next_id
select nextval('ledger.decision_ids')

-- name: record
insert into ledger.decisions (decision_id, window_start, window_end, policy_version, decided_at, decided_by)
values (%(decision_id)s, %(window_start)s, %(window_end)s, %(policy_version)s, %(decided_at)s, %(run_id)s)
