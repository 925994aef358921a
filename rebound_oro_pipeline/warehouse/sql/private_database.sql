-- Statements of services/private_database.py.

-- name: abandoned
-- Of our own role alone: of others' sessions the names are not shown.
select databases.datname
from pg_database as databases
where
    databases.datname ~ ('^' || %(purpose)s || '_[0-9a-f]{32}$')
    and pg_get_userbyid(databases.datdba) = current_user
    and not exists (
        select from pg_stat_activity as sessions
        where
            sessions.datname = databases.datname
            or sessions.application_name = %(maker)s || databases.datname
    );

-- name: end_sessions
select pg_terminate_backend(sessions.pid)
from pg_stat_activity as sessions
where sessions.datname = %(database)s and sessions.usename = current_user and sessions.pid <> pg_backend_pid();

-- name: analyse
analyze
    landing.rebound_returns,
    landing.rebound_return_lines,
    landing.oro_orders,
    landing.oro_order_lines,
    landing.oro_order_kit_items,
    landing.oro_order_subtotals,
    landing.oro_products,
    landing.oro_product_units
