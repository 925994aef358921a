"""Fixtures of the tests of pushing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import stamina

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.services.push.shop_at_work import Shop, open_shop


@pytest.fixture(autouse=True)
def _no_waiting_between_tries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path) as opened:
        yield opened


@pytest.fixture
def oro(shop: Shop) -> Iterator[OroClient]:
    with shop.client() as client:
        yield client


@pytest.fixture
def box(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Yield a connection in autocommit mode, to fill the outbox and to look into it."""
    with connect(database_url, autocommit=True) as connection:
        yield connection
