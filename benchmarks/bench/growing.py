"""Growing: three million returns, a million at a time into one database, and what they take on the disk.

Not among the parts that are measured without being named: it takes three quarters of an hour and 60 GB.
"""

from datetime import timedelta
from pathlib import Path
from typing import Final

import psycopg

from benchmarks.bench.deciding import YEAR, count_lines
from benchmarks.bench.lab import Figure, Lab
from benchmarks.generate import LINES_PER_RETURN, Batch, write_batch, write_products
from rebound_oro_pipeline.contracts.window import Window

WINDOWS: Final = 3


def measure(lab: Lab, _python: Path | None) -> None:
    """Add, for each window of a million returns, the time per return, and the bytes per line in the end."""
    with lab.database() as (_, conn):
        write_products(conn)
        lines = lab.lines(1_000_000 * LINES_PER_RETURN)
        first, landed, total = 1, 0, 0.0
        for turn in range(WINDOWS):
            window = Window(
                YEAR.start + turn * timedelta(days=365), YEAR.start + (turn + 1) * timedelta(days=365)
            )
            batch = Batch(first, lines, window)
            write_batch(conn, batch)
            taken, _ = lab.decide(conn, window)
            first += batch.returns
            landed, earlier = count_lines(conn), landed
            total += taken
            lab.note(
                Figure(
                    f"decide, {batch.returns:,} returns ({landed - earlier:,} lines), {earlier:,} lines decided before",
                    taken / batch.returns * 1000,
                    unit="ms a return",
                    note=f"{taken:.0f} s, {taken / (landed - earlier) * 1e6:.0f} µs a line; {total:.0f} s so far",
                )
            )
        for schema, size in _sizes(conn):
            lab.note(
                Figure(
                    f"on the disk, {schema}", size / landed, unit="bytes a line", note=f"{size / 1e9:.1f} GB"
                )
            )


def _sizes(conn: psycopg.Connection) -> list[tuple[str, int]]:
    rows = conn.execute(
        "select relnamespace::regnamespace::text, sum(pg_total_relation_size(oid))::bigint from pg_class"
        " where relkind in ('r', 'm') and relnamespace::regnamespace::text"
        " in ('landing', 'intermediate', 'ledger', 'outbox', 'marts') group by 1 order by 1"
    )
    return [(schema, size) for schema, size in rows]
