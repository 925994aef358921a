"""Definitions over an empty database, which tests of schedules and sensors share."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from rebound_oro_pipeline.definitions import defs
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, environment


@pytest.fixture
def loop(database_url: str, tmp_path: Path) -> Iterator[Loop]:
    """Yield the definitions over an empty database, with an instance that keeps its events in memory.

    They are made once: where the database is, they read when something runs.
    """
    variables = {"REBOUND_ORO_DATABASE_URL": database_url, "REBOUND_ORO_HOME": str(tmp_path)}
    with environment(variables), dg.DagsterInstance.ephemeral() as instance:
        yield Loop(database_url, defs, instance)
