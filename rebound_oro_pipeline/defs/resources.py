"""Resources: what an asset may talk to, for the time of a run, or of a step where each has a process of its own.

The settings are read once in that time, and a connection to the database goes from step to step.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

import dagster as dg
import psycopg

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.warehouse.kept_connection import KeptConnection


class Warehouse:
    """The pipeline's PostgreSQL, embedded or given by REBOUND_ORO_DATABASE_URL; to be closed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kept = KeptConnection(lambda name: wiring.connect_database(settings, application_name=name))

    @contextmanager
    def connect(self, purpose: str) -> Iterator[psycopg.Connection]:
        """Connect for the time of a step; `purpose` shows in pg_stat_activity."""
        with self._kept.lend(f"rebound-oro {purpose}") as conn:
            yield conn

    def url(self) -> str:
        """Return the database URL, for services that open connections of their own."""
        return wiring.database_url(self._settings)

    def close(self) -> None:
        """Close the connection that was kept."""
        self._kept.close()


class OroCommerce:
    """OroCommerce's back-office API, as the REBOUND_ORO_ORO_… settings say."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @contextmanager
    def client(self) -> Iterator[OroClient]:
        """Open a client for the time of a step."""
        with wiring.oro_client(self._settings) as client:
            yield client


class ReBound:
    """ReBound's API, as the REBOUND_ORO_REBOUND_… settings say."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @contextmanager
    def client(self) -> Iterator[ReboundClient]:
        """Open a client for the time of a step."""
        with wiring.rebound_client(self._settings) as client:
            yield client


def build_resources() -> Mapping[str, dg.ResourceDefinition]:
    """Return the resources by name; nothing is read or opened before a run needs it."""
    of_settings = {"settings"}

    @dg.resource(description=Settings.__doc__)
    def settings(_: dg.InitResourceContext) -> Settings:
        return Settings()

    @dg.resource(description=Warehouse.__doc__, required_resource_keys=of_settings)
    def warehouse(context: dg.InitResourceContext) -> Iterator[Warehouse]:
        with closing(Warehouse(context.resources.settings)) as opened:
            yield opened

    @dg.resource(description=OroCommerce.__doc__, required_resource_keys=of_settings)
    def oro(context: dg.InitResourceContext) -> OroCommerce:
        return OroCommerce(context.resources.settings)

    @dg.resource(description=ReBound.__doc__, required_resource_keys=of_settings)
    def rebound(context: dg.InitResourceContext) -> ReBound:
        return ReBound(context.resources.settings)

    return {"settings": settings, "warehouse": warehouse, "oro": oro, "rebound": rebound}
