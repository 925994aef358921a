"""Deciding: against the floor of its joins, against DuckDB, as work and history grow, and again unchanged."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

import psycopg

from benchmarks.bench.lab import Figure, Lab, middle, rows_written, seconds
from benchmarks.generate import Batch, write_batch, write_products
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.warehouse.statements import load

YEAR: Final = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
PEER: Final = Path(__file__).parents[1] / "peers" / "duckdb_decide.py"
FLOORS: Final = 3


def measure(lab: Lab, python: Path | None) -> None:
    """Add the figures of deciding; `python` is the interpreter that has DuckDB, if there is one."""
    sizes = [lab.lines(30_000), lab.lines(300_000)] + ([lab.lines(3_000_000)] if lab.large else [])
    per_line: dict[int, float] = {}
    for size in sizes:
        per_line[size] = _one_size(
            lab, size, python if size == sizes[1] else None, with_history=size >= sizes[1]
        )
    for smaller, larger in pairwise(sizes):
        lab.note(
            Figure(
                f"decide, cost per line, {larger:,} ÷ {smaller:,} lines",
                per_line[larger] / per_line[smaller],
                1.3,
                note=f"{per_line[smaller] * 1e6:.0f} and {per_line[larger] * 1e6:.0f} µs a line",
            )
        )


def _one_size(lab: Lab, size: int, peer: Path | None, *, with_history: bool) -> float:
    batch = Batch(1, size, YEAR)
    firsts: list[float] = []
    agains: list[float] = []
    ratios: list[float] = []
    with lab.database() as (template, made):
        write_products(made)
        write_batch(made, batch)
        rows = count_lines(made)
        made.close()
        written = 0
        repeats = lab.repeats if size <= 300_000 else 1
        for turn in range(repeats):
            with lab.database(template) as (_, conn):
                floor = middle([seconds(lambda conn=conn: _floor(conn)) for _ in range(FLOORS)])
                conn.rollback()
                first, _ = lab.decide(conn, YEAR)
                again, decision = lab.decide(conn, YEAR)
                firsts.append(first)
                agains.append(again)
                ratios.append(first / floor)
                written = max(written, rows_written(decision))
                if with_history and turn == repeats - 1:
                    _with_history(lab, conn, batch)
        lab.note(
            Figure(
                f"decide ÷ its joins and one running window, {rows:,} lines",
                middle(ratios),
                6,
                note=f"{middle(firsts):.2f} s; floor {middle(firsts) / middle(ratios):.2f} s",
            )
        )
        lab.note(Figure(f"unchanged re-run of {rows:,} lines: rows written", written, 0))
        lab.note(
            Figure(
                f"unchanged re-run of {rows:,} lines: time ÷ first run",
                middle([again / first for again, first in zip(agains, firsts, strict=True)]),
                1 / 3,
            )
        )
        if peer is not None:
            _against_duckdb(lab, template, peer, middle(firsts))
    return middle(firsts) / rows


def _floor(conn: psycopg.Connection) -> None:
    conn.execute(load("floor", "benchmarks")["floor"], {"start": YEAR.start, "end": YEAR.end})


def count_lines(conn: psycopg.Connection) -> int:
    """Count the return lines that landed."""
    row = conn.execute("select count(*) from landing.rebound_return_lines").fetchone()
    return int(row[0]) if row else 0


def _against_duckdb(lab: Lab, template: str, python: Path, ours: float) -> None:
    times = []
    for _ in range(lab.repeats):
        with lab.database(template) as (name, conn):
            conn.close()
            done = subprocess.run(
                [python, PEER, lab.server.url(name)], check=True, capture_output=True, text=True, timeout=300
            )
            times.append(json.loads(done.stdout)["seconds"])
    lab.note(
        Figure(
            "decide ÷ the core rules in DuckDB from and to the same PostgreSQL",
            ours / middle(times),
            1.5,
            note=f"DuckDB {middle(times):.2f} s; ours keeps the ledger, its guards, the outbox and the checks besides",
        )
    )


def _with_history(lab: Lab, much: psycopg.Connection, earlier: Batch) -> None:
    """Measure a batch, and a day, where all of the earlier lines are decided; and with little history or none."""
    batch_lines, day_lines = lab.lines(20_000), lab.lines(3_000)
    small = Batch(1, batch_lines, YEAR)
    with lab.database() as (_, little), lab.database() as (_, none):
        for conn in (little, none):
            write_products(conn)
        write_batch(little, small)
        lab.decide(little, YEAR)
        after = _after(much, little, none)
        claims = _claims(much)
        batches: list[float] = []
        days: list[float] = []
        for turn in range(lab.repeats):
            first = earlier.returns + 1 + turn * 20_000
            window = _day(turn)
            times = {}
            for name, conn in after.items():
                if name == "none":
                    continue
                write_batch(conn, Batch(first, batch_lines, window))
                times[name], _ = lab.decide(conn, window)
            batches.append(times["much"] / times["little"])
        for turn in range(lab.repeats):
            first = earlier.returns + 1 + (lab.repeats + turn) * 20_000
            window = _day(lab.repeats + turn)
            times = {}
            for name in ("much", "none"):
                write_batch(after[name], Batch(first, day_lines, window))
                times[name], _ = lab.decide(after[name], window)
            days.append(times["much"] / times["none"])
    lab.note(
        Figure(
            f"a batch of {batch_lines:,} lines against {claims:,} earlier credits ÷ against {batch_lines:,}",
            middle(batches),
            2.5,
        )
    )
    lab.note(
        Figure(
            f"a day of {day_lines:,} lines with a year of history ({claims:,} credits) ÷ the same day alone",
            middle(days),
            1.3,
        )
    )


def _after(
    much: psycopg.Connection, little: psycopg.Connection, none: psycopg.Connection
) -> dict[str, psycopg.Connection]:
    return {"much": much, "little": little, "none": none}


def _day(number: int) -> Window:
    start = YEAR.end + timedelta(days=number)
    return Window(start, start + timedelta(days=1))


def _claims(conn: psycopg.Connection) -> int:
    row = conn.execute("select count(*) from ledger.claims").fetchone()
    return int(row[0]) if row else 0
