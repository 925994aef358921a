"""`make storm`: kills, a storm and two processes at once, each judged by the sandbox's own state; prints a report.

    python -m benchmarks.storm [--returns 10000] [--kills 50] [--paired 400]

1. The pipeline is killed with SIGKILL at seeded points of every stage and run again plainly, `--kills` times.
2. `--returns` returns are landed, decided and pushed in calm weather, then anew in a storm of faults.
3. `--paired` returns are pushed by one process and by two, against a shop as slow as a small one.

Exit status 1 if anything arrived twice, not at all, or with other amounts.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import uuid4

import stamina
from psycopg import sql

from rebound_oro_pipeline.services.private_database import drop_database
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres
from rebound_oro_pipeline.warehouse.migrate import migrate
from rebound_oro_pipeline_tests.conftest import FOLDERS, SERVER_SETTINGS
from rebound_oro_pipeline_tests.end_to_end import stages
from rebound_oro_pipeline_tests.end_to_end.crash import crashes
from rebound_oro_pipeline_tests.end_to_end.stages import Place
from rebound_oro_pipeline_tests.end_to_end.storm import Weathered, weather
from rebound_oro_pipeline_tests.end_to_end.verdict import Expected, differences, expected
from rebound_oro_pipeline_tests.sandbox_process import Box, sandbox

DAYS = 30
MIGRATED = "migrated"
CLAIMED = 25
"""Messages that a worker takes at once: fewer than in production, so that more requests can fail."""
SHOWN = 5


class Server:
    """A PostgreSQL of its own, with a migrated database to copy.

    Set up as the tests' own: what is killed are processes of the pipeline, not the server.
    """

    def __init__(self, home: Path) -> None:
        self._server = EmbeddedPostgres(home, settings=SERVER_SETTINGS)
        self._server.start()
        self._admin = self._server.url("postgres")
        with connect(self._admin, autocommit=True) as admin:
            admin.execute(sql.SQL("create database {}").format(sql.Identifier(MIGRATED)))
        migrate(self._server.url(MIGRATED))

    def clone(self, name: str) -> AbstractContextManager[str]:
        """Copy a database, give the copy's URL, and drop it in the end."""

        @contextmanager
        def cloned() -> Iterator[str]:
            copy = f"copy_{uuid4().hex}"
            names = {"copy": sql.Identifier(copy), "name": sql.Identifier(name)}
            with connect(self._admin, autocommit=True) as admin:
                admin.execute(
                    sql.SQL("create database {copy} template {name} strategy file_copy").format(**names)
                )
                yield self._server.url(copy)
                drop_database(admin, copy)

        return cloned()

    def remove(self) -> None:
        """Stop it and delete its files."""
        self._server.remove()


def kills(server: Server, home: Path, count: int) -> bool:
    """Kill and run again, so many times; return whether all was well."""
    begun = time.monotonic()
    with crashes(home, server.clone, MIGRATED, returns=20) as ready:
        trials = [ready.trial(seed) for seed in range(count)]
    faulty = [trial for trial in trials if trial.faults]
    hit = Counter(trial.stage for trial in trials if trial.was_killed)
    print(f"\nkill -9: {count} seeded points in {time.monotonic() - begun:.0f} s, then a plain second run")
    print(
        f"  processes killed: {sum(hit.values())} ({', '.join(f'{n} {stage}' for stage, n in hit.items())})"
    )
    print(f"  notes or levels that differ afterwards: {len(faulty)} trials")
    for trial in faulty:
        print(f"  {trial.stage} at {trial.kill_at}: {'; '.join(trial.faults[:SHOWN])}")
    return not faulty


def storm(server: Server, home: Path, returns: int) -> bool:
    """Run so many returns in calm weather, then in a storm; return whether both were exact."""
    with sandbox(home, seed=5, orders=returns * 6 // 5, returns=returns, days=DAYS) as box:
        wanted = expected(box)
        units = sum(wanted.added.values())
        print(f"\n{returns} returns: {len(wanted.notes)} notes and {units} units are due, says the oracle")
        calm, calm_faults = _in_weather(server, box, wanted, stormy=False)
        box.control("reset")
        wild, wild_faults = _in_weather(server, box, wanted, stormy=True)
    for name, weathered, faults in (("calm", calm, calm_faults), ("storm", wild, wild_faults)):
        parts = ", ".join(f"{part} {seconds:.1f} s" for part, seconds in weathered.seconds.items())
        print(f"  {name}: {weathered.total:.1f} s ({parts}); differences: {len(faults)}")
        for each in weathered.pushed:
            print(
                f"    a process: {each.confirmed} confirmed in {each.write_requests} writes, {each.runs} runs"
            )
        for fault in faults[:SHOWN]:
            print(f"    {fault}")
    print(f"  faults: {', '.join(f'{count} {kind}' for kind, count in wild.faults.items())}; tokens expired")
    print(f"  overhead of the storm: {wild.total / calm.total:.1f} times the calm run")
    return not calm_faults and not wild_faults


def _in_weather(server: Server, box: Box, wanted: Expected, *, stormy: bool) -> tuple[Weathered, list[str]]:
    with server.clone(MIGRATED) as url:
        place = Place.of(box, url, DAYS, claim_limit=CLAIMED)
        stages.prepare(place)
        weathered = weather(box, place, stormy=stormy, processes=2)
    return weathered, differences(box, wanted)


def pairs(server: Server, home: Path, returns: int) -> bool:
    """Push the same by one process and by two, to a shop with latency; return whether both were exact."""
    exact = True
    print(f"\n{returns} returns pushed to a shop as slow as a small one, by one thread a process")
    with sandbox(home, seed=6, orders=returns * 6 // 5, returns=returns, days=DAYS, latency_scale=1) as box:
        wanted = expected(box)
        for processes in (1, 2):
            box.control("reset")
            with server.clone(MIGRATED) as url:
                place = Place.of(box, url, DAYS, claim_limit=20, workers=1)
                stages.prepare(place)
                weathered = weather(box, place, stormy=False, processes=processes)
            faults = differences(box, wanted)
            exact = exact and not faults
            seconds = max(each.seconds for each in weathered.pushed)
            messages = sum(each.confirmed for each in weathered.pushed)
            print(
                f"  {processes} process(es): {messages} messages in {seconds:.1f} s, "
                f"{messages / seconds:.0f} a second; differences: {len(faults)}"
            )
    return exact


def main() -> int:
    """Run everything that is asked for; return the exit status."""
    parser = argparse.ArgumentParser(prog="make storm", description=__doc__.partition("\n")[0])
    parser.add_argument("--returns", type=int, default=10_000, help="returns in the storm; 0: none")
    parser.add_argument(
        "--kills", type=int, default=50, help="points at which the pipeline is killed; 0: none"
    )
    parser.add_argument(
        "--paired", type=int, default=400, help="returns pushed by one and by two processes; 0: none"
    )
    options = parser.parse_args()
    stamina.instrumentation.set_on_retry_hooks([])
    exact = True
    with tempfile.TemporaryDirectory(prefix="rebound-oro-storm-", dir=FOLDERS) as folder:
        home = Path(folder)
        home.chmod(0o755)
        server = Server(home)
        try:
            if options.kills:
                exact &= kills(server, home / "kills", options.kills)
            if options.returns:
                exact &= storm(server, home / "storm", options.returns)
            if options.paired:
                exact &= pairs(server, home / "pairs", options.paired)
        finally:
            server.remove()
    print("\neverything arrived once" if exact else "\nNOT EVERYTHING ARRIVED ONCE")
    return 0 if exact else 1


if __name__ == "__main__":
    sys.exit(main())
