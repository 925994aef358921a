"""When a system or a rule fails: the step says so in a sentence, nothing is half done, and the next run heals it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import stamina

import rebound_oro_pipeline.defs.all as definitions
import rebound_oro_pipeline.defs.failures as step_failures
from rebound_oro_pipeline.defs.jobs import PUSH, PUSH_STOCK, RECONCILE, RETURNS
from rebound_oro_pipeline.defs.local import failures
from rebound_oro_pipeline.processes import port_to_listen_on
from rebound_oro_pipeline.services.operate_deed import Deed
from rebound_oro_pipeline.services.operate_discrepancies import DiscrepancyFilter, acknowledge, pick
from rebound_oro_pipeline.sqlmodels.model import Assertion, Models
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.conftest import CloneDatabase
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, environment, prepare, variables
from rebound_oro_pipeline_tests.prepared import models
from rebound_oro_pipeline_tests.sandbox_process import Box, sandbox

DAYS = 8
UNTIL = datetime.now(UTC).date()
FIRST, LAST = (f"{UNTIL - timedelta(days=days):%Y-%m-%d}" for days in (DAYS, 1))
DECIDED = """
    select (select count(*) from ledger.claims), (select count(*) from ledger.credit_notes),
        (select count(*) from ledger.quarantine), (select count(*) from ledger.holds),
        (select count(*) from marts.return_line_destinations), (select count(*) from outbox.messages),
        (select count(*) from ledger.decisions)
"""
NOTHING = [(0, 0, 0, 0, 0, 0, 0)]


@dataclass(frozen=True)
class Place:
    """A sandbox, and the name of a database in which its returns are decided and nothing is sent."""

    box: Box
    home: Path
    decided: str


@pytest.fixture(scope="module")
def place(
    clone_database: CloneDatabase, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    home = tmp_path_factory.mktemp("failing")
    with (
        sandbox(home, seed=6, orders=60, returns=30, days=DAYS, until=UNTIL) as box,
        clone_database(template_database) as url,
    ):
        prepare(url)
        with environment(variables(home, url, box, FIRST)), Loop.in_memory(url) as loop:
            assert loop.run(RETURNS, (FIRST, LAST)).success
        yield Place(box, home, url.rpartition("/")[2])


@pytest.fixture
def url(clone_database: CloneDatabase, place: Place) -> Iterator[str]:
    """Yield a database with the decisions."""
    with clone_database(place.decided) as url:
        yield url


@pytest.fixture
def empty_url(database_url: str) -> str:
    """Return a database with nothing landed."""
    prepare(database_url)
    return database_url


@pytest.fixture
def one_attempt(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let clients try once and steps be retried without a wait."""
    monkeypatch.setattr(step_failures, "FIRST_WAIT_SECONDS", 0.01)
    with stamina.set_testing(testing=True, attempts=1):
        yield


def failed_steps(result: dg.ExecuteInProcessResult) -> list[str]:
    assert not result.success
    return [event.step_key or "" for event in result.get_step_failure_events()]


def retries_of(result: dg.ExecuteInProcessResult) -> list[str]:
    return [event.step_key or "" for event in result.filter_events(lambda event: event.is_step_up_for_retry)]


def started_steps(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.step_key or "" for event in result.filter_events(lambda event: event.is_step_start)}


def test_a_refused_key_fails_the_reading_at_once_and_decides_nothing(place: Place, empty_url: str) -> None:
    wrong = variables(place.home, empty_url, place.box, FIRST, REBOUND_API_KEY="wrong-key")
    with environment(wrong), Loop.in_memory(empty_url) as loop:
        result = loop.run(RETURNS, (FIRST, LAST))
        assert failed_steps(result) == ["read_rebound_returns"]
        [said] = failures(result)
        assert said.startswith("read_rebound_returns: ")
        assert "access_denied" in said
        assert "wrong-key" not in said
        assert started_steps(result) == {"read_rebound_returns"}
        assert loop.rows(DECIDED) == NOTHING
    place.box.control("rebound/unblock")


@pytest.mark.usefixtures("one_attempt")
def test_an_orocommerce_that_is_down_is_named_at_once_and_the_next_run_goes_on(
    place: Place, empty_url: str
) -> None:
    nobody = f"http://127.0.0.1:{port_to_listen_on(0, lambda _: OSError())}"
    right = variables(place.home, empty_url, place.box, FIRST)
    with environment(right), Loop.in_memory(empty_url) as loop:
        os.environ["REBOUND_ORO_ORO_URL"] = nobody
        result = loop.run(RETURNS, (FIRST, LAST))
        assert failed_steps(result) == ["read_oro_orders"]
        assert "oro: POST /oauth2-token was not sent" in failures(result)[0]
        assert retries_of(result) == []
        assert loop.rows(DECIDED) == NOTHING
        os.environ["REBOUND_ORO_ORO_URL"] = place.box.oro_url
        assert loop.run(RETURNS, (FIRST, LAST)).success
        assert loop.rows(DECIDED) != NOTHING


@pytest.mark.usefixtures("one_attempt")
def test_a_run_that_nobody_waits_for_tries_a_reading_three_times(place: Place, empty_url: str) -> None:
    nobody = f"http://127.0.0.1:{port_to_listen_on(0, lambda _: OSError())}"
    with (
        environment(variables(place.home, empty_url, place.box, FIRST, REBOUND_URL=nobody)),
        Loop.in_memory(empty_url) as loop,
    ):
        result = loop.defs.resolve_job_def(RETURNS).execute_in_process(
            instance=loop.instance, partition_key=FIRST, raise_on_error=False
        )
        assert failed_steps(result) == ["read_rebound_returns"]
        assert retries_of(result) == ["read_rebound_returns"] * 2
        assert "was not sent" in failures(result)[0]


def test_a_missing_setting_is_named_by_the_step_that_needs_it(place: Place, empty_url: str) -> None:
    without = variables(place.home, empty_url, place.box, FIRST)
    del without["REBOUND_ORO_REBOUND_LOGIN"]
    with environment(without), Loop.in_memory(empty_url) as loop:
        result = loop.run(RETURNS, (FIRST, LAST))
        assert failures(result)[0].startswith("read_rebound_returns: REBOUND_ORO_REBOUND_LOGIN is not set")
        assert retries_of(result) == []


def test_a_malformed_policy_fails_the_decision_with_key_and_value(
    place: Place, empty_url: str, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("credit: {shipping: sometimes}\n")
    with environment(variables(place.home, empty_url, place.box, FIRST, POLICY_FILE=str(policy))):
        with Loop.in_memory(empty_url) as loop:
            result = loop.run(RETURNS, (FIRST, LAST))
        assert "credit.shipping" in failures(result)[0]
        assert "sometimes" in failures(result)[0]
        assert retries_of(result) == []


def test_a_blocking_check_that_fails_takes_the_decision_back_and_shows_why(
    place: Place, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Assertion(
        name="assert_never",
        path=Path("assert_never.sql"),
        relation="marts.credit_notes",
        sql="select credit_note_number from ledger.credit_notes",
        description="Fails if there is a note.",
        severity="error",
        blocking=True,
        reads=frozenset({"ledger.credit_notes"}),
        parameters=frozenset(),
    )
    known = models()
    monkeypatch.setattr(
        definitions, "read_models", lambda: Models(known, seeds=known.seeds, tests=(*known.tests, broken))
    )
    with (
        environment(variables(place.home, empty_url, place.box, FIRST)),
        Loop.in_memory(empty_url) as loop,
    ):
        result = loop.run(RETURNS, (FIRST, LAST))
        assert failed_steps(result) == ["returns_decided"]
        assert "assert_never" in failures(result)[0]
        assert loop.rows(DECIDED) == NOTHING
        evaluations = {check.check_name: check for check in result.get_asset_check_evaluations()}
        assert not evaluations["assert_never"].passed
        assert evaluations["assert_notes_are_the_sum_of_their_lines"].passed
        assert evaluations["assert_never"].metadata["failing rows"].value > 0
        decided = [event.asset_key for event in result.get_asset_materialization_events()]
        assert dg.AssetKey(["marts", "credit_notes"]) not in decided


@pytest.mark.parametrize(
    ("variable", "value"), [("ORO_CLIENT_SECRET", "wrong-secret"), ("ORO_CREDIT_NOTE_TYPE", "nosuchnotes")]
)
def test_a_push_that_is_refused_as_a_whole_loses_nothing_and_the_next_one_sends_everything_once(
    place: Place, url: str, variable: str, value: str
) -> None:
    right = variables(place.home, url, place.box, FIRST)
    with environment({**right, f"REBOUND_ORO_{variable}": value}), Loop.in_memory(url) as loop:
        held = place.box.state("credit_notes")["credit_notes"]
        result = loop.run(PUSH)
        assert failed_steps(result) == ["push__oro_credit_notes"]
        assert failures(result)[0].startswith("push__oro_credit_notes: oro: ")
        assert "wrong-secret" not in failures(result)[0]
        assert place.box.state("credit_notes")["credit_notes"] == held
        assert not loop.rows("select from outbox.messages where state not in ('pending', 'unknown')")
    with environment(right), Loop.in_memory(url) as loop:
        assert loop.run(PUSH).success
        due = [number for (number,) in loop.rows("select credit_note_number from ledger.credit_notes")]
    held = place.box.state("credit_notes")["credit_notes"]
    assert sorted(note["creditNoteNumber"] for note in held) == sorted(due)


def test_reconciliation_finds_what_somebody_changed_in_orocommerce(place: Place, url: str) -> None:
    """Last in this module: the sandbox begins anew, because notes that it has already would hold their stock back."""
    place.box.control("reset")
    with environment(variables(place.home, url, place.box, FIRST)), Loop.in_memory(url) as loop:
        assert loop.run(PUSH).success
        assert loop.run(PUSH_STOCK).success
        note = place.box.state("credit_notes")["credit_notes"][0]
        changed = {"totalAmount": "1.2300"}
        place.box.control("oro", {"type": "reboundcreditnotes", "id": note["id"], "attributes": changed})
        [(level_id, target)] = loop.rows(
            "select level_id, last_target from reconciliation.inventory where last_target > 2 limit 1"
        )
        lost = {"quantity": str(target - 2)}
        place.box.control("oro", {"type": "inventorylevels", "id": level_id, "attributes": lost})
        result = loop.run(RECONCILE)
        assert result.success
        evaluations = {check.check_name: check for check in result.get_asset_check_evaluations()}
        assert not evaluations["oro_holds_what_was_decided"].passed
        assert evaluations["oro_holds_what_was_decided"].metadata["note_amounts_differ"].value == 1
        assert evaluations["levels_took_what_was_decided"].passed
        assert not evaluations["the_systems_agree"].passed
        with connect(url) as conn:
            found = pick(conn, DiscrepancyFilter(), acknowledged=False)
            assert [(each.kind, each.difference) for each in found if each.currency is None] == [
                ("level_moved_unexplained", -2)
            ]
            acknowledge(conn, found, Deed("maria", "agreed with the customer"))
        result = loop.run(RECONCILE)
        assert all(check.passed for check in result.get_asset_check_evaluations())
