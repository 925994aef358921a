"""History is decided and not sent: before the cut-over for good, `decide only` until somebody releases it."""

from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from rebound_oro_pipeline.cli import main
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.services.decide import decide
from rebound_oro_pipeline.services.sync_health import discrepancies, figures
from rebound_oro_pipeline.warehouse import outbox, reference
from rebound_oro_pipeline_tests.prepared import models
from rebound_oro_pipeline_tests.rules.deciding import DECIDED_AT
from rebound_oro_pipeline_tests.rules.sql_runner import ALWAYS, land
from rebound_oro_pipeline_tests.services.operators_shop import a_return, order


def decided(conn: psycopg.Connection[Any], policy: Policy, **options: Any) -> None:
    """Two returns, a day apart."""
    land(
        conn,
        [order()],
        [
            a_return("R1", date_added="2026-10-31T23:59:59Z"),
            a_return("R2", date_added="2026-11-01T00:00:00Z"),
        ],
    )
    version = reference.save_policy(conn, policy.document())
    conn.commit()
    decide(conn, models(), ALWAYS, policy_version=version, decided_at=DECIDED_AT, run_id="test", **options)
    conn.commit()


def states(conn: psycopg.Connection[Any]) -> dict[str, str]:
    return dict(conn.execute("select business_key, state::text from outbox.messages order by 1").fetchall())


def test_nothing_of_returns_registered_before_the_cut_over_is_ever_sent(
    conn: psycopg.Connection[Any],
) -> None:
    decided(conn, Policy.model_validate({"send": {"not_before": date(2026, 11, 1)}}))
    assert states(conn) == {
        "R1-ORD-1": "skipped",
        "R1-ORD-1:1": "skipped",
        "R2-ORD-1": "pending",
        "R2-ORD-1:1": "pending",
    }
    [(words,)] = conn.execute(
        "select distinct last_error from outbox.messages where state = 'skipped'"
    ).fetchall()
    assert words == "registered before the cut-over on 2026-11-01"
    assert conn.execute("select count(*) from ledger.credit_notes").fetchone() == (2,)


def test_a_movement_that_is_never_sent_is_no_finding_of_the_reconciliation(
    conn: psycopg.Connection[Any],
) -> None:
    """It would be one for ever: that its level was not read since it was written."""
    decided(conn, Policy.model_validate({"send": {"not_before": date(2026, 11, 1)}}))
    found = conn.execute("select finding, quantity_decided from reconciliation.inventory").fetchall()
    assert found == [("not_sent_yet", 1)]


def test_without_a_cut_over_everything_is_sent(conn: psycopg.Connection[Any]) -> None:
    decided(conn, Policy())
    assert set(states(conn).values()) == {"pending"}


def test_what_was_decided_only_waits_until_it_is_released(
    conn: psycopg.Connection[Any], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(conn, Policy(), decide_only=True)
    assert set(states(conn).values()) == {"pending"}
    assert outbox.due(conn, "oro_credit_note") == outbox.due(conn, "oro_inventory_delta") == 0
    progress = outbox.Claimant("oro_credit_note", "test").progress(conn)
    assert (progress.open, progress.next_attempt_at) == (0, None)
    told_of = {each.figure: int(each.value) for each in figures(conn) if each.label == "oro_credit_note"}
    assert (told_of["outbox_open_messages"], told_of["outbox_held_back_messages"]) == (0, 2)
    assert told_of["outbox_oldest_seconds"] == 0
    assert discrepancies(conn, kinds=["note_not_in_oro_in_time"]) == []
    conn.commit()
    monkeypatch.setenv("REBOUND_ORO_DATABASE_URL", database_url)
    told = CliRunner().invoke(
        main,
        ["outbox", "release", "--kind", "oro_credit_note", "--who", "maria", "--why", "history was checked"],
    )
    assert told.exit_code == 0, told.output
    assert outbox.due(conn, "oro_credit_note") == 2
    assert outbox.due(conn, "oro_inventory_delta") == 0
    assert len(discrepancies(conn, kinds=["note_not_in_oro_in_time"])) == 2
    logged = conn.execute(
        "select actor, reason from outbox.audit_log where action = 'oro_credit_note released'"
    )
    assert set(logged.fetchall()) == {("maria", "history was checked")}


def test_a_decision_holds_back_nothing_of_an_earlier_one(conn: psycopg.Connection[Any]) -> None:
    decided(conn, Policy())
    land(conn, [], [a_return("R3", date_added=f"{datetime(2026, 11, 2, tzinfo=UTC):%Y-%m-%dT%H:%M:%SZ}")])
    [(version,)] = conn.execute("select max(policy_version) from reference.policies").fetchall()
    conn.commit()
    decide(
        conn,
        models(),
        ALWAYS,
        policy_version=version,
        decided_at=DECIDED_AT,
        run_id="later",
        decide_only=True,
    )
    assert outbox.due(conn, "oro_credit_note") == 2
