"""Use cases: a file each, functions given clients and a connection."""
