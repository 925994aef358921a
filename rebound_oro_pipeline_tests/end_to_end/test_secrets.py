"""After failing runs, no secret stands anywhere: output, Dagster's storage and files, any column of the database."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.end_to_end import stages
from rebound_oro_pipeline_tests.end_to_end.stages import Place
from rebound_oro_pipeline_tests.sandbox_process import Box, sandbox

SECRETS = {
    "client secret": "Cl13nt-Secret/of+the=shop",
    "refused client secret": "Wr0ng-Secret/of+the=shop",
    "API key": "sandbox-key",
    "refused API key": "Wr0ng-Key/of+rebound",
    "access token": "eyJ0eXAi",
}
"""What must not be found. Tokens of the sandbox are JSON web tokens, which all begin alike."""
DAYS = 10
Run = Mapping[str, str]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with sandbox(tmp_path_factory.mktemp("secrets"), seed=3, orders=60, returns=20, days=DAYS) as running:
        running.control("clients", {"client_id": "sandbox-client", "client_secret": SECRETS["client secret"]})
        yield running


def test_no_secret_is_written_anywhere_by_runs_that_fail(box: Box, database_url: str, tmp_path: Path) -> None:
    settings = {
        **os.environ,
        "REBOUND_ORO_HOME": str(tmp_path / "home"),
        "REBOUND_ORO_DATABASE_URL": database_url,
        "REBOUND_ORO_ORO_URL": box.oro_url,
        "REBOUND_ORO_ORO_CLIENT_ID": box.client_id,
        "REBOUND_ORO_ORO_CLIENT_SECRET": SECRETS["client secret"],
        "REBOUND_ORO_REBOUND_URL": box.rebound_url,
        "REBOUND_ORO_REBOUND_LOGIN": box.login,
        "REBOUND_ORO_REBOUND_API_KEY": box.api_key,
        "REBOUND_ORO_FIRST_DAY": "2026-03-01",
    }
    wrong_shop = {"REBOUND_ORO_ORO_CLIENT_SECRET": SECRETS["refused client secret"]}
    wrong_rebound = {"REBOUND_ORO_REBOUND_API_KEY": SECRETS["refused API key"]}
    nobody = {"REBOUND_ORO_DATABASE_URL": database_url.replace("postgresql://", "postgresql://nobody")}
    fill(replace(Place.of(box, database_url, DAYS), client_secret=SECRETS["client secret"]))
    run = ("run", "--from", "2026-03-06", "--to", "2026-03-15")
    output = command({**settings, **wrong_rebound}, *run, fails=True)
    output += command({**settings, **wrong_shop}, "push", "--credit-notes", fails=True)
    box.control("faults", {"kind": "429", "system": "oro", "path": "/admin/api/", "retry_after": 3600})
    output += command(settings, "push", "--json")
    box.clear_faults()
    output += command({**settings, **wrong_shop, **wrong_rebound, **nobody}, "doctor", fails=True)
    held = {"output": output, **files_of(tmp_path), **tables_of(database_url)}
    assert "credentials" in held["output"].lower()
    assert sum(name.startswith("table") for name in held) > 30
    assert (
        "StepFailure" in held["table dagster.event_logs"]
        or "STEP_FAILURE" in held["table dagster.event_logs"]
    )
    secrets = {**SECRETS, "password": str(conninfo_to_dict(database_url)["password"])}
    found = [
        f"{secret} in {place}"
        for place, text in held.items()
        for secret, word in secrets.items()
        if word in text
    ]
    assert found == []


def fill(place: Place) -> None:
    """Have something in every table: landed, decided, waiting to be sent."""
    with connect(place.database_url, autocommit=True) as conn:
        conn.execute("create schema dagster")
    stages.prepare(place)
    stages.land(place)
    stages.decide_all(place)


def command(settings: Run, *arguments: str, fails: bool = False) -> str:
    """Run a command of ours and return all that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "rebound_oro_pipeline", *arguments],
        env=settings,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def files_of(folder: Path) -> dict[str, str]:
    """Return the content of all files that the runs have left."""
    return {
        f"file {path}": path.read_bytes().decode(errors="replace")
        for path in folder.rglob("*")
        if path.is_file()
    }


def tables_of(url: str) -> dict[str, str]:
    """Return every row of every table and view as text."""
    with connect(url) as conn:
        names = conn.execute(
            """
            select table_schema, table_name from information_schema.tables
            where table_schema not in ('pg_catalog', 'information_schema')
            """
        ).fetchall()
        return {
            f"table {schema}.{table}": "\n".join(
                row
                for (row,) in conn.execute(
                    sql.SQL("select held::text from {} as held").format(sql.Identifier(schema, table))
                )
            )
            for schema, table in names
        }
