"""Steps on two Celery workers over Redis: the same as in one process, also where a worker is killed in the middle.

Not collected by `make test`: it needs Redis and dagster-celery. `make test-celery` installs the latter into a venv of
its own, in which Dagster's processes of this test run.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
import yaml
from dagster import DagsterEventType, DagsterRunStatus

from rebound_oro_pipeline.defs.jobs import PUSH, PUSH_STOCK, RETURNS
from rebound_oro_pipeline.defs.local import RANGE_END_TAG, RANGE_START_TAG
from rebound_oro_pipeline.processes import accepts_connections, port_to_listen_on, running
from rebound_oro_pipeline.warehouse import reference
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.conftest import CloneDatabase
from rebound_oro_pipeline_tests.end_to_end.verdict import differences, expected
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, environment, prepare, variables
from rebound_oro_pipeline_tests.sandbox_process import Box, sandbox

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / ".venv-celery" / "bin"
FIRST, MIDDLE, NEXT, LAST = "2026-03-06", "2026-03-10", "2026-03-11", "2026-03-15"
REDELIVERY_SECONDS = 10
PATIENCE_SECONDS = 300
"""A worker looks for what a dead one left soon after its start, and then every hundred seconds."""
PASSWORD = "not-in-any-log"
TABLES = {
    "marts.credit_notes": ("push_state", "oro_credit_note_id", "decided_at"),
    "marts.credit_note_lines": (),
    "marts.inventory_deltas": ("decided_at",),
    "marts.quarantined_exceptions": ("opened_at",),
    "marts.held_returns": ("held_since", "next_check_at"),
    "marts.return_line_destinations": (),
    "ledger.claims": ("item_number", "decision_id", "line_number"),
}
"""What was decided, and the columns that say when, or in which run."""


@dataclass
class Worker:
    """A Celery worker with its one child, in a process group of their own."""

    name: str
    process: "subprocess.Popen[bytes]" = field(repr=False)

    def kill(self) -> None:
        """End it as the loss of its machine would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def kill_child(self) -> None:
        """End the process that runs its step, as a machine without memory would."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)


@dataclass
class Cluster:
    """Redis, a code server, the daemon and two workers, with Dagster's instance as deploy/dagster.yaml says."""

    instance: dg.DagsterInstance
    workspace: Path
    folder: Path
    environment: Mapping[str, str]
    workers: dict[str, Worker] = field(default_factory=dict)

    def start_worker(self, name: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        command = [
            *(PROGRAMS / "celery", "-A", "rebound_oro_pipeline.defs.celery_worker", "worker"),
            *("-Q", "dagster", "--concurrency", "1", "-n", f"{name}@here", "--loglevel", "INFO"),
        ]
        process = subprocess.Popen(
            command, env=self.environment, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
        )
        log.close()
        self.workers[name] = Worker(name, process)
        _until(lambda: " ready." in (self.folder / f"{name}.log").read_text(), f"worker {name}")

    def launch(self, job: str, days: tuple[str, str] | None = None) -> str:
        """Put a run of a job into the queue and return its id."""
        tags = {RANGE_START_TAG: days[0], RANGE_END_TAG: days[1]} if days else {}
        before = {run.run_id for run in self.instance.get_runs()}
        command = [PROGRAMS / "dagster", "job", "launch", "-w", self.workspace, "-j", job]
        command += ["--tags", json.dumps(tags)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (launched,) = {run.run_id for run in self.instance.get_runs()} - before
        return launched

    def run(self, job: str, days: tuple[str, str] | None = None) -> str:
        """Run a job on the workers to its good end, and return its run."""
        run_id = self.launch(job, days)
        self.wait(run_id)
        return run_id

    def wait(self, run_id: str) -> None:
        def ended() -> bool:
            run = self.instance.get_run_by_id(run_id)
            return run is not None and run.is_finished

        _until(ended, f"run {run_id}")
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status is DagsterRunStatus.SUCCESS, self.said(run_id)

    def said(self, run_id: str) -> str:
        """Return what went wrong in a run, in Dagster's words."""
        failed = [
            f"{entry.step_key}: {entry.message}\n{entry.get_dagster_event().event_specific_data}"
            for entry in self.instance.all_logs(run_id)
            if entry.is_dagster_event and entry.get_dagster_event().is_failure
        ]
        return "\n".join(failed)[:6000]

    def worker_at(self, run_id: str, step: str) -> Worker:
        """Return the worker that has begun a step of a run and not ended it, as soon as there is one."""
        begun: list[str] = []

        def has_begun() -> bool:
            begun[:] = self.workers_of(run_id).get(step, [])
            return bool(begun) and bool(self.events(run_id, step, DagsterEventType.STEP_START))

        _until(has_begun, f"{step} of run {run_id}")
        return self.workers[begun[-1]]

    def events(self, run_id: str, step: str, kind: DagsterEventType) -> int:
        return sum(
            entry.step_key == step and entry.dagster_event_type is kind
            for entry in self.instance.all_logs(run_id)
        )

    def workers_of(self, run_id: str) -> dict[str, list[str]]:
        """Return step → names of the workers that took it."""
        found: dict[str, list[str]] = {}
        for entry in self.instance.all_logs(run_id, of_type=DagsterEventType.ENGINE_EVENT):
            metadata = entry.get_dagster_event().engine_event_data.metadata
            if "Celery worker" in metadata:
                found.setdefault(str(entry.step_key), []).append(
                    str(metadata["Celery worker"].value).partition("@")[0]
                )
        return found


def _until(true: Any, what: str) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < give_up, f"{what}: nothing after {PATIENCE_SECONDS} s"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with sandbox(
        tmp_path_factory.mktemp("shop"), seed=7, orders=80, returns=30, days=10, latency_scale=1
    ) as opened:
        yield opened


@pytest.fixture(scope="module")
def empty(clone_database: CloneDatabase, template_database: str, box: Box) -> Iterator[str]:
    with clone_database(template_database) as url:
        prepare(url)
        with connect(url) as conn:
            reference.import_aliases(conn, box.aliases, added_by="test")
        yield url.rpartition("/")[2]


@dataclass(frozen=True)
class State:
    """What was decided, and what the shop holds."""

    tables: dict[str, list[tuple[Any, ...]]]
    notes: list[dict[str, Any]]
    levels: list[dict[str, Any]]


def state_of(database_url: str, box: Box) -> State:
    held = box.state("credit_notes", "inventory_levels")
    notes = [_without_ids(note) for note in held["credit_notes"]]
    with connect(database_url) as conn:
        tables = {table: _rows(conn, table, changing) for table, changing in TABLES.items()}
    return State(
        tables,
        sorted(notes, key=lambda note: note["creditNoteNumber"]),
        sorted(held["inventory_levels"], key=lambda level: (level["sku"], level["unit"])),
    )


def _rows(conn: psycopg.Connection, table: str, changing: tuple[str, ...]) -> list[tuple[Any, ...]]:
    cursor = conn.execute(f"select * from {table}")
    assert cursor.description is not None
    kept = [at for at, column in enumerate(cursor.description) if column.name not in changing]
    return sorted(tuple(str(row[at]) for at in kept) for row in cursor)


def _without_ids(note: dict[str, Any]) -> dict[str, Any]:
    lines = [{name: value for name, value in line.items() if name != "id"} for line in note["lines"]]
    lines.sort(key=lambda line: line["returnLineKey"])
    return {
        **{name: value for name, value in note.items() if name not in ("id", "decidedAt")},
        "lines": lines,
    }


@pytest.fixture(scope="module")
def in_one_process(
    tmp_path_factory: pytest.TempPathFactory, clone_database: CloneDatabase, empty: str, box: Box
) -> State:
    """Return the state after all jobs in one process."""
    box.control("reset")
    home = tmp_path_factory.mktemp("single")
    with clone_database(empty) as url, environment(variables(home, url, box, FIRST)), Loop.on(url) as loop:
        for job, days in ((RETURNS, (FIRST, LAST)), (PUSH, None), (PUSH_STOCK, None)):
            assert loop.run(job, days).success
        assert not differences(box, expected(box))
        return state_of(url, box)


@contextmanager
def _cluster(folder: Path, database_url: str, box: Box) -> Iterator[Cluster]:
    redis_port, code_port = (port_to_listen_on(0, _taken) for _ in range(2))
    home = folder / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_bytes((ROOT / "deploy" / "dagster.yaml").read_bytes())
    broker = folder / "broker-url"
    broker.write_text(f"redis://:{PASSWORD}@127.0.0.1:{redis_port}/0")
    of_pipeline = variables(
        folder / "home",
        database_url,
        box,
        FIRST,
        EXECUTOR="celery",
        CELERY_BROKER_URL_FILE=str(broker),
        CELERY_REDELIVERY_SECONDS=str(REDELIVERY_SECONDS),
    )
    given = {**os.environ, **of_pipeline, "DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT)}
    workspace = folder / "workspace.yaml"
    server = {"host": "127.0.0.1", "port": code_port, "location_name": "rebound_oro_pipeline"}
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
    redis = ("redis-server", "--bind", "127.0.0.1", "--port", str(redis_port), "--requirepass", PASSWORD)
    redis += ("--save", "", "--appendonly", "no", "--dir", str(folder))
    code_server = (str(PROGRAMS / "dagster"), "api", "grpc", "-h", "127.0.0.1", "-p", str(code_port))
    code_server += ("-m", "rebound_oro_pipeline.definitions")
    daemon = (str(PROGRAMS / "dagster-daemon"), "run", "-w", str(workspace))
    with ExitStack() as stack:
        log = stack.enter_context((folder / "services.log").open("ab"))
        stack.enter_context(running(redis, code_server, env=given, stdout=log, stderr=log, cwd=folder))
        for port in (redis_port, code_port):
            _until(lambda port=port: accepts_connections(port), f"port {port}")
        stack.enter_context(running(daemon, env=given, stdout=log, stderr=log, cwd=folder))
        here = {
            name: value
            for name, value in of_pipeline.items()
            if "CELERY" not in name and "EXECUTOR" not in name
        }
        stack.enter_context(environment({**here, "DAGSTER_HOME": str(home)}))
        instance = stack.enter_context(dg.DagsterInstance.get())
        cluster = Cluster(instance, workspace, folder, given)
        stack.callback(_stop, cluster)
        for name in ("one", "two"):
            cluster.start_worker(name)
        yield cluster


def _taken(port: int) -> RuntimeError:
    return RuntimeError(f"port {port} is taken")


def _stop(cluster: Cluster) -> None:
    for worker in cluster.workers.values():
        if worker.process.poll() is None:
            worker.process.terminate()
            try:
                worker.process.wait(20)
            except subprocess.TimeoutExpired:
                worker.kill()


@pytest.fixture
def url(clone_database: CloneDatabase, empty: str, box: Box, in_one_process: State) -> Iterator[str]:
    """Yield a database in which nothing happened yet, beside a shop to which nothing was sent."""
    box.control("reset")
    with clone_database(empty) as url:
        yield url


@pytest.fixture
def cluster(tmp_path: Path, url: str, box: Box) -> Iterator[Cluster]:
    with _cluster(tmp_path, url, box) as opened:
        yield opened


def test_killed_workers_lose_nothing_and_do_nothing_twice(
    cluster: Cluster, url: str, box: Box, in_one_process: State
) -> None:
    """One dies while it lands orders, the other while it sends credit notes; each time another one takes the step."""
    for job, days, step, replacement in (
        (RETURNS, (FIRST, LAST), "read_oro_orders", "three"),
        (PUSH, None, "push__oro_credit_notes", "four"),
    ):
        run_id = cluster.launch(job, days)
        victim = cluster.worker_at(run_id, step)
        victim.kill()
        assert not cluster.events(run_id, step, DagsterEventType.STEP_SUCCESS), (
            "killed too late to prove anything"
        )
        cluster.start_worker(replacement)
        cluster.wait(run_id)
        assert cluster.events(run_id, step, DagsterEventType.STEP_START) == 2
        took = cluster.workers_of(run_id)[step]
        assert took[0] == victim.name != took[-1]
    cluster.run(PUSH)  # what the dead worker had claimed, if its claim outlived it
    cluster.run(PUSH_STOCK)
    assert state_of(url, box) == in_one_process
    assert not differences(box, expected(box))
    logs = "".join(path.read_text() for path in cluster.folder.glob("*.log"))
    assert PASSWORD not in logs


def test_a_step_whose_process_died_ends_its_run_and_the_daemon_runs_it_again(
    cluster: Cluster, url: str, box: Box, in_one_process: State
) -> None:
    run_id = cluster.launch(RETURNS, (FIRST, LAST))
    cluster.worker_at(run_id, "read_oro_orders").kill_child()

    def again() -> bool:
        return any(run.parent_run_id == run_id for run in cluster.instance.get_runs())

    _until(again, f"another run after {run_id}")
    first = cluster.instance.get_run_by_id(run_id)
    assert first is not None
    assert first.status is DagsterRunStatus.FAILURE
    (second,) = [run for run in cluster.instance.get_runs() if run.parent_run_id == run_id]
    cluster.wait(second.run_id)
    assert state_of(url, box).tables == in_one_process.tables


def test_days_on_two_workers_at_once_give_the_same_units_and_totals(
    cluster: Cluster, url: str, box: Box, in_one_process: State
) -> None:
    """Only which note carries an odd cent may differ (docs/rules.md)."""
    runs = [cluster.launch(RETURNS, days) for days in ((NEXT, LAST), (FIRST, MIDDLE))]
    for run_id in runs:
        cluster.wait(run_id)
    took = [name for run_id in runs for names in cluster.workers_of(run_id).values() for name in names]
    assert set(took) == {"one", "two"}
    for job in (PUSH, PUSH_STOCK):
        cluster.run(job)
    there = state_of(url, box)
    assert _by_order_line(there) == _by_order_line(in_one_process)
    assert there.levels == in_one_process.levels
    assert len(there.notes) == len(in_one_process.notes)


def _by_order_line(state: State) -> dict[tuple[str, ...], list[Decimal]]:
    """Return, by order, SKU and unit, the sums of quantity, net, discount, tax and total over all notes."""
    order_of = {row[0]: row[2] for row in state.tables["marts.credit_notes"]}
    sums: dict[tuple[str, ...], list[Decimal]] = {}
    for number, _, _, order_line, sku, quantity, unit, net, discount, tax, total, *_ in state.tables[
        "marts.credit_note_lines"
    ]:
        amounts = [Decimal(text) for text in (quantity, net, discount, tax, total)]
        key = (order_of[number], order_line, sku, unit)
        sums[key] = [a + b for a, b in zip(sums.get(key, [Decimal()] * 5), amounts, strict=True)]
    return sums
