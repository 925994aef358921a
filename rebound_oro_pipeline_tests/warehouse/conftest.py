"""Fixtures of the tests that make servers of their own."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres

# The disk need not be waited for; what has been committed is with the operating system, as in production.
SETTINGS = {"fsync": "off", "shared_buffers": "16MB"}
NewServer = Callable[..., EmbeddedPostgres]


@pytest.fixture
def new_server() -> NewServer:
    """Return a function like EmbeddedPostgres, for servers in `open_folder`."""

    def new(home: Path, **options: Any) -> EmbeddedPostgres:
        return EmbeddedPostgres(home, **{"settings": SETTINGS, **options})

    return new


@pytest.fixture
def fresh_server(new_server: NewServer, open_folder: Path) -> EmbeddedPostgres:
    """Return a server of the test's own, not yet made."""
    return new_server(open_folder / "home")


@pytest.fixture(scope="session")
def stopped_home(open_folder_for_run: Path) -> Path:
    """Return the home of a server that was made, started and stopped, to be copied."""
    server = EmbeddedPostgres(open_folder_for_run / "home", settings=SETTINGS)
    server.start()
    server.stop()
    return server.home


@pytest.fixture
def server(fresh_server: EmbeddedPostgres, stopped_home: Path) -> EmbeddedPostgres:
    """Return a server of the test's own, made but not running."""
    subprocess.run(["cp", "-a", stopped_home, fresh_server.home], check=True)
    return fresh_server
