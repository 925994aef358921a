"""Migrations on a real PostgreSQL."""

import pytest

@pytest.mark.parametrize("n", range(20))
def test_x(conn, n):
    assert conn.execute("select count(*) from landing.oro_orders").fetchone() == (0,)
