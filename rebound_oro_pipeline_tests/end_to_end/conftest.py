"""Stories begin with a prepared database: seeds loaded, views made."""

import pytest


@pytest.fixture(scope="session")
def template_database(prepared_database: str) -> str:
    """Return the name of the database of which each story has a copy."""
    return prepared_database
