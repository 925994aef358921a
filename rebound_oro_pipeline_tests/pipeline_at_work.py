"""The pipeline as Dagster runs it, on a test's database and a sandbox process, in this process.

with environment(variables(home, url, box, "2026-03-04")), Loop.on(url) as loop:
    loop.run(RETURNS, days=("2026-03-04", "2026-03-15")).success
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest
from psycopg import sql

from rebound_oro_pipeline.defs.all import build_definitions
from rebound_oro_pipeline.defs.local import execute, local_instance
from rebound_oro_pipeline.defs.resources import Warehouse
from rebound_oro_pipeline.settings import PREFIX, Settings
from rebound_oro_pipeline.sqlmodels.relations import ensure_schema
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.wiring import DAGSTER_SCHEMA
from rebound_oro_pipeline_tests import prepared
from rebound_oro_pipeline_tests.sandbox_process import Box

KEPT = ("landing", "reference", "ledger", "outbox")
"""Schemas whose tables hold what must not be written twice; the marts' tables are added to them."""


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set the pipeline's variables to these and no others, for the time of the block."""
    before = dict(os.environ)
    try:
        for name in before:
            if name.startswith((PREFIX, "DAGSTER_")):
                del os.environ[name]
        os.environ.update(values)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def variables(home: Path, database_url: str, box: Box, first_day: str, **others: str) -> dict[str, str]:
    """Return the variables of a pipeline between a sandbox and a database; others by name, without prefix."""
    settings = {
        "HOME": str(home),
        "DATABASE_URL": database_url,
        "ORO_URL": box.oro_url,
        "ORO_CLIENT_ID": box.client_id,
        "ORO_CLIENT_SECRET": box.client_secret,
        "REBOUND_URL": box.rebound_url,
        "REBOUND_LOGIN": box.login,
        "REBOUND_API_KEY": box.api_key,
        "FIRST_DAY": first_day,
        **others,
    }
    return {f"{PREFIX}{name}": value for name, value in settings.items()}


def prepare(database_url: str) -> None:
    """Load seeds and create views and Dagster's schema in a migrated database."""
    with connect(database_url) as conn:
        ensure_schema(conn, DAGSTER_SCHEMA)
        prepared.prepare(conn)


@dataclass(frozen=True)
class Loop:
    """The definitions under the settings of the environment, Dagster's instance, and the database of both."""

    database_url: str
    defs: dg.Definitions
    instance: dg.DagsterInstance

    @classmethod
    @contextmanager
    def on(cls, database_url: str) -> "Iterator[Loop]":
        """Build the definitions, and open the instance as the commands do, for the time of the block."""
        settings = Settings()
        with local_instance(settings) as instance:
            yield cls(database_url, build_definitions(settings), instance)

    @classmethod
    @contextmanager
    def in_memory(cls, database_url: str) -> "Iterator[Loop]":
        """Build the definitions, with an instance that keeps its events in memory, which is made faster."""
        with dg.DagsterInstance.ephemeral() as instance:
            yield cls(database_url, build_definitions(Settings()), instance)

    def run(self, job: str, days: tuple[str, str] | None = None) -> dg.ExecuteInProcessResult:
        """Run a job as the commands do."""
        return execute(self.defs, self.instance, job, days=days)

    def unsynced(self, day: str) -> dict[str, list[str]]:
        """Return asset → why its partition of a day is unsynced, as Dagster's UI says it; [] where it is missing."""
        graph = self.defs.resolve_asset_graph()
        statuses = CachingStaleStatusResolver(self.instance, graph, LoadingContextForTest(self.instance))
        return {
            key.to_user_string(): [cause.reason for cause in statuses.get_stale_causes(key, day)]
            for key in graph.executable_asset_keys
            if graph.get(key).is_partitioned and statuses.get_status(key, day) is not StaleStatus.FRESH
        }

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with connect(self.database_url) as conn:
            return conn.execute(query).fetchall()

    def versions(self) -> dict[str, list[tuple[str, str]]]:
        """Return table → place and writing transaction of each row, which a row that is written again changes."""
        return self.versions_in(self.database_url)

    @staticmethod
    def versions_in(database_url: str) -> dict[str, list[tuple[str, str]]]:
        """Return the same of another database."""
        with connect(database_url) as conn:
            tables = conn.execute(
                "select schemaname, tablename from pg_tables where schemaname = any(%s) order by 1, 2",
                ([*KEPT, "marts"],),
            ).fetchall()
            return {f"{schema}.{name}": _versions(conn, schema, name) for schema, name in tables}


@dataclass(frozen=True)
class Tick:
    """What a sensor answered: its one run request, or why there is none, and the cursor that Dagster then keeps."""

    request: dg.RunRequest | None
    reason: str | None
    cursor: str | None


def tick(loop: Loop, sensor: str, cursor: str | None = None) -> Tick:
    """Evaluate a sensor as the daemon does."""
    with closing(Warehouse(Settings())) as warehouse:
        context = dg.build_sensor_context(
            instance=loop.instance,
            repository_def=loop.defs.get_repository_def(),
            resources={"warehouse": warehouse},
            cursor=cursor,
        )
        told = loop.defs.resolve_sensor_def(sensor).evaluate_tick(context)
    assert len(told.run_requests or ()) <= 1
    return Tick(told.run_requests[0] if told.run_requests else None, told.skip_message, told.cursor or cursor)


def _versions(conn: psycopg.Connection, schema: str, name: str) -> list[tuple[str, str]]:
    query = sql.SQL("select ctid::text, xmin::text from {} order by ctid").format(
        sql.Identifier(schema, name)
    )
    return conn.execute(query).fetchall()
