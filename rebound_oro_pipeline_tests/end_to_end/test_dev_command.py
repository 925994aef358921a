"""`rebound-oro dev`: the UI answers and knows the assets, the sandbox is beside it, and in the end nothing is left."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rebound_oro_pipeline.demo_scene import Scale, scene_of
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.wiring import connect_database, prepare_database, running_database
from rebound_oro_pipeline_tests.end_to_end.commands import left_in, line_with, run, running_in, started
from rebound_oro_pipeline_tests.prepared import models

ASSETS = "{ assetNodes { assetKey { path } groupName } }"
RUNS = """
query ($job: String!) {
  runsOrError(filter: {pipelineName: $job}) { ... on Runs { results { status tags { key value } } } }
}
"""
TICKS = """
{ sensorsOrError(repositorySelector: {
    repositoryName: "__repository__", repositoryLocationName: "rebound_oro_pipeline"
  }) { ... on Sensors { results { name sensorState { status ticks(limit: 2) { status skipReason } } } } } }
"""
SENSOR = """
mutation ($sensor: SensorSelector!) {
  sensorDryRun(selectorData: $sensor, cursor: "") {
    __typename
    ... on PythonError { message }
    ... on DryRunInstigationTick {
      evaluationResult { skipReason runRequests { tags { key value } } error { message } }
    }
  }
}
"""


@pytest.fixture
def home(open_folder: Path) -> Path:
    """Return a home with the scene of a demo in a database that a demo claimed, and nothing landed."""
    home = open_folder / "home"
    settings = Settings(home=home)
    scene_of(home, Scale(days=3, orders=20, returns=8)).save(home)
    with running_database(settings):
        prepare_database(settings, models())
        with connect_database(settings) as conn:
            conn.execute(
                "insert into outbox.audit_log (actor, action, subject) values ('test', 'demo', 'a database')"
            )
            conn.execute(
                "insert into reference.sku_aliases (alias, sku, added_by) values ('OLD', 'NEW', 'test')"
            )
            conn.execute(
                "insert into outbox.messages (kind, business_key, ordering_key, registered_at, payload) "
                "values ('oro_credit_note', 'N-1', '1', now(), '{}')"
            )
    return home


@pytest.fixture
def ask(home: Path) -> Iterator[Any]:
    """Yield a function that asks the GraphQL of a running `dev`, which is ended by SIGTERM afterwards."""
    with started(home, "dev", "--port", "0", FOLLOW_UP_ENABLED="true") as dev:
        assert "OroCommerce http://127.0.0.1:" in line_with(dev, "Sandbox: ")
        for name in ("ORO_URL=http://127.0.0.1:", "REBOUND_API_KEY=", f"HOME={home}", "FIRST_DAY=2"):
            line_with(dev, f"  export REBOUND_ORO_{name}")
        beside = run(home, "demo", "--days", "3", "--orders", "20", "--returns", "8")
        assert beside.returncode == 1
        assert "stop `rebound-oro dev`" in beside.stderr
        assert "set REBOUND_ORO_HOME" in beside.stderr
        url = line_with(dev, "Dagster: ").split()[1]

        def ask(query: str, **variables: object) -> Any:
            answer = httpx.post(f"{url}/graphql", json={"query": query, "variables": variables}, timeout=60)
            assert answer.is_success, answer.text
            return answer.json()["data"]

        yield ask
        assert any("rebound_oro_pipeline.sandbox" in each for each in running_in(home))
        dev.send_signal(signal.SIGTERM)
        _, said = dev.communicate(timeout=60)
        assert dev.returncode == 0, said
        assert "Traceback" not in said
        events = [line for line in said.splitlines() if " - dagster - " in line]
        assert [line for line in events if " - RUN_START - " not in line] == []
        assert any(" - follow_up - " in line for line in events)
        assert left_in(home) == []


def test_the_ui_lists_the_assets_and_the_daemon_launches_runs_by_itself(ask: Any) -> None:
    keys = {"/".join(node["assetKey"]["path"]) for node in ask(ASSETS)["assetNodes"]}
    assert keys >= {"landing/rebound_returns", "marts/credit_notes", "push/oro_credit_notes"}
    sensor = {
        "repositoryName": "__repository__",
        "repositoryLocationName": "rebound_oro_pipeline",
        "sensorName": "credit_notes_to_send",
    }
    told = ask(SENSOR, sensor=sensor)["sensorDryRun"]["evaluationResult"]
    assert told["error"] is None
    assert {"key": "rebound_oro/waiting", "value": "1"} in told["runRequests"][0]["tags"]
    run = _run_launched_by_the_daemon(ask, "follow_up")
    assert {"key": "dagster/sensor_name", "value": "people_to_follow"} in run["tags"]
    assert run["status"] == "SUCCESS"


def _run_launched_by_the_daemon(ask: Any, job: str, seconds: float = 90) -> Any:
    """Wait for the end of a run that nobody asked for but a sensor."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        runs = ask(RUNS, job=job)["runsOrError"]["results"]
        if runs and runs[0]["status"] in ("SUCCESS", "FAILURE"):
            return runs[0]
        time.sleep(0.5)
    raise AssertionError(f"the daemon has launched no run of {job}: {ask(TICKS)}")
