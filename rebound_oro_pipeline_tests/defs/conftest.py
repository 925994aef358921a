"""Definitions over an empty database, which tests of schedules and sensors share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rebound_oro_pipeline_tests.pipeline_at_work import Loop, environment


@pytest.fixture
def loop(database_url: str, tmp_path: Path) -> Iterator[Loop]:
    """Yield the definitions over an empty database, with an instance that keeps its events in memory."""
    variables = {"REBOUND_ORO_DATABASE_URL": database_url, "REBOUND_ORO_HOME": str(tmp_path)}
    with environment(variables), Loop.in_memory(database_url) as loop:
        yield loop
