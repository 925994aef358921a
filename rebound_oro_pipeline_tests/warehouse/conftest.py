"""Fixtures of the tests that make servers of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres

NewServer = Callable[..., EmbeddedPostgres]


@pytest.fixture
def new_server() -> Iterator[NewServer]:
    """Return a function like EmbeddedPostgres, whose servers do not wait for the disk and are removed afterwards."""
    made: list[EmbeddedPostgres] = []

    def new(home: Path, **options: object) -> EmbeddedPostgres:
        settings = {"fsync": "off", "shared_buffers": "16MB"}
        server = EmbeddedPostgres(home, **{"settings": settings, **options})  # type: ignore[arg-type]
        made.append(server)
        return server

    yield new
    for server in made:
        server.remove()


@pytest.fixture
def server(new_server: NewServer, open_folder: Path) -> EmbeddedPostgres:
    """Return a server of the test's own, not yet made."""
    return new_server(open_folder / "home")
