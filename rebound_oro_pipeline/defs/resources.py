"""Resources: what an asset may talk to. They hold nothing; settings are read when a run uses them."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.settings import Settings


class Warehouse:
    """The pipeline's PostgreSQL, embedded or given by REBOUND_ORO_DATABASE_URL."""

    @contextmanager
    def connect(self, purpose: str) -> Iterator[psycopg.Connection]:
        """Connect for the time of a step; `purpose` shows in pg_stat_activity."""
        with wiring.connect_database(Settings(), application_name=f"rebound-oro {purpose}") as conn:
            yield conn

    def url(self) -> str:
        """Return the database URL, for services that open connections of their own."""
        return wiring.database_url(Settings())


class OroCommerce:
    """OroCommerce's back-office API, as the REBOUND_ORO_ORO_… settings say."""

    @contextmanager
    def client(self) -> Iterator[OroClient]:
        """Open a client for the time of a step."""
        with wiring.oro_client(Settings()) as client:
            yield client


class ReBound:
    """ReBound's API, as the REBOUND_ORO_REBOUND_… settings say."""

    @contextmanager
    def client(self) -> Iterator[ReboundClient]:
        """Open a client for the time of a step."""
        with wiring.rebound_client(Settings()) as client:
            yield client
