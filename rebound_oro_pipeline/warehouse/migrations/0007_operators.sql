-- What operators decide about single lines and documents: read by every later decision.
create table reference.operator_decisions (
    operator_decision_id bigint generated always as identity primary key,
    subject text collate "C" not null,
    reason text not null,
    return_id text collate "C",
    return_line_key text collate "C",
    registered_at timestamptz not null,
    verdict text not null check (verdict in ('rejected', 'written_off', 'released')),
    quantity numeric check (quantity > 0),
    takes_units boolean not null generated always as (
        verdict <> 'released'
        and reason not in ('malformed_document', 'duplicate_line', 'received_quantity_decreased')
    ) stored,
    who text not null check (btrim(who) <> ''),
    why text not null check (btrim(why) <> ''),
    decided_at timestamptz not null default clock_timestamp(),
    revoked_at timestamptz,
    revoked_by text,
    check ((revoked_at is null) = (revoked_by is null)),
    check (not takes_units or quantity is not null)
);
create index operator_decisions_subject on reference.operator_decisions (subject) where revoked_at is null;
create index operator_decisions_return on reference.operator_decisions (return_id);
comment on table reference.operator_decisions is
'What people decided about a row of the quarantine, for good until revoked. rejected and written_off take quantity units out of the line (takes_units), or close a row that holds no units of its own; released sets the rule aside for this line.';

create table reference.quarantine_work (
    subject text collate "C" not null,
    reason text not null,
    assignee text,
    tags text[] not null default '{}',
    changed_by text not null,
    changed_at timestamptz not null default clock_timestamp(),
    primary key (subject, reason)
);
comment on table reference.quarantine_work is
'Who works on a row of the quarantine, and under which tags; it outlives the row, which may open again.';

create index audit_log_happened_at on outbox.audit_log (happened_at);
