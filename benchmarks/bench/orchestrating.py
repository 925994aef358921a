"""Dagster's share: ninety days in a single run against the services called directly, and a day with nothing new."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from psycopg import Connection

from benchmarks.bench.lab import Figure, Lab, middle, seconds
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.defs.jobs import RETURNS
from rebound_oro_pipeline.services.land_oro_inventory_levels import land_oro_inventory_levels
from rebound_oro_pipeline.services.land_oro_orders import land_oro_orders
from rebound_oro_pipeline.services.land_oro_products import land_oro_products
from rebound_oro_pipeline.services.land_rebound_returns import land_rebound_returns
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, environment, prepare, variables
from rebound_oro_pipeline_tests.sandbox_process import Box, sandbox

DAYS = 90
UNTIL = date(2026, 3, 16)


def measure(lab: Lab, _: Path | None) -> None:
    """Add the figures of whole runs."""
    returns = max(int(9_000 * lab.scale), 90)
    first = UNTIL - timedelta(days=DAYS)
    last = UNTIL - timedelta(days=1)
    with sandbox(lab.folder, seed=3, orders=3 * returns, returns=returns, days=DAYS, until=UNTIL) as box:
        ratios: list[float] = []
        idle: list[float] = []
        note = ""
        for turn in range(lab.repeats):
            with _pipeline(lab, box, first, f"services-{turn}") as url, connect(url) as conn:
                directly = seconds(lambda conn=conn: _services(lab, box, conn, Window.days(first, last)))
            with _pipeline(lab, box, first, f"dagster-{turn}") as url, Loop.on(url) as loop:
                run = seconds(lambda loop=loop: _run(loop, first, last))
                idle.append(seconds(lambda loop=loop: _run(loop, last, last)))
            ratios.append(run / directly)
            note = f"{returns:,} returns; {run:.1f} s and {directly:.1f} s"
        lab.note(
            Figure(
                f"{DAYS} days in a single Dagster run ÷ the services directly", middle(ratios), 1.5, note=note
            )
        )
        lab.note(Figure("one day, nothing new: the whole run in process", middle(idle), 2, unit="s"))


def _run(loop: Loop, first: date, last: date) -> None:
    # A run that fails half-way would be the fastest of all.
    if not loop.run(RETURNS, days=(f"{first}", f"{last}")).success:
        raise RuntimeError(f"the run of {first} to {last} failed")


@contextmanager
def _pipeline(lab: Lab, box: Box, first: date, name: str) -> Iterator[str]:
    with lab.database() as (database, conn):
        conn.close()
        url = lab.server.url(database)
        prepare(url)
        home = lab.folder / name
        home.mkdir()
        with environment(variables(home, url, box, f"{first}")):
            yield url


def _services(lab: Lab, box: Box, conn: Connection, window: Window) -> None:
    settings = Settings()
    now = datetime.now(UTC)
    with (
        ReboundClient(
            box.rebound_url, box.login, box.api_key, max_connections=settings.rebound_connections
        ) as rebound,
        OroClient(
            box.oro_url, box.client_id, box.client_secret, max_connections=settings.oro_connections
        ) as oro,
    ):
        land_rebound_returns(
            rebound,
            conn,
            window,
            default_mapping(),
            now=now,
            run_id="b",
        )
        land_oro_orders(oro, conn, window, Policy(), now=now, run_id="b")
        land_oro_products(oro, conn, window, now=now, run_id="b")
        land_oro_inventory_levels(oro, conn, window, now=now, run_id="b")
    lab.decide(conn, window)
