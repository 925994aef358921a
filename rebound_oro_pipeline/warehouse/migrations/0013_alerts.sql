-- Alerts that were sent: one outage is one message, however many runs fail because of it.
create table outbox.alerts (
    fingerprint text primary key,
    subject text not null,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    seen integer not null,
    sent_at timestamptz
);
comment on table outbox.alerts is
'What was alerted, by what it is about (fingerprint): how often it was seen, and when it was last sent. A message is sent again only after the quiet period.';
