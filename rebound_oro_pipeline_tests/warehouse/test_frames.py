"""Previews for people: exact, in the window, and short."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd
import psycopg

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.warehouse.frames import as_markdown, rows_of

DAY = Window.day(date(2026, 11, 1))


def _hold(conn: psycopg.Connection, subject: str, day: int) -> None:
    conn.execute(
        "insert into ledger.holds (subject, reason, return_id, return_line_key, quantity, registered_at, held_since,"
        " attempts, next_check_at, changed_at) values (%s, 'unknown_order', 'R', %s, 1.50, %s, now(), 1, now(), now())",
        (subject, subject, datetime(2026, 11, day, tzinfo=UTC)),
    )


def test_rows_of_the_window_come_with_exact_decimals(conn: psycopg.Connection) -> None:
    for number in range(3):
        _hold(conn, f"in-{number}", 1)
    _hold(conn, "out", 2)
    conn.commit()
    frame = rows_of(conn, "ledger.holds", DAY)
    assert sorted(frame["subject"]) == ["in-0", "in-1", "in-2"]
    assert list(frame["quantity"]) == [Decimal("1.50")] * 3


def test_a_preview_is_short_and_says_what_it_leaves_out(conn: psycopg.Connection) -> None:
    for number in range(3):
        _hold(conn, f"in-{number}", 1)
    conn.commit()
    text = as_markdown(rows_of(conn, "ledger.holds", DAY), rows=2)
    assert "1.50" in text
    assert text.endswith("… and 1 more")


def test_an_empty_table_is_said_to_be_empty(conn: psycopg.Connection) -> None:
    assert as_markdown(rows_of(conn, "ledger.holds", DAY)) == "nothing"


def test_text_does_not_shift_the_columns_of_a_preview() -> None:
    shown = as_markdown(pd.DataFrame({"sku": ["A|B", "two\nlines"], "quantity": ["1", "2"]})).splitlines()
    assert len(shown) == 4
    assert [line.replace(r"\|", "").count("|") for line in shown] == [3] * 4
