"""`rebound-oro demo` as people run it: once, again, on another scale, and interrupted."""

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres
from rebound_oro_pipeline_tests.end_to_end.commands import SMALL, left_in, line_with, run, running_in, started
from rebound_oro_pipeline_tests.pipeline_at_work import Loop

TIMINGS = {"stages", "seconds"}
STAGES = 9
SHOP = ("orders", "orderlineitems", "inventorylevels", "reboundcreditnotes", "reboundcreditnotelines")
Finished = subprocess.CompletedProcess[str]
Stored = tuple[dict[str, Any], list[Any]]


@pytest.fixture(scope="module")
def home(open_folder_for_run: Path) -> Path:
    return open_folder_for_run / "demo"


@pytest.fixture(scope="module")
def first(home: Path) -> Finished:
    return run(home, "demo", *SMALL, "--json")


@pytest.fixture(scope="module")
def twice(
    home: Path, first: Finished, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stored, Stored, Finished]]:
    """Yield what was stored before and after a second demo, and that demo, with settings for a real shop around it."""
    assert first.returncode == 0, first.stderr
    secret = tmp_path_factory.mktemp("secret") / "file"
    secret.write_text("hush\n")
    real = {
        "ORO_URL": "https://shop.invalid",
        "ORO_CLIENT_SECRET_FILE": str(secret),
        "ORO_CREDIT_NOTE_TYPE": "acmecreditnotes",
        "REBOUND_URL": "https://returns.invalid",
        "REBOUND_API_KEY_FILE": str(secret),
    }
    server = EmbeddedPostgres(home)
    server.start()
    before = stored(home, server)
    again = run(home, "demo", *SMALL, "--json", **real)
    yield before, stored(home, server), again
    server.stop()


def stored(home: Path, server: EmbeddedPostgres) -> Stored:
    """Return which rows stand where in the pipeline's database, and all records of the shop's."""
    with closing(sqlite3.connect(home / "sandbox" / "oro.sqlite3")) as shop:
        records = [shop.execute(f"select * from {table} order by id").fetchall() for table in SHOP]
    return Loop.versions_in(server.url()), records


def test_the_demo_ends_well_and_says_so_to_machines(first: Finished) -> None:
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    assert told["accounted_for"] is True
    assert told["lines_without_a_place"] == 0
    assert told["messages_unsettled"] == 0
    assert {place["destination"] for place in told["destinations"]} >= {"credited", "held", "quarantined"}
    assert all(isinstance(each["total_amount"], str) for each in told["credited"])
    assert len(told["stages"]) == STAGES
    [offered] = told["orders_told"]
    assert (offered["offer_state"], offered["push_state"]) == ("offered", "confirmed")
    assert offered["items"] >= offered["orders"] > 0
    assert told["seconds"] >= sum(told["stages"].values())


def test_the_demo_prints_nothing_but_its_progress_beside_the_json(first: Finished) -> None:
    lines = first.stderr.splitlines()
    assert len(lines) == STAGES
    assert [line[0] for line in lines] == ["✓"] * STAGES


def test_the_demo_leaves_nothing_running(first: Finished, home: Path) -> None:
    assert first.returncode == 0
    assert running_in(home) == []


def test_a_second_demo_says_the_same_and_writes_nothing(
    first: Finished, twice: tuple[Stored, Stored, Finished]
) -> None:
    """But the levels as last read, which the first demo moved after it had read them, and how far was read."""
    (tables, records), (tables_after, records_after), again = twice
    assert again.returncode == 0, again.stderr
    told, told_again = (json.loads(each.stdout) for each in (first, again))
    assert {key: told_again[key] for key in told_again.keys() - TIMINGS} == {
        key: told[key] for key in told.keys() - TIMINGS
    }
    changed = {table for table, rows in tables_after.items() if rows != tables.get(table)}
    assert changed <= {"landing.oro_inventory_levels", "landing.watermarks", "ledger.offer_progress"}
    assert records_after == records


def test_settings_for_a_real_shop_do_not_reach_the_demo(twice: tuple[Stored, Stored, Finished]) -> None:
    """So a demo cannot write to one, whatever else is set."""
    assert twice[2].returncode == 0, twice[2].stderr


@pytest.mark.usefixtures("twice")
def test_a_demo_does_not_stop_a_server_that_was_running_before(home: Path) -> None:
    assert EmbeddedPostgres(home).status().state == "running"


@pytest.mark.usefixtures("first")
def test_a_demo_of_another_scale_on_the_same_home_is_refused_before_anything_starts(home: Path) -> None:
    refused = run(home, "demo", "--days", "11", "--orders", "120", "--returns", "45", "--json")
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr == (
        f"Error: {home} holds a demo of another scale (120 orders, 45 returns, 10 days, seed 1); "
        "run `make clean`, or set another REBOUND_ORO_HOME\n"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_stops_what_it_started_and_the_next_one_ends_well(
    open_folder: Path, number: signal.Signals
) -> None:
    home = open_folder / "home"
    with started(home, "demo", *SMALL) as demo:
        line_with(demo, "✓ sandbox with")
        time.sleep(0.7)  # amid the run
        assert len(running_in(home)) >= 2
        demo.send_signal(number)
        _, said = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert said == "interrupted\n"
    assert left_in(home) == []
    if number is signal.SIGTERM:
        healed = run(home, "demo", *SMALL)
        assert healed.returncode == 0, healed.stdout + healed.stderr
        assert "Every unit and every cent is accounted for." in healed.stdout
        assert "make dev" in healed.stdout


@pytest.mark.usefixtures("first")
def test_dagster_keeps_the_runs_of_the_demo(home: Path) -> None:
    server = EmbeddedPostgres(home)
    started_here = server.start()
    with connect(server.url("dagster")) as conn:
        runs = conn.execute("select distinct pipeline_name, status from runs").fetchall()
    if started_here:
        server.stop()
    assert {status for _, status in runs} == {"SUCCESS"}
    assert {name for name, _ in runs} == {
        "returns",
        "push_credit_notes",
        "push_inventory_levels",
        "offer_returnable_items",
        "push_rebound_orders",
        "reconcile",
    }
