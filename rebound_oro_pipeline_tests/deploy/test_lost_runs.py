"""A run whose process ended with its code server is told as failed, as both of Dagster's configurations say."""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import Popen

import dagster as dg
import grpc
import pytest
import yaml
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG, WILL_RETRY_TAG
from dagster._core.test_utils import create_run_for_test
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget, GrpcServerTarget
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration
from dagster._grpc.__generated__.dagster_api_pb2_grpc import (
    DagsterApiServicer,
    add_DagsterApiServicer_to_server,
)

from rebound_oro_pipeline.defs.asking import busy_run
from rebound_oro_pipeline.defs.launcher import Launcher
from rebound_oro_pipeline.processes import accepts_connections, port_to_listen_on
from rebound_oro_pipeline.sqlmodels.relations import ensure_schema
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.wiring import DAGSTER_SCHEMA
from rebound_oro_pipeline_tests.pipeline_at_work import environment

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
LOCATION = "waiting"
PATIENCE_SECONDS = 60


@pytest.fixture(params=["deploy", "rebound_oro_pipeline"])
def instance(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[dg.DagsterInstance]:
    """Yield the instance of a dagster.yaml, that of a deployment and that of one machine, on a test's database."""
    with connect(database_url) as conn:
        ensure_schema(conn, DAGSTER_SCHEMA)
    (tmp_path / "dagster.yaml").write_bytes((ROOT / request.param / "dagster.yaml").read_bytes())
    given = {"REBOUND_ORO_DATABASE_URL": database_url, "DAGSTER_HOME": str(tmp_path)}
    with environment(given), dg.DagsterInstance.get() as opened:
        yield opened


@contextmanager
def code_server(port: int, folder: Path) -> Iterator["Popen[bytes]"]:
    """Serve the jobs of waiting.py, as the image does the pipeline; at the end its processes are killed at once."""
    command = [
        str(Path(sys.executable).parent / "dagster"),
        "api",
        "grpc",
        "--host",
        HOST,
        "--port",
        str(port),
    ]
    command += ["--python-file", str(Path(__file__).with_name("waiting.py"))]
    with (folder / "code-server.log").open("ab") as log:
        # A group of its own, which ends as the processes of a container do.
        server = Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
        try:
            until(lambda: accepts_connections(port), "the code server")
            yield server
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def until(ready: Callable[[], object], what: str) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not ready():
        assert time.monotonic() < give_up, f"{what} is not there after {PATIENCE_SECONDS} s"
        time.sleep(0.1)


def launch(instance: dg.DagsterInstance, port: int, name: str = "waits") -> str:
    """Launch a job on the code server, and return the id of its run once it started."""
    server = GrpcServerTarget(host=HOST, port=port, socket=None, location_name=LOCATION)
    with WorkspaceProcessContext(instance, server) as process:
        context = process.create_request_context()
        (repository,) = context.get_code_location(LOCATION).get_repositories().values()
        job = repository.get_full_job(name)
        run = create_run_for_test(
            instance,
            job_name=job.name,
            remote_job_origin=job.get_remote_origin(),
            job_code_origin=job.get_python_origin(),
        )
        instance.launch_run(run.run_id, context)
    until(lambda: status(instance, run.run_id) is dg.DagsterRunStatus.STARTED, "the run")
    return run.run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def monitor(instance: dg.DagsterInstance) -> None:
    """Look once at all runs, as the daemon does every minute."""
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as process:
        errors = [*execute_run_monitoring_iteration(process, logging.getLogger(__name__))]
    assert not any(errors), errors


def test_a_run_that_ended_with_its_code_server_holds_nothing_back(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    port = port_to_listen_on(0, RuntimeError)
    with code_server(port, tmp_path):
        run_id = launch(instance, port)
        monitor(instance)
        assert status(instance, run_id) is dg.DagsterRunStatus.STARTED, "its server knows it"
    monitor(instance)
    assert status(instance, run_id) is dg.DagsterRunStatus.STARTED, "nobody there who could tell"
    with code_server(port, tmp_path):
        assert busy_run(instance, "waits") == run_id
        monitor(instance)
        assert status(instance, run_id) is dg.DagsterRunStatus.FAILURE
        assert busy_run(instance, "waits") is None
    (told,) = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert "was started anew" in told.message
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.tags[WILL_RETRY_TAG] == "true"


def test_a_code_server_that_is_asked_to_stop_ends_with_its_last_run(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    port = port_to_listen_on(0, RuntimeError)
    with code_server(port, tmp_path) as server:
        run_id = launch(instance, port, "naps")
        server.terminate()
        assert server.wait(PATIENCE_SECONDS) == 0
    assert status(instance, run_id) is dg.DagsterRunStatus.SUCCESS
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
    assert compose["services"]["code"]["stop_grace_period"] == "10m", "Docker kills it after 10 s otherwise"


def test_a_run_is_left_alone_where_nobody_can_tell(instance: dg.DagsterInstance) -> None:
    """A run of the command line has no server; a server of another kind answers no such question."""
    launcher = instance.run_launcher
    assert isinstance(launcher, Launcher)
    server = grpc.server(ThreadPoolExecutor(1))
    add_DagsterApiServicer_to_server(DagsterApiServicer(), server)
    port = server.add_insecure_port(f"{HOST}:0")
    server.start()
    try:
        for tags in ({}, {GRPC_INFO_TAG: f'{{"host": "{HOST}", "port": {port}}}'}):
            run = create_run_for_test(
                instance, job_name="waits", tags=tags, status=dg.DagsterRunStatus.STARTED
            )
            assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    finally:
        server.stop(None)


def test_the_image_starts_the_server_that_can_tell() -> None:
    (default,) = [
        line
        for line in (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").splitlines()
        if line.startswith("CMD ")
    ]
    assert yaml.safe_load(default.removeprefix("CMD "))[:3] == ["dagster", "api", "grpc"]
