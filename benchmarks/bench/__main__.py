"""`make bench`: measures the whole table in one run on one machine, as ratios, and writes it as markdown.

    python -m benchmarks.bench [--quick] [--large] [--only deciding,landing,asking,pushing,orchestrating] [--out FILE]

`--quick` takes a hundredth of the data once, to see that everything runs; `--large` adds three million return lines.
`--only growing` decides three million returns, which no other run does.
Peers (dlt, DuckDB) run in `.venv-bench`; without it their lines are left out and named.
"""

import argparse
import importlib
import os
import platform
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.bench.lab import Figure, Lab, open_lab

PARTS = ("deciding", "landing", "asking", "pushing", "orchestrating")
ROOT = Path(__file__).parents[2]


def main() -> int:
    """Run the parts that are asked for; return 0."""
    parser = argparse.ArgumentParser(prog="benchmarks.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("bench.md"))
    options = parser.parse_args()
    python = ROOT / ".venv-bench" / "bin" / "python"
    peer = python if python.exists() else None
    started = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server is removed
    with open_lab(
        repeats=1 if options.quick else options.repeats,
        scale=0.01 if options.quick else options.scale,
        large=options.large,
    ) as lab:
        for part in options.only.split(","):
            print(f"== {part}, after {time.monotonic() - started:.0f} s", flush=True)
            module = importlib.import_module(f"benchmarks.bench.{part}")
            module.measure(lab, peer)
        options.out.write_text(table(lab, time.monotonic() - started, peer), encoding="utf-8")
    return 0


def table(lab: Lab, seconds: float, peer: Path | None) -> str:
    """Return the figures as markdown, with the machine they were measured on."""
    with lab.database() as (_, conn):
        row = conn.execute("show server_version").fetchone()
    lines = [
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} processors ({processor()}), Python "
        f"{platform.python_version()}, PostgreSQL {row[0] if row else '?'}; medians of {lab.repeats}, data at "
        f"{lab.scale:g} of full scale; load of the machine at the end {os.getloadavg()[1]:.1f}; {seconds:.0f} s in all."
        + ("" if peer else " Without the peers: `.venv-bench` is not there."),
        "",
        "| measure | value | goal | |",
        "|---|---|---|---|",
        *(_line(figure) for figure in lab.figures),
    ]
    return "\n".join(lines) + "\n"


def _line(figure: Figure) -> str:
    goal = "" if figure.goal is None else f"{'≥' if figure.at_least else '≤'} {figure.goal:.3g}"
    note = f" ({figure.note})" if figure.note else ""
    return f"| {figure.measure}{note} | {figure.value:.3g} {figure.unit} | {goal} | {figure.verdict} |"


def processor() -> str:
    """Return the name of the processor, where the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
