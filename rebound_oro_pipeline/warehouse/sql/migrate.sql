-- Statements of migrate.py.

-- name: lock
select pg_advisory_xact_lock(hashtextextended('rebound-oro migrations', 0));

-- name: create_history
create schema if not exists migrations;
create table if not exists migrations.applied (
    migration text collate "C" primary key,
    sha256 text not null,
    applied_at timestamptz not null default clock_timestamp()
);
comment on table migrations.applied is 'Which versioned SQL files were run on this database, and the SHA-256 of each.';

-- name: has_history
select to_regclass('migrations.applied') is not null;

-- name: applied
select
    migration,
    sha256
from migrations.applied
order by migration;

-- name: record
insert into migrations.applied (migration, sha256) values (%(migration)s, %(sha256)s);

-- name: lowers_letters
select lower('Ä' collate "default") = 'ä';
