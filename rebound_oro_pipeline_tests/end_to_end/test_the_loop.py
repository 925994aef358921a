"""The whole loop: what OroCommerce holds in the end is what the rules give, and doing it again changes nothing.

What is compared comes from the sandbox's own state and from the rules' oracle, not from our tables.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from rebound_oro_pipeline.sandbox.scenario_shares import SHARES, Situation
from rebound_oro_pipeline_tests.conftest import CloneDatabase
from rebound_oro_pipeline_tests.end_to_end.story import Story, told

NOTE_AMOUNTS = {
    "netAmount": "net_amount",
    "taxAmount": "tax_amount",
    "discountAmount": "discount_amount",
    "shippingAmount": "shipping_amount",
    "shippingTaxAmount": "shipping_tax_amount",
    "feeAmount": "fee_amount",
    "totalAmount": "total_amount",
}
LINE_AMOUNTS = {
    "quantity": "quantity",
    "netAmount": "net_amount",
    "discountAmount": "discount_amount",
    "taxAmount": "tax_amount",
    "totalAmount": "total_amount",
}
NOT_GONE = {"not_shipped", "shipped_later", "pending", "cancelled"}
"""States of orders that have not left the warehouse."""
OF_A_DAY = (
    "ledger.credit_notes",
    "ledger.credit_note_lines",
    "ledger.credit_note_taxes",
    "ledger.inventory_deltas",
    "outbox.messages",
)
"""What is only added to, and whose rows are of the day of their return."""
AFTER_A_CREDIT = "received_quantity_decreased"


@pytest.fixture(scope="module")
def story(
    clone_database: CloneDatabase, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    with clone_database(template_database) as url, told(url, tmp_path_factory.mktemp("loop")) as story:
        yield story


def amount(value: object) -> Decimal:
    return Decimal(str(value)).normalize()


def test_a_run_of_one_day_lands_and_decides_that_day_only(story: Story) -> None:
    assert story.after_a_day
    for registered_at, _ in story.after_a_day:
        assert story.first_day <= registered_at < story.first_day + timedelta(days=1)


def test_every_run_succeeds_with_every_check(story: Story) -> None:
    checks = set(story.loop.defs.resolve_asset_graph().asset_check_keys)
    for act in (story.first, story.again):
        assert [result.success for result in act.results] == [True] * 6
        evaluated = [check for result in act.results for check in result.get_asset_check_evaluations()]
        assert {check.asset_check_key for check in evaluated} == checks
        assert [check for check in evaluated if not check.passed] == []
    assert story.a_partition_again.results[0].success


def test_everything_again_writes_no_row(story: Story) -> None:
    """But the levels, which the first pushes moved after they had been read, and how far streams were read."""
    changed = {
        table for table, rows in story.again.versions.items() if rows != story.first.versions.get(table)
    }
    assert changed == {"landing.oro_inventory_levels", "landing.watermarks", "ledger.offer_progress"}
    assert story.a_partition_again.versions == story.again.versions


def test_everything_again_writes_nothing_to_orocommerce(story: Story) -> None:
    assert story.again.writes() == story.first.writes()
    for part in ("credit_notes", "inventory_levels", "orders"):
        assert story.again.state[part] == story.first.state[part]


def test_no_check_stays_announced_without_a_result(story: Story) -> None:
    """Dagster announces an unpartitioned check once per day of the run, unless it takes the run for unpartitioned."""
    storage = story.loop.instance.event_log_storage
    for key in story.loop.defs.resolve_asset_graph().asset_check_keys:
        history = storage.get_asset_check_execution_history(key, limit=100)
        # The first run was of one day, long before yesterday.
        too_early = {"FAILED"} if key.name == "every_day_was_landed" else set()
        assert {record.status.value for record in history} == {"SUCCEEDED"} | too_early, key
        assert len(history) <= 4


def test_orocommerce_holds_the_notes_and_lines_that_the_rules_give(story: Story) -> None:
    def line(row: dict[str, Any], names: dict[str, str]) -> tuple[Any, ...]:
        return tuple(amount(row[name]) for name in names)

    held = {
        note["creditNoteNumber"]: (
            note["order"],
            note["currency"],
            line(note, NOTE_AMOUNTS),
            sorted((each["sku"], each["unitCode"], line(each, LINE_AMOUNTS)) for each in note["lines"]),
        )
        for note in story.first.state["credit_notes"]
    }
    lines = defaultdict(list)
    for row in story.rules.credit_note_lines:
        amounts = tuple(amount(row[name]) for name in LINE_AMOUNTS.values())
        lines[row["credit_note_number"]].append((row["sku"], row["unit_code"], amounts))
    due = {
        note["credit_note_number"]: (
            note["order_id"],
            note["currency"],
            tuple(amount(note.get(name) or discount_of(story, note)) for name in NOTE_AMOUNTS.values()),
            sorted(lines[note["credit_note_number"]]),
        )
        for note in story.rules.credit_notes
        if note["total_amount"] != 0
    }
    assert held == due
    assert len(story.first.state["credit_notes"]) == len(held)


def discount_of(story: Story, note: dict[str, Any]) -> Decimal:
    """Return a note's discount, which the oracle has on the lines only; 0 for any other amount that is missing."""
    of_note = [
        row
        for row in story.rules.credit_note_lines
        if row["credit_note_number"] == note["credit_note_number"]
    ]
    return (
        sum((row["discount_amount"] for row in of_note), Decimal(0))
        if "discount_amount" not in note
        else Decimal(0)
    )


def test_every_level_moved_by_exactly_what_was_restocked(story: Story) -> None:
    due: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for delta in story.rules.inventory_deltas:
        if delta["restocks"]:
            due[delta["sku"], delta["unit_code"]] += delta["quantity"]
    moved = {
        (level["sku"], level["unit"]): Decimal(level["now"]) - Decimal(level["before"])
        for level in story.first.state["inventory_levels"]
        if Decimal(level["now"]) != Decimal(level["before"])
    }
    assert moved == {level: quantity for level, quantity in due.items() if quantity}
    assert story.report.units_restocked == sum(moved.values())


def test_the_summary_is_what_the_sandbox_holds(story: Story) -> None:
    notes: defaultdict[str, int] = defaultdict(int)
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    for note in story.first.state["credit_notes"]:
        notes[note["currency"]] += 1
        totals[note["currency"]] += Decimal(note["totalAmount"])
    assert {each.currency: each.total_amount for each in story.report.credited} == totals
    nothing_to_send = sum(note["total_amount"] == 0 for note in story.rules.credit_notes)
    assert sum(each.notes for each in story.report.credited) == sum(notes.values()) + nothing_to_send
    findings = {each.finding: each.count for each in story.report.notes_against_oro}
    assert findings.pop("nothing_to_send", 0) == nothing_to_send
    assert findings == {"equal": sum(notes.values())}
    assert {each.finding for each in story.report.levels_against_oro} == {"equal"}
    assert story.report.accounted_for


def test_the_summary_has_every_line_of_every_return_that_came_back(story: Story) -> None:
    received = [
        item
        for each in story.first.state["returns"]
        for item in each["document"]["item"]
        if item.get("quantity_received") != "0"
    ]
    malformed = sum(
        len(each["document"]["item"])
        for each in story.first.state["returns"]
        if each["situation"] == Situation.MISSING_DATE
    )
    assert sum(place.lines for place in story.report.destinations) >= len(received) - malformed
    assert story.report.lines_without_a_place == 0
    assert story.report.documents_unread == sum(
        name == Situation.MISSING_DATE for name in story.situations.values()
    )


@pytest.mark.parametrize("situation", [each for each, share in SHARES.items() if share.leads_to])
def test_a_situation_ends_where_the_scenario_says(story: Story, situation: Situation) -> None:
    """Those that time may heal are held first, and given up after two weeks."""
    expected = SHARES[situation].leads_to
    of_it = {return_id for return_id, name in story.situations.items() if name == situation}
    ended = {(place, reason) for return_id, place, reason in story.given_up if return_id in of_it}
    assert of_it
    if expected == AFTER_A_CREDIT:
        assert ("quarantined", expected) not in ended
    elif situation is Situation.MISSING_DATE:
        assert "malformed_document" in _unread(story, of_it)
    else:
        assert ("quarantined", expected) in ended


def _unread(story: Story, return_ids: set[str]) -> set[str]:
    rows = story.loop.rows("select return_id, reason from ledger.quarantine where resolved_at is null")
    return {reason for return_id, reason in rows if return_id in return_ids}


def test_nothing_else_is_quarantined_but_what_was_given_up(story: Story) -> None:
    patience_over = {"dispatch_timeout", "unknown_order"}
    for return_id, place, reason in story.given_up:
        share = SHARES.get(Situation(story.situations[return_id]))
        if place == "quarantined" and reason not in patience_over:
            assert share is not None
            assert share.leads_to == reason
        assert place != "held"


def test_no_order_that_has_not_left_is_credited(story: Story) -> None:
    state_of = {order["id"]: order["state"] for order in story.first.state["orders"]}
    credited = {note["order"] for note in story.first.state["credit_notes"]}
    assert credited
    assert {state_of[order_id] for order_id in credited} & NOT_GONE == set()


def test_no_order_line_is_credited_beyond_its_units(story: Story) -> None:
    lines = {line["id"]: line for order in story.first.state["orders"] for line in order["lines"]}
    units: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for note in story.first.state["credit_notes"]:
        for each in note["lines"]:
            units[each["order_line"], each["sku"]] += amount(each["quantity"])
    for (line_id, sku), quantity in units.items():
        line = lines[line_id]
        kits = units.get((line_id, line["productSku"]), Decimal(0))
        ordered = amount(line["quantity"])
        if sku == line["productSku"]:
            assert quantity <= ordered
        else:
            [part] = [part for part in line["kit_items"] if part["productSku"] == sku]
            assert quantity + kits * amount(part["quantity"]) <= ordered * amount(part["quantity"])


def test_a_day_shows_its_own_figures(story: Story) -> None:
    """A run over many days stores an event per day; the figures of the whole run at each of them would be lies."""
    rows, totals = _plotted(story, ["marts", "credit_notes"])
    assert sum(rows.values()) == len(story.rules.credit_notes)
    assert min(rows.values()) < max(rows.values())
    for each in story.report.credited:
        assert totals[f"total {each.currency}"] == pytest.approx(float(each.total_amount))
    landed, _ = _plotted(story, ["landing", "rebound_returns"])
    assert landed[story.first_day.date()] == sum(
        each["registered_at"][:10] == f"{story.first_day:%Y-%m-%d}"
        for each in story.first.state["returns"]
        if each["situation"] != Situation.MISSING_DATE
    )


def test_a_day_that_is_run_again_shows_what_it_holds_and_not_only_that_nothing_was_written(
    story: Story,
) -> None:
    day = story.first_day.date()
    [result] = story.a_partition_again.results
    told = {
        ".".join(event.asset_key.path): {name: value.value for name, value in event.metadata.items()}
        for event in result.asset_materializations_for_node("returns_decided")
        if event.asset_key
    }
    for relation in OF_A_DAY:
        [(rows,)] = story.loop.rows(
            f"select count(*) from {relation} where (registered_at at time zone 'UTC')::date = '{day}'"
        )
        assert told[relation]["rows written"] == 0, relation
        assert told[relation]["dagster/partition_row_count"] == rows, relation
        assert rows or relation == "ledger.credit_note_taxes", relation
    totals = {name: value for name, value in told["marts.credit_notes"].items() if name.startswith("total ")}
    assert totals
    assert totals.items() <= told["ledger.credit_notes"].items()


def test_assets_of_lines_say_that_documents_were_counted(story: Story) -> None:
    """18 returns received beside 25 lines would look like lines that were lost."""
    [result] = story.a_partition_again.results
    for step in ("read_rebound_returns", "read_oro_orders", "read_oro_products", "read_oro_inventory_levels"):
        for event in result.asset_materializations_for_node(step):
            assert event.metadata["documents received"].value, event.asset_key
            assert not {"received", "new", "changed", "unchanged", "malformed"} & event.metadata.keys()


def _plotted(story: Story, key: list[str]) -> tuple[dict[date, int], dict[str, float]]:
    rows: dict[date, int] = {}
    totals: defaultdict[str, float] = defaultdict(float)
    events = story.first.results[0].asset_materializations_for_node(
        "returns_decided" if key[0] == "marts" else "read_rebound_returns"
    )
    for event in events:
        if event.asset_key != dg.AssetKey(key):
            continue
        figures = {name: value.value for name, value in event.metadata.items()}
        rows[date.fromisoformat(str(event.partition))] = int(str(figures["dagster/partition_row_count"]))
        for name, value in figures.items():
            if name.startswith("total "):
                totals[name] += float(str(value))
    return rows, totals
