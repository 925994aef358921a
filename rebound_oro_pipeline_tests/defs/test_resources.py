"""What a run talks to is opened once for all its steps, and closed with it."""

from typing import Any

import dagster as dg
import psycopg
import pytest

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, prepare

DAY = "2026-03-04"
ASKED = [dg.AssetKey(["marts", "held_returns"]), dg.AssetKey(["staging", "stg_rebound__returns"])]
"""Decided in one step, checked in another; the former is shown as a table, too."""


def test_a_run_reads_the_settings_once_and_goes_from_step_to_step_with_one_connection(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(loop.database_url)
    opened: list[psycopg.Connection] = []
    read: list[Settings] = []
    connect, initialise = wiring.connect, Settings.__init__

    def counted(*args: Any, **options: Any) -> psycopg.Connection:
        opened.append(connect(*args, **options))
        return opened[-1]

    def remembered(self: Settings, **values: Any) -> None:
        initialise(self, **values)
        read.append(self)

    monkeypatch.setattr(wiring, "connect", counted)
    monkeypatch.setattr(Settings, "__init__", remembered)
    result = loop.defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=loop.instance, asset_selection=ASKED, partition_key=DAY
    )
    assert result.success
    assert {event.step_key for event in result.all_events if event.is_step_success} >= {
        "returns_decided",
        "model_promises",
    }
    assert len(read) == 1
    assert len(opened) == 1
    assert opened[0].closed


def test_a_run_that_fails_leaves_no_connection_open(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[psycopg.Connection] = []
    connect = wiring.connect

    def counted(*args: Any, **options: Any) -> psycopg.Connection:
        opened.append(connect(*args, **options))
        return opened[-1]

    monkeypatch.setattr(wiring, "connect", counted)
    result = loop.defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=loop.instance, asset_selection=ASKED, partition_key=DAY, raise_on_error=False
    )
    assert not result.success, "views and seeds are not there"
    assert opened
    assert all(conn.closed for conn in opened)
