"""The definitions as Dagster loads them: without opening anything, and with the graph that someone has read."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from syrupy.assertion import SnapshotAssertion

ROOT = Path(__file__).parents[2]
CLOSED = """
import socket, sqlite3, sys
def refuse(*arguments, **options):
    raise RuntimeError("loading the definitions opened a connection")
socket.socket.connect = refuse
import psycopg, psycopg2
psycopg.connect = psycopg2.connect = refuse
import rebound_oro_pipeline.definitions
print("loaded")
"""


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    with warnings.catch_warnings():
        # Dagster's own dependencies warn of each other; ours must not.
        warnings.simplefilter("ignore")
        from rebound_oro_pipeline.definitions import defs  # noqa: PLC0415
    return defs


def test_loading_opens_no_connection(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("REBOUND_ORO_")}
    ran = subprocess.run(
        [sys.executable, "-c", CLOSED], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "loaded"
    assert list(tmp_path.iterdir()) == []


def test_dagster_finds_the_code_location_valid(tmp_path: Path) -> None:
    ran = subprocess.run(
        [Path(sys.executable).parent / "dagster", "definitions", "validate", "-w", ROOT / "workspace.yaml"],
        cwd=tmp_path,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout


def test_the_graph_is_the_one_that_was_read(definitions: dg.Definitions, snapshot: SnapshotAssertion) -> None:
    """A change of keys, dependencies, groups, partitions or checks is a diff that someone reads."""
    assert _described(definitions) == snapshot


def test_the_asset_families_of_the_design_are_there(definitions: dg.Definitions) -> None:
    keys = {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}
    assert keys >= {
        *(f"landing/{name}" for name in ("rebound_returns", "oro_orders", "oro_products", "oro_inventory_levels")),
        *(
            f"marts/{name}"
            for name in (
                "validated_return_lines",
                "quarantined_exceptions",
                "held_returns",
                "credit_notes",
                "credit_note_lines",
                "inventory_deltas",
            )
        ),
        *(f"push/{name}" for name in ("oro_credit_notes", "oro_inventory_levels")),
        *(f"reconciliation/{name}" for name in ("credit_notes", "inventory")),
    }


def _described(definitions: dg.Definitions) -> dict[str, Any]:
    graph = definitions.resolve_asset_graph()
    assets = {
        key.to_user_string(): {
            "group": graph.get(key).group_name,
            "after": sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
            "partitioned": graph.get(key).partitions_def is not None,
            "checks": sorted(check.name for check in graph.get(key).check_keys),
        }
        for key in sorted(graph.get_all_asset_keys())
    }
    return json.loads(
        json.dumps(
            {
                "assets": assets,
                "jobs": sorted(job.name for job in definitions.resolve_all_job_defs()),
                "schedules": sorted(schedule.name for schedule in definitions.schedules or ()),
                "sensors": sorted(sensor.name for sensor in definitions.sensors or ()),
            }
        )
    )
