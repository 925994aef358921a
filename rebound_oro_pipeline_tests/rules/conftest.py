"""A prepared database for the rules: migrated, seeds loaded, views made; every test takes back what it did."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.conftest import CloneDatabase
from rebound_oro_pipeline_tests.rules.sql_runner import prepare


@pytest.fixture(scope="session")
def rules_conn(clone_database: CloneDatabase, template_database: str) -> Iterator[psycopg.Connection[Any]]:
    """Yield the connection that all tests of the rules share; each leaves the database as it was."""
    with clone_database(template_database) as url, connect(url) as conn:
        prepare(conn)
        yield conn
