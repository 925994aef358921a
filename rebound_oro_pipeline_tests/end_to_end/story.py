"""One story that many tests look at: a day, then many days, then everything again, between sandbox and database."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from rebound_oro_pipeline.contracts.policy import load_policy
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.defs.jobs import OFFER, PUSH, PUSH_OFFERS, PUSH_STOCK, RECONCILE, RETURNS
from rebound_oro_pipeline.demo_report import Report, read_report
from rebound_oro_pipeline.services.decide import decide as decide_by_sql
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.reference import import_aliases, save_policy
from rebound_oro_pipeline_tests.oracle.decide import Outcome, decide
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, environment, prepare, variables
from rebound_oro_pipeline_tests.prepared import models
from rebound_oro_pipeline_tests.sandbox_by_the_oracle import world_of
from rebound_oro_pipeline_tests.sandbox_process import Box, sandbox

DAYS = 12
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Act:
    """What there was after some jobs: their results, the sandbox's own truth, and which rows stood where."""

    results: tuple[dg.ExecuteInProcessResult, ...]
    state: dict[str, Any]
    versions: dict[str, list[tuple[str, str]]]

    def writes(self) -> dict[str, Any]:
        """Return how often what was written to OroCommerce since the sandbox was started."""
        asked = self.state["requests"]["oro"]
        return {call: count for call, count in asked.items() if not call.startswith(("GET ", "POST /oauth2"))}


@dataclass(frozen=True)
class Story:
    """The acts, and what is known beside them; `given_up` are the destinations when every patience is over."""

    loop: Loop
    first_day: datetime
    window: Window
    after_a_day: list[tuple[datetime, str]]
    first: Act
    again: Act
    a_partition_again: Act
    report: Report
    rules: Outcome
    placed: list[tuple[str, str, str | None]]
    given_up: list[tuple[str, str, str | None]]

    @property
    def situations(self) -> dict[str, str]:
        """Return id → situation."""
        return {each["id"]: each["situation"] for each in self.first.state["returns"]}


@contextmanager
def told(database_url: str, home: Path) -> Iterator[Story]:
    """Play the story."""
    until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first_day, last_day = until - timedelta(days=DAYS), until - timedelta(days=1)
    day, last = (f"{each:%Y-%m-%d}" for each in (first_day, last_day))
    prepare(database_url)
    with (
        sandbox(home, seed=4, orders=240, returns=80, days=DAYS, until=until.date()) as box,
        environment(variables(home, database_url, box, day)),
        Loop.on(database_url) as loop,
    ):
        with connect(database_url) as conn, conn.transaction():
            import_aliases(conn, box.aliases, added_by="test")
        rules = by_the_rules(box)
        assert loop.run(RETURNS, (day, day)).success
        after_a_day = loop.rows("select registered_at, destination from marts.return_line_destinations")
        acts = [_everything(loop, box, (day, last)) for _ in range(2)]
        one = loop.defs.resolve_job_def(RETURNS).execute_in_process(
            instance=loop.instance, partition_key=day, raise_on_error=False
        )
        a_partition_again = Act((one,), box.state(), loop.versions())
        window = Window(first_day, until)
        with connect(database_url) as conn:
            report = read_report(conn, window)
        yield Story(
            loop,
            first_day,
            window,
            after_a_day,
            *acts,
            a_partition_again,
            report,
            rules,
            _destinations(loop),
            _two_weeks_later(loop, window),
        )


def by_the_rules(box: Box) -> Outcome:
    """Decide what the sandbox holds now with the rules' oracle, which shares nothing with the pipeline."""
    return decide(world_of(box))


def _everything(loop: Loop, box: Box, days: tuple[str, str]) -> Act:
    jobs = (OFFER, PUSH_OFFERS, PUSH, PUSH_STOCK, RECONCILE)
    results = [loop.run(RETURNS, days), *(loop.run(job) for job in jobs)]
    return Act(tuple(results), box.state(), loop.versions())


def _destinations(loop: Loop) -> list[tuple[str, str, str | None]]:
    return loop.rows("select return_id, destination, reason from marts.return_line_destinations")


def _two_weeks_later(loop: Loop, window: Window) -> list[tuple[str, str, str | None]]:
    with connect(loop.database_url) as conn:
        version = save_policy(conn, load_policy(None).document())
        conn.commit()
        decide_by_sql(
            conn,
            models(),
            Window(
                window.start, datetime.now(UTC) + timedelta(days=1)
            ),  # what has no date is of the day it came
            policy_version=version,
            decided_at=datetime.now(UTC) + timedelta(days=15),
            run_id="later",
        )
    return _destinations(loop)
