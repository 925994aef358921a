"""The outbox's states: every transition that is drawn, and no other."""

import re
from itertools import product
from pathlib import Path

import psycopg
import pytest

from rebound_oro_pipeline.warehouse import outbox
from rebound_oro_pipeline.warehouse.outbox import MessageState

DRAWING = Path(__file__).parents[2] / "docs" / "outbox.md"


def drawn_transitions() -> set[tuple[str, str]]:
    arrow = re.compile(r"^\s+(\w+) --> (\w+)", re.MULTILINE)
    text = DRAWING.read_text(encoding="utf-8")
    chart = text[text.index("stateDiagram-v2") :].partition("```")[0]
    states = set(MessageState)
    return {(start, end) for start, end in arrow.findall(chart) if {start, end} <= states}


def test_the_database_allows_exactly_the_transitions_that_the_documentation_draws(
    conn: psycopg.Connection,
) -> None:
    allowed = {
        (before, after)
        for before, after in product(MessageState, repeat=2)
        if conn.execute(
            "select outbox.is_transition(%s::outbox.message_state, %s::outbox.message_state)", (before, after)
        ).fetchone()
        == (True,)
    }
    assert allowed == drawn_transitions()


def test_the_enum_and_the_database_know_the_same_states(conn: psycopg.Connection) -> None:
    rows = conn.execute("select unnest(enum_range(null::outbox.message_state))::text").fetchall()
    assert {state for (state,) in rows} == set(MessageState)


def test_a_confirmed_message_cannot_be_sent_again(conn: psycopg.Connection) -> None:
    conn.execute(
        """
        insert into outbox.messages
            (kind, business_key, ordering_key, registered_at, payload, state, confirmed_at)
        values ('oro_credit_note', 'N-1', '1', now(), '{}', 'confirmed', now())
        """
    )
    with pytest.raises(psycopg.errors.CheckViolation, match="confirmed cannot become pending"):
        conn.execute("update outbox.messages set state = 'pending', confirmed_at = null")


def test_a_confirmed_note_can_be_doubted_and_a_confirmed_stock_delta_cannot(conn: psycopg.Connection) -> None:
    for kind in ("oro_credit_note", "oro_inventory_delta"):
        conn.execute(
            """
            insert into outbox.messages
                (kind, business_key, ordering_key, registered_at, payload, state, confirmed_at)
            values (%s, 'N-1', '1', now(), '{}', 'confirmed', now())
            """,
            (kind,),
        )
    assert outbox.recheck(conn, "oro_credit_note", ["N-1"], actor="maria", reason="deleted by hand") == [
        "N-1"
    ]
    assert outbox.due(conn, "oro_credit_note") == 1
    with pytest.raises(psycopg.errors.CheckViolation, match="is in its level for good"):
        outbox.recheck(conn, "oro_inventory_delta", ["N-1"], actor="maria", reason="why not")


@pytest.mark.parametrize(
    "statement", ["update outbox.audit_log set actor = 'x'", "delete from outbox.audit_log"]
)
def test_the_audit_log_can_only_grow(conn: psycopg.Connection, statement: str) -> None:
    conn.execute("insert into outbox.audit_log (actor, action, subject) values ('a', 'b', 'c')")
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        conn.execute(statement)
