"""The rules work on a prepared database: seeds loaded, views made."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.conftest import CloneDatabase


@pytest.fixture(scope="session")
def rules_conn(clone_database: CloneDatabase, prepared_database: str) -> Iterator[psycopg.Connection[Any]]:
    """Yield the connection that all tests of the rules share; each leaves the database as it was."""
    with clone_database(prepared_database) as url, connect(url) as conn:
        yield conn


@pytest.fixture(scope="session")
def template_database(prepared_database: str) -> str:
    """Return the name of the database of which tests that commit have a copy each."""
    return prepared_database
