-- Looks that began to land documents and have not decided them: what one that failed has landed, the next one decides.
create table landing.looks (
    run_id text collate "C" primary key,
    begun_at timestamptz not null
);
comment on table landing.looks is
'Looks at returns outside of their day (open returns, the catch-up) that have begun and not ended, and runs that landed returns of other days than their own. What is unchanged when it is read again would stay undecided, so the next look takes it up from here.';
