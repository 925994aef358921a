-- Some discrepancies stay: an order that was changed after its credit has two true figures. A person takes note of them, as
-- they are at that moment; once the sides differ by another amount, or are gone and come back, they are open again.
create table reconciliation.acknowledgements (
    acknowledgement_id bigint generated always as identity primary key,
    kind text not null,
    subject text not null,
    ours numeric,
    theirs numeric,
    difference numeric not null generated always as (coalesce(theirs, 0) - coalesce(ours, 0)) stored,
    detail text,
    acknowledged_by text not null,
    acknowledged_why text not null,
    acknowledged_at timestamptz not null default now(),
    revoked_at timestamptz check (revoked_at >= acknowledged_at)
);
create index acknowledgements_standing on reconciliation.acknowledgements (kind, subject) where revoked_at is null;
comment on table reconciliation.acknowledgements is
'Discrepancies that a person took note of, with both sides as they were. One counts while the difference and the detail are the same and it is not revoked, which it is, too, once a reconciliation does not find the discrepancy any more.';

alter table reconciliation.sightings add column acknowledged_at timestamptz;
comment on column reconciliation.sightings.acknowledged_at is
'Since when, as the last reconciliation found it, a person has taken note of it; null where nobody has.';
