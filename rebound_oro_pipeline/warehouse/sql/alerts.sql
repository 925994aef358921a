-- Statements of services/alerts.py.

-- name: claim
-- Due is what was not sent within the quiet period; the row stays locked while it is sent, so no second sender thinks so.
insert into outbox.alerts as known (fingerprint, subject, first_seen_at, last_seen_at, seen, sent_at)
values (%(fingerprint)s, %(subject)s, %(now)s, %(now)s, 1, %(now)s)
on conflict (fingerprint) do update set
    subject = excluded.subject,
    last_seen_at = excluded.last_seen_at,
    seen = case when known.sent_at is null or known.sent_at <= %(quiet_since)s then 1 else known.seen + 1 end,
    first_seen_at = case
        when known.sent_at is null or known.sent_at <= %(quiet_since)s then excluded.first_seen_at
        else known.first_seen_at
    end,
    sent_at = case
        when known.sent_at is null or known.sent_at <= %(quiet_since)s then excluded.sent_at
        else known.sent_at
    end
returning known.seen = 1 as is_due;

-- name: took_any_since
select exists (select from outbox.alerts where sent_at > %(moment)s::timestamptz);
