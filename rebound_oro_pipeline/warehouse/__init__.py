"""PostgreSQL: the embedded server, connections, migrations, landing and outbox."""
