"""Every reason of the quarantine comes from something that really happens between the two systems of the sandbox.

The scenario brings most of them; time brings what is corrected or given up; hands in the shop bring the rest: a note
that somebody wrote there under a number of ours, and a level that was counted while our write had no answer.
"""

import csv
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rebound_oro_pipeline.contracts.policy import load_policy
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.defs.jobs import PUSH, PUSH_STOCK, RETURNS
from rebound_oro_pipeline.services.decide import decide
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.reference import add_alias, import_aliases, save_policy
from rebound_oro_pipeline_tests.conftest import CloneDatabase
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, environment, prepare, variables
from rebound_oro_pipeline_tests.prepared import models
from rebound_oro_pipeline_tests.sandbox_process import Box, sandbox

DAYS = 12
OPEN = """
select subject, reason, quantity, detail, what_happened, remedy, owner from marts.quarantined_exceptions
"""
SENTENCE = re.compile(r"[A-Z].{10,160}\.")
SEEDS = Path(__file__).parents[2] / "dbt_like_sql" / "seeds" / "quarantine_reasons.csv"


@dataclass(frozen=True)
class Ward:
    """The quarantine when all has happened, and what became of a code once its alias was added."""

    rows: list[dict[str, Any]]
    reasons: set[str]
    healed: list[tuple[Any, ...]]
    credited: Decimal


@pytest.fixture(scope="module")
def ward(
    clone_database: CloneDatabase, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ward]:
    home = tmp_path_factory.mktemp("reasons")
    policy = home / "policy.yaml"
    policy.write_text("credit: {restocking_fee: {unwanted: {percent: 10}}}\n", encoding="utf-8")
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = tuple(f"{today - timedelta(days=ago):%Y-%m-%d}" for ago in (DAYS, 1))
    with clone_database(template_database) as url:
        prepare(url)
        with (
            sandbox(home, seed=4, orders=240, returns=80, days=DAYS, until=today.date()) as box,
            environment(variables(home, url, box, days[0], POLICY_FILE=str(policy))),
            Loop.in_memory(url) as loop,
        ):
            with connect(url) as conn, conn.transaction():
                import_aliases(conn, box.aliases, added_by="test")
            assert loop.run(RETURNS, (days[0], days[1])).success
            _meddle_with_a_note(loop, box)
            _meddle_with_a_level(loop, box)
            box.control("clock", {"advance_hours": 10 * 24})
            assert loop.run(RETURNS, (days[0], days[1])).success
            _two_weeks_later(url, today)
            healed, credited = _add_the_alias_that_is_missing(loop, today)
            rows = [
                dict(
                    zip(
                        ("subject", "reason", "quantity", "detail", "what_happened", "remedy", "owner"),
                        row,
                        strict=True,
                    )
                )
                for row in loop.rows(OPEN)
            ]
            seen = {reason for (reason,) in loop.rows("select distinct reason from ledger.quarantine")}
            yield Ward(rows, seen | {row["reason"] for row in rows}, healed, credited)


def _meddle_with_a_note(loop: Loop, box: Box) -> None:
    """Correct a note of ours in the shop by hand, and lose the proof that it had arrived."""
    assert loop.run(PUSH).success
    [(message_id, number, remote_id)] = loop.rows(
        "select message_id, business_key, remote_id from outbox.messages"
        " where kind = 'oro_credit_note' and state = 'confirmed' order by message_id limit 1"
    )
    box.control(
        "oro", {"type": "reboundcreditnotes", "id": remote_id, "attributes": {"totalAmount": "1.0000"}}
    )
    with connect(loop.database_url) as conn:
        conn.execute("alter table outbox.messages disable trigger user")
        conn.execute(
            "update outbox.messages set state = 'pending', confirmed_at = null, remote_id = null,"
            " next_attempt_at = now() where message_id = %s",
            (message_id,),
        )
        conn.execute("alter table outbox.messages enable trigger user")
    assert loop.run(PUSH).success
    assert loop.rows(f"select reason from push.refusals where subject = '{number}'") == [("push_rejected",)]


def _meddle_with_a_level(loop: Loop, box: Box) -> None:
    """Lose the answer to the write of a level, and count the level by hand before anybody has looked at it."""
    [(message_id,)] = loop.rows(
        "select min(message_id) from outbox.messages where kind = 'oro_inventory_delta' and state = 'pending'"
    )
    _due(loop, "now() + interval '1 hour'", f"message_id <> {message_id}")
    box.control("faults", {"kind": "lost", "system": "oro", "method": "PATCH", "path": "inventorylevels"})
    box.control(
        "faults", {"kind": "slow", "system": "oro", "method": "GET", "path": "inventorylevels", "delay": 0.5}
    )
    with ThreadPoolExecutor(1) as pool:
        counted = pool.submit(_count_the_level_that_moves, box)
        assert loop.run(PUSH_STOCK).success
        counted.result()
    box.clear_faults()
    _due(loop, "now()", "true")
    assert loop.run(PUSH_STOCK).success


def _count_the_level_that_moves(box: Box) -> None:
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        for level in box.state("inventory_levels")["inventory_levels"]:
            if level["now"] != level["before"]:
                found = {"type": "inventorylevels", "id": level["id"], "attributes": {"quantity": "7.0000"}}
                box.control("oro", found)
                return
    raise AssertionError("no level was written")


def _due(loop: Loop, when: str, which: str) -> None:
    with connect(loop.database_url) as conn:
        conn.execute(
            f"update outbox.messages set next_attempt_at = {when}"
            f" where kind = 'oro_inventory_delta' and state in ('pending', 'unknown') and {which}"
        )


def _two_weeks_later(url: str, today: datetime) -> None:
    with connect(url) as conn:
        version = save_policy(conn, load_policy(Settings().policy_file).document())
        conn.commit()
        decide(
            conn,
            models(),
            Window(today - timedelta(days=DAYS), today + timedelta(days=1)),
            policy_version=version,
            decided_at=datetime.now(UTC) + timedelta(days=15),
            run_id="later",
        )


def _add_the_alias_that_is_missing(loop: Loop, today: datetime) -> tuple[list[tuple[Any, ...]], Decimal]:
    """Give a code that nobody knew the meaning of a SKU of its order."""
    [(subject, code, sku)] = loop.rows(
        "select quarantine.subject, lines.sku, items.product_sku"
        " from ledger.quarantine as quarantine"
        " inner join landing.rebound_return_lines as lines"
        " on quarantine.return_id = lines.return_id and quarantine.return_line_key = lines.return_line_key"
        " inner join landing.rebound_returns as returns on lines.return_id = returns.return_id"
        " inner join landing.oro_orders as orders on returns.order_reference_key = orders.identifier_key"
        " inner join landing.oro_order_lines as items on orders.order_id = items.order_id"
        " where quarantine.reason = 'unknown_sku' and quarantine.resolved_at is null and not items.is_free_form"
        " and items.quantity >= quarantine.quantity and items.product_unit_code = 'item'"
        " order by quarantine.subject, items.order_line_id limit 1"
    )
    with connect(loop.database_url) as conn, conn.transaction():
        add_alias(conn, code, sku, added_by="test")
    _two_weeks_later(loop.database_url, today)
    healed = loop.rows(
        "select resolution, resolved_at is not null, opened_at < resolved_at, detail from ledger.quarantine"
        f" where subject = '{subject}' and reason = 'unknown_sku'"
    )
    [(credited,)] = loop.rows(
        "select coalesce(sum(placed.quantity), 0) from marts.return_line_destinations as placed"
        " inner join staging.stg_rebound__return_lines as lines using (return_id, position)"
        f" where lines.subject = '{subject}' and placed.destination = 'credited'"
    )
    return healed, credited


def test_every_reason_happens(ward: Ward) -> None:
    with SEEDS.open(encoding="utf-8") as file:
        assert ward.reasons == {row["reason"] for row in csv.DictReader(file)}


def test_each_row_says_what_happened_and_the_remedy_in_a_sentence(ward: Ward) -> None:
    for row in ward.rows:
        assert row["detail"], row
        assert row["owner"] in ("ops", "finance", "data"), row
        assert SENTENCE.fullmatch(row["what_happened"]), row
        assert SENTENCE.fullmatch(row["remedy"]), row


def test_an_alias_heals_the_line_and_the_history_stays(ward: Ward) -> None:
    [(resolution, is_resolved, in_order, detail)] = ward.healed
    assert (resolution, is_resolved, in_order) == ("healed", True, True)
    assert "SKU" in detail
    assert ward.credited > 0
