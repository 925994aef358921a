"""Landing: against a bare COPY of the same bytes, against dlt over HTTP, and how much memory it takes."""

import json
import os
import subprocess
import sys
from concurrent.futures import Executor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks.bench.lab import Figure, Lab, middle, seconds
from benchmarks.bench.pages import PER_PAGE, page, serving
from benchmarks.bench.read_pages import read_page
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.reading import read_chunks, reading_processes
from rebound_oro_pipeline.warehouse.landing import land_returns

PEER: Final = Path(__file__).parents[1] / "peers" / "dlt_pages.py"
MARCH: Final = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


def measure(lab: Lab, python: Path | None) -> None:
    """Add the figures of landing; `python` is the interpreter that has dlt, if there is one."""
    pages = max(int(1_000 * lab.scale), 3)
    _against_copy(lab, pages)
    _over_http(lab, python, pages)
    _memory(lab)


def _against_copy(lab: Lab, count: int) -> None:
    pages = [page(number, count, PER_PAGE, count) for number in range(1, count + 1)]
    ratios = []
    ours = []
    with reading_processes(1) as pool:
        pool.submit(read_page, pages[0]).result()
        for _ in range(lab.repeats):
            with lab.database() as (_, conn):
                conn.execute("create table public.pages (document jsonb)")
                conn.commit()
                copied = seconds(lambda conn=conn: _copy(conn, pages))
                ours.append(seconds(lambda conn=conn: _land(conn, pages, pool)))
                ratios.append(ours[-1] / copied)
    lab.note(
        Figure(
            "landing, bytes in hand → raw and typed, validated ÷ COPY of the bytes to one jsonb column",
            middle(ratios),
            2,
            note=f"{middle(ours) / (count * PER_PAGE) * 1e6:.0f} µs a return of three lines",
        )
    )


def _copy(conn: psycopg.Connection, pages: list[bytes]) -> None:
    with conn.cursor().copy("copy public.pages from stdin") as copy:
        for each in pages:
            copy.write_row((each.decode(),))
    conn.commit()


def _land(conn: psycopg.Connection, pages: list[bytes], pool: Executor) -> None:
    documents = read_chunks(read_page, pages, pool)
    land_returns(conn, documents, source="api", landed_by="bench", landed_at=datetime.now(UTC))
    conn.commit()


def _over_http(lab: Lab, python: Path | None, pages: int) -> None:
    ours: list[float] = []
    with_deciding: list[float] = []
    theirs: dict[str, list[float]] = {"rest_api": [], "arrow": []}
    with serving(pages) as url:
        for _ in range(lab.repeats):
            with lab.database() as (name, conn):
                ours.append(_run_ours(lab, url, name)["seconds"])
                conn.commit()
                decided, _ = lab.decide(conn, MARCH)
                with_deciding.append(ours[-1] + decided)
            for kind, times in theirs.items() if python else ():
                with lab.database() as (name, _):
                    times.append(_run_dlt(lab, [str(python), str(PEER), kind, url], name, pages))
    lab.note(Figure(f"{pages:,} chained pages landed, raw and typed", middle(ours), unit="s"))
    if not python:
        return
    for kind, own, goal, what in (
        ("rest_api", ours, 6.0, "dlt 1.31 rest_api (parquet, 2 workers) ÷ our landing"),
        ("rest_api", with_deciding, 3.0, "dlt 1.31 rest_api ÷ our landing and deciding"),
        ("arrow", ours, 1.5, "Arrow-fed dlt ÷ our landing"),
    ):
        lab.note(
            Figure(
                f"{pages:,} chained pages: {what}",
                middle(theirs[kind]) / middle(own),
                goal,
                at_least=True,
                note=f"{middle(theirs[kind]):.1f} s against {middle(own):.1f} s",
            )
        )


def _run_ours(lab: Lab, url: str, database: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench.read_pages", url, lab.server.url(database)],
        check=True, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _run_dlt(lab: Lab, command: list[str], database: str, pages: int) -> float:
    folder = lab.folder / f"dlt-{database}"
    done = subprocess.run(
        [*command, lab.server.url(database), folder],
        check=True, capture_output=True, text=True, timeout=600, env={**os.environ, "PAGES": str(pages)},
    )  # fmt: skip
    return float(json.loads(done.stdout.splitlines()[-1])["seconds"])


def _memory(lab: Lab) -> None:
    """Measure pages of ten returns: a hundred, and a hundred times as many (less at a smaller scale)."""
    peaks = []
    many = max(int(10_000 * lab.scale), 200)
    for pages in (100, many):
        with serving(pages, 10, modulo=100) as url, lab.database() as (name, _):
            peaks.append(_run_ours(lab, url, name)["peak_mib"])
    lab.note(Figure(f"peak memory while landing, {many:,} pages ÷ 100 pages", peaks[1] / peaks[0], 1.1))
    lab.note(Figure(f"peak memory while landing {many:,} pages", peaks[1], 120, unit="MiB"))
