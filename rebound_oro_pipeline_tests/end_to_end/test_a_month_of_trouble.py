"""A month in which people meddle: each trouble is found, named with both sides and the next step, and repaired.

Planted are a note deleted in OroCommerce by hand, a return credited there a second time, a level overwritten, an alias
that nobody entered, an order cancelled after its return, and an order whose total changed after its credit.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from rebound_oro_pipeline.cli import main
from rebound_oro_pipeline.defs.jobs import CATCH_UP, FOLLOW_UP, PUSH, PUSH_STOCK, RECONCILE, RETURNS
from rebound_oro_pipeline.sandbox.scenario_shares import Situation
from rebound_oro_pipeline.services.sync_health import Discrepancy, discrepancies, figures
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.reference import import_aliases
from rebound_oro_pipeline_tests.conftest import CloneDatabase
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, environment, prepare, variables
from rebound_oro_pipeline_tests.sandbox_process import Box, sandbox

DAYS = 30
WHY = ("--who", "maria", "--why", "found by the reconciliation")


@dataclass
class Month:
    """What was found at each stage, and what was planted."""

    calm: list[Discrepancy] = field(default_factory=list)
    troubled: list[Discrepancy] = field(default_factory=list)
    mended: list[Discrepancy] = field(default_factory=list)
    figures: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    planted: dict[str, Any] = field(default_factory=dict)
    log: list[tuple[Any, ...]] = field(default_factory=list)

    def one(self, kind: str) -> Discrepancy:
        [found] = [each for each in self.troubled if each.kind == kind]
        return found


@pytest.fixture(scope="module")
def month(
    clone_database: CloneDatabase, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Month]:
    home = tmp_path_factory.mktemp("month")
    until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first, last = (f"{until - timedelta(days=ago):%Y-%m-%d}" for ago in (DAYS, 1))
    with clone_database(template_database) as url:
        prepare(url)
        with (
            sandbox(home, seed=3, orders=130, returns=55, days=DAYS, until=until.date()) as box,
            environment(variables(home, url, box, first)),
            Loop.in_memory(url) as loop,
        ):
            with connect(url) as conn, conn.transaction():
                import_aliases(conn, box.aliases, added_by="test")
            month = Month()
            for job, days in ((RETURNS, (first, last)), (PUSH, None), (PUSH_STOCK, None), (RECONCILE, None)):
                assert loop.run(job, days).success
            month.calm = _found(loop)
            _plant(loop, box, month.planted)
            loop.run(CATCH_UP)
            loop.run(RETURNS, (first, last))
            result = loop.run(RECONCILE)
            month.planted["checks failed"] = {
                evaluation.check_name
                for evaluation in result.get_asset_check_evaluations()
                if not evaluation.passed
            }
            month.troubled = _found(loop)
            with connect(url) as conn:
                month.figures = {(each.figure, each.label): each.value for each in figures(conn)}
            month.planted["quarantine"] = loop.rows(
                "select subject, reason, detail, remedy from marts.quarantined_exceptions"
            )
            _mend(loop, box, month.planted)
            loop.run(RECONCILE)
            month.mended = _found(loop)
            month.log = loop.rows(
                "select actor, action, subject, reason from outbox.audit_log where actor = 'maria'"
            )
            month.planted["left in quarantine"] = loop.rows(
                "select subject, reason from marts.quarantined_exceptions"
            )
            yield month


def _found(loop: Loop) -> list[Discrepancy]:
    with connect(loop.database_url) as conn:
        return discrepancies(conn)


def _plant(loop: Loop, box: Box, planted: dict[str, Any]) -> None:
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    notes = box.state("credit_notes")["credit_notes"]
    deleted, doubled = notes[0], notes[1]
    [(doubled["order identifier"], doubled["decided"])] = loop.rows(
        "select max(order_identifier), sum(total_amount) from ledger.credit_notes"
        f" where order_id = '{doubled['order']}'"
    )
    planted |= {"deleted": deleted, "doubled": doubled}
    assert _oro(box, "DELETE", f"reboundcreditnotes/{deleted['id']}").status_code == 204
    document = {
        "data": {
            "type": "reboundcreditnotes",
            "attributes": {
                **{name: doubled[name] for name in doubled if name.endswith("Amount") or name == "currency"},
                "creditNoteNumber": "BY-HAND-1",
                "returnId": doubled["returnId"],
            },
            "relationships": {"order": {"data": {"type": "orders", "id": doubled["order"]}}},
        }
    }
    answer = _oro(box, "POST", "reboundcreditnotes", document)
    assert answer.status_code == 201, answer.text
    planted["by hand"] = answer.json()["data"]["id"]

    [(level_id, target)] = loop.rows(
        "select level_id, quantity_target from outbox.level_writes where state = 'confirmed'"
        " order by level_write_id desc limit 1"
    )
    planted |= {"level": level_id, "level was": target}
    box.control(
        "oro", {"type": "inventorylevels", "id": level_id, "attributes": {"quantity": str(target + 100)}}
    )

    # Orders of returns that wait, and that were credited.
    [(waiting, cancelled)] = loop.rows(
        "select placed.return_id, orders.order_id from marts.return_line_destinations as placed"
        " inner join landing.rebound_returns as returns using (return_id)"
        " inner join landing.oro_orders as orders on returns.order_reference_key = orders.identifier_key"
        " where placed.destination = 'held' and placed.reason = 'not_dispatched'"
        " order by placed.return_id limit 1"
    )
    planted["cancelled"] = waiting
    box.control(
        "oro",
        {
            "type": "orders",
            "id": cancelled,
            "attributes": {"updatedAt": now},
            "relations": {"internalStatus": "cancelled"},
        },
    )
    [(changed, identifier, total)] = loop.rows(
        f"select order_id, order_identifier, total_value from ledger.orders where order_id not in"
        f" ('{deleted['order']}', '{doubled['order']}') order by length(order_id), order_id limit 1"
    )
    planted |= {"changed": identifier, "total was": total}
    box.control(
        "oro",
        {
            "type": "orders",
            "id": changed,
            "attributes": {"totalValue": str(total - Decimal("5.00")), "updatedAt": now},
        },
    )
    returns = {each["id"]: each["situation"] for each in box.state("returns")["returns"]}
    [(subject, code, sku)] = loop.rows(
        "select quarantine.subject, lines.sku, items.product_sku"
        " from ledger.quarantine as quarantine"
        " inner join landing.rebound_return_lines as lines using (return_id, return_line_key)"
        " inner join landing.rebound_returns as returns on lines.return_id = returns.return_id"
        " inner join landing.oro_orders as orders on returns.order_reference_key = orders.identifier_key"
        " inner join landing.oro_order_lines as items on orders.order_id = items.order_id"
        " where quarantine.reason = 'unknown_sku' and not items.is_free_form and items.quantity >= quarantine.quantity"
        " and items.product_unit_code = 'item' order by quarantine.subject, items.order_line_id limit 1"
    )
    assert returns[subject.partition(" / ")[0]] in (Situation.FORMER_SKU_UNLISTED, Situation.UNKNOWN_SKU)
    planted |= {"unknown": subject, "code": code, "sku": sku}


def _mend(loop: Loop, box: Box, planted: dict[str, Any]) -> None:
    _command("outbox", "recheck", planted["deleted"]["creditNoteNumber"], *WHY)
    _command("alias", "add", planted["code"], planted["sku"], *WHY)
    [(subject,)] = loop.rows(
        f"select subject from ledger.quarantine where return_id = '{planted['cancelled']}'"
        " and reason = 'order_cancelled' and resolved_at is null order by subject limit 1"
    )
    planted["rejected"] = subject
    _command("quarantine", "reject", subject, *WHY)
    assert _oro(box, "DELETE", f"reboundcreditnotes/{planted['by hand']}").status_code == 204
    box.control(
        "oro",
        {
            "type": "inventorylevels",
            "id": planted["level"],
            "attributes": {"quantity": str(planted["level was"])},
        },
    )
    for job in (FOLLOW_UP, PUSH):
        assert loop.run(job).success


def _oro(box: Box, method: str, path: str, document: Any = None) -> httpx.Response:
    """Do what a person does in the back office, through the API."""
    headers = {
        "Authorization": f"Bearer {box.oro_token()}",
        "Accept": "application/vnd.api+json",
        "Content-Type": "application/vnd.api+json",
    }
    content = None if document is None else json.dumps(document)
    return httpx.request(method, f"{box.oro_url}/admin/api/{path}", headers=headers, content=content)


def _command(*words: str) -> None:
    told = CliRunner().invoke(main, words)
    assert told.exit_code == 0, told.output


def test_a_calm_month_has_nothing_to_say(month: Month) -> None:
    assert month.calm == []


def test_every_trouble_is_found_and_nothing_else(month: Month) -> None:
    assert sorted(each.kind for each in month.troubled) == [
        "level_moved_unexplained",
        "note_missing_in_oro",
        "note_not_ours",
        "order_changed_after_credit",
    ]
    assert all(each.next_step.endswith(".") for each in month.troubled)
    assert month.planted["checks failed"] == {"oro_holds_what_was_decided", "the_systems_agree"}


def test_a_deleted_note_is_named_with_its_amount(month: Month) -> None:
    found, deleted = month.one("note_missing_in_oro"), month.planted["deleted"]
    assert found.subject == deleted["creditNoteNumber"]
    assert (found.ours, found.theirs) == (Decimal(deleted["totalAmount"]), None)
    assert found.difference == -Decimal(deleted["totalAmount"])


def test_a_second_credit_by_hand_is_named_with_its_amount(month: Month) -> None:
    found = month.one("note_not_ours")
    assert (found.subject, found.ours) == ("BY-HAND-1", None)
    assert found.theirs == found.difference == Decimal(month.planted["doubled"]["totalAmount"])
    assert found.order_identifier == month.planted["doubled"]["order identifier"]
    assert found.detail == f"of its order we decided {month.planted['doubled']['decided']:f}"


def test_an_overwritten_level_is_named_in_units(month: Month) -> None:
    found = month.one("level_moved_unexplained")
    assert month.planted["level"] in found.subject
    assert (found.currency, found.difference) == (None, Decimal(100))


def test_an_order_that_changed_after_its_credit_is_named_with_both_totals(month: Month) -> None:
    found = month.one("order_changed_after_credit")
    assert found.subject == month.planted["changed"]
    assert (found.ours, found.difference) == (month.planted["total was"], Decimal("-5.00"))
    assert (found.detail or "").startswith("total ")


def test_the_alias_and_the_cancelled_order_wait_in_the_quarantine_with_a_remedy(month: Month) -> None:
    rows = {
        (subject.partition(" / ")[0], reason): remedy
        for subject, reason, _, remedy in month.planted["quarantine"]
    }
    assert "alias" in rows[month.planted["unknown"].partition(" / ")[0], "unknown_sku"]
    assert rows[month.planted["cancelled"], "order_cancelled"]


def test_sync_health_counts_what_was_found(month: Month) -> None:
    for kind in ("note_missing_in_oro", "note_not_ours", "level_moved_unexplained"):
        assert month.figures["discrepancies", kind] == 1
    assert month.figures["drift_units", ""] == 100
    assert month.figures["quarantined_rows", "order_cancelled"] >= 1
    assert month.figures["outbox_open_messages", "oro_credit_note"] == 0
    assert month.figures["landing_age_seconds", "rebound"] >= 0


def test_what_can_be_repaired_is_and_the_rest_stays_named(month: Month) -> None:
    """Who pays for an order that changed after its credit is for people to decide."""
    [mended] = month.mended
    assert mended.kind == "order_changed_after_credit"
    assert mended.first_seen_at == month.one(mended.kind).first_seen_at
    left = {subject for subject, _ in month.planted["left in quarantine"]}
    assert not left & {month.planted["unknown"], month.planted["rejected"]}


def test_every_repair_is_in_the_audit_log(month: Month) -> None:
    assert {action for _, action, _, _ in month.log} >= {
        "oro_credit_note unknown",
        "alias added",
        "quarantine rejected",
    }
    assert {reason for *_, reason in month.log} == {"found by the reconciliation"}
