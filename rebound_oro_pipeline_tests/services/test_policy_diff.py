"""A window under two policies: which notes would change and by how much, with nothing written."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.policy_diff import PlaceChange, PolicyDiff, ShelfChange, policy_diff
from rebound_oro_pipeline.warehouse import reference
from rebound_oro_pipeline_tests.prepared import models
from rebound_oro_pipeline_tests.rules.deciding import DECIDED_AT
from rebound_oro_pipeline_tests.rules.generate import Habits
from rebound_oro_pipeline_tests.rules.generate import shop as made_shop
from rebound_oro_pipeline_tests.rules.laws import POLICIES
from rebound_oro_pipeline_tests.rules.price import Row, Sale, order_document
from rebound_oro_pipeline_tests.rules.sql_runner import Landed, land, landed
from rebound_oro_pipeline_tests.services.operators_shop import NOW, a_return, open_shop, order

SECOND_DAY = Window(datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC))
NOVEMBER = Window.days(NOW.date().replace(day=1), NOW.date().replace(day=30))
CONTENT = """
select relation, md5(string_agg(content, chr(10) order by content)) from (
    select 'notes' as relation, to_jsonb(notes)::text as content from ledger.credit_notes as notes
    union all select 'claims', to_jsonb(claims)::text from ledger.claims as claims
    union all select 'policies', to_jsonb(policies)::text from reference.policies as policies
    union all select 'messages', to_jsonb(messages)::text from outbox.messages as messages
) as rows group by relation order by relation
"""


@pytest.fixture
def shop(conn: psycopg.Connection) -> psycopg.Connection:
    """Three shirts of one order in three returns, two of them in November; one is damaged."""
    open_shop(
        conn,
        [order(), order(2)],
        [
            a_return("R1", date_added="2026-10-31T10:00:00Z"),
            a_return("R2"),
            a_return("R3", {"final_disposition": "damaged", "reason": [{"reason": "late"}]}),
            a_return("R4", order_reference="ORD-2", current_tracking_status="at_hub"),
        ],
    )
    return conn


@pytest.fixture
def compare(shop: psycopg.Connection, database_url: str) -> Any:
    """Return a function that compares a policy with the default, and finds the database as it was."""

    def compare(proposed: dict[str, Any], window: Window = NOVEMBER) -> PolicyDiff:
        before = shop.execute(CONTENT).fetchall()
        found = policy_diff(
            shop,
            database_url,
            models(),
            window,
            in_force=Policy(),
            proposed=Policy.model_validate(proposed),
            now=NOW,
        )
        assert shop.execute(CONTENT).fetchall() == before
        return found

    return compare


def test_the_policy_in_force_changes_nothing(compare: Any) -> None:
    found = compare({})
    assert found.is_empty
    [usd] = found.currencies
    assert (usd.currency, usd.notes_in_force, usd.total_proposed) == ("USD", 2, Decimal("20.00"))
    assert usd.difference == 0


def test_a_fee_changes_the_notes_of_its_reason(compare: Any) -> None:
    found = compare({"credit": {"restocking_fee": {"unwanted": {"percent": "10"}}}})
    [note] = found.notes
    assert (note.credit_note_number, note.currency, note.difference) == ("R2-ORD-1", "USD", Decimal("-1.00"))
    assert note.in_force["fee_amount"] == 0
    assert note.proposed["fee_amount"] == Decimal("1.00")
    assert not found.places
    assert not found.shelf
    assert [each.difference for each in found.currencies] == [Decimal("-1.00")]


def test_an_earlier_milestone_credits_what_waits(compare: Any) -> None:
    found = compare({"credit": {"milestone": "at_hub"}})
    [note] = found.notes
    assert (note.credit_note_number, note.in_force, note.difference) == ("R4-ORD-2", None, Decimal("10.00"))
    assert found.places == (PlaceChange("R4", "R4:SHIRT:1", ("1 waiting",), ("1 credited",)),)


def test_what_is_saleable_changes_the_shelf(compare: Any) -> None:
    found = compare({"stock": {"saleable": ["restock", "damaged"]}})
    assert not found.notes
    assert found.shelf == (ShelfChange("SHIRT", "item", Decimal(1), Decimal(2)),)


def test_earlier_returns_keep_their_units(shop: psycopg.Connection, compare: Any) -> None:
    """Else a fourth shirt would be credited in November, because October's return is not of this window."""
    land(shop, [], [a_return("R5", date_added="2026-11-02T10:00:00Z")])
    shop.commit()
    found = compare({"credit": {"milestone": "created"}})
    assert [note.credit_note_number for note in found.notes] == ["R4-ORD-2"]


def test_an_order_that_changed_after_its_credit_goes_on_by_the_kept_figures(
    shop: psycopg.Connection, compare: Any
) -> None:
    shop.execute("update landing.oro_orders set total_value = 1, document_hash = 'other'")
    shop.commit()
    found = compare({"credit": {"restocking_fee": {"late": {"flat": "1"}}}})
    assert [(note.credit_note_number, note.difference) for note in found.notes] == [("R3-ORD-1", Decimal(-1))]


def test_an_order_that_was_credited_before_the_window_goes_on_by_the_kept_figures(
    conn: psycopg.Connection, database_url: str
) -> None:
    """Whichever policy explained it then: neither of the two is asked to explain it again."""
    shirts = Row("SHIRT", Decimal(3), Decimal("10.00"), Decimal("0.1"))
    untold = order_document(Sale("1", "ORD-1", (shirts,), with_row_totals=False))
    by_value = Policy.model_validate({"tax": {"without_rows": "by_value"}})
    open_shop(conn, [untold], [a_return("R1", date_added="2026-10-31T10:00:00Z")], by_value)
    land(conn, [], [a_return("R2")])
    conn.commit()
    found = policy_diff(
        conn,
        database_url,
        models(),
        NOVEMBER,
        in_force=Policy(),
        proposed=Policy.model_validate({"credit": {"restocking_fee": {"*": {"percent": "10"}}}}),
        now=NOW,
    )
    assert [(note.credit_note_number, note.difference) for note in found.notes] == [
        ("R2-ORD-1", Decimal("-1.10"))
    ]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_both_sides_are_what_a_decision_under_that_policy_gives(
    conn: psycopg.Connection, database_url: str, number: int
) -> None:
    """On a generated shop with kits, units, aliases and orders that several returns share, over a part of its days."""
    made = made_shop(number, 120, Habits(mild=False, days=4))
    expected = []
    for policy in (POLICIES[0], POLICIES[number]):
        with landed(
            conn, made.orders, made.returns, products=made.products, aliases=made.aliases, policy=POLICIES[0]
        ) as there:
            there.decide([(datetime(2000, 1, 1, tzinfo=UTC), SECOND_DAY.start)])
            version = reference.save_policy(conn, Policy.model_validate(policy).document())
            rows = Landed(conn, version).decide([(SECOND_DAY.start, SECOND_DAY.end)]).credit_notes
            expected.append(
                {
                    row["credit_note_number"]: row["total_amount"]
                    for row in rows
                    if row["registered_at"] in SECOND_DAY
                }
            )
    for alias, sku in made.aliases:
        reference.add_alias(conn, alias, sku, added_by="test")
    land(conn, made.orders, made.returns, made.products)
    conn.commit()
    found = policy_diff(
        conn,
        database_url,
        models(),
        SECOND_DAY,
        in_force=Policy.model_validate(POLICIES[0]),
        proposed=Policy.model_validate(POLICIES[number]),
        now=DECIDED_AT,
    )
    before, after = expected
    assert sum(each.notes_in_force for each in found.currencies) == len(before) > 10
    changed = {note.credit_note_number: note for note in found.notes}
    assert changed
    for name in {**before, **after}:
        if name in changed:
            note = changed[name]
            assert note.difference == after.get(name, 0) - before.get(name, 0)
            assert (note.in_force is None, note.proposed is None) == (name not in before, name not in after)
        else:
            assert before[name] == after[name]
