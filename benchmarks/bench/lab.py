"""What all benchmarks share: a server of their own with the settings of production, databases, clocks, figures."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from uuid import uuid4

import psycopg
from psycopg import sql

from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.decide import Decision, decide
from rebound_oro_pipeline.services.private_database import drop_database
from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.sqlmodels.read import read_models
from rebound_oro_pipeline.sqlmodels.relations import create_views
from rebound_oro_pipeline.sqlmodels.seeds import load_seeds
from rebound_oro_pipeline.warehouse import reference
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres
from rebound_oro_pipeline.warehouse.migrate import migrate

NOW = datetime(2027, 6, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Figure:
    """A line of the table: what was measured, and the goal (`at_least`: it is a lower bound); None: not judged."""

    measure: str
    value: float
    goal: float | None = None
    at_least: bool = False
    unit: str = ""
    note: str = ""

    @property
    def verdict(self) -> str:
        """Say whether the goal is met."""
        if self.goal is None:
            return ""
        met = self.value >= self.goal if self.at_least else self.value <= self.goal
        return "met" if met else "**not met**"


@dataclass
class Lab:
    """A PostgreSQL of its own, its models, and how large and how often everything is measured.

    large: three million return lines, too.
    """

    server: EmbeddedPostgres
    folder: Path
    models: Models
    repeats: int
    scale: float
    large: bool
    figures: list[Figure] = field(default_factory=list)

    def lines(self, count: int) -> int:
        """Return a number of lines at this run's scale."""
        return max(int(count * self.scale), 300)

    def note(self, figure: Figure) -> None:
        """Keep a figure and print it."""
        self.figures.append(figure)
        print(
            f"{figure.measure}: {figure.value:.3g} {figure.unit} ({figure.verdict}) {figure.note}", flush=True
        )

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[tuple[str, psycopg.Connection]]:
        """Give a database with all tables, seeds and views, or a copy of another one; dropped in the end."""
        name = f"bench_{uuid4().hex[:12]}"
        with connect(self.server.url("postgres"), autocommit=True) as admin:
            make = sql.SQL("create database {}").format(sql.Identifier(name))
            if template is not None:
                make += sql.SQL(" template {} strategy file_copy").format(sql.Identifier(template))
            admin.execute(make)
        try:
            if template is None:
                migrate(self.server.url(name))
            with connect(self.server.url(name)) as conn:
                if template is None:
                    load_seeds(conn, self.models)
                    create_views(conn, self.models)
                    reference.save_policy(conn, Policy().document())
                    conn.commit()
                yield name, conn
        finally:
            with connect(self.server.url("postgres"), autocommit=True) as admin:
                drop_database(admin, name)

    def decide(self, conn: psycopg.Connection, window: Window) -> tuple[float, Decision]:
        """Decide a window; return the seconds until it is committed, and what was done."""
        started = time.perf_counter()
        decision = decide(conn, self.models, window, policy_version=1, decided_at=NOW, run_id="bench")
        conn.commit()
        return time.perf_counter() - started, decision


@contextmanager
def open_lab(*, repeats: int, scale: float, large: bool = False) -> Iterator[Lab]:
    """Start a server, and remove it in the end."""
    with tempfile.TemporaryDirectory(prefix="rebound-oro-bench-") as home:
        folder = Path(home)
        folder.chmod(0o755)
        server = EmbeddedPostgres(folder / "postgres")
        server.start()
        try:
            yield Lab(server, folder, read_models(), repeats, scale, large)
        finally:
            server.remove()


def seconds(work: Callable[[], object]) -> float:
    """Return how long a piece of work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def middle(values: list[float]) -> float:
    """Return the median."""
    return median(values)


def rows_written(decision: Decision) -> int:
    """Return rows that a decision wrote for good: working sets do not count."""
    return sum(
        result.rows_written
        for relation, result in decision.built.items()
        if not relation.startswith("intermediate.")
    )
