"""Land chained pages from an address, in a process of its own, so that its memory can be measured.

    python -m benchmarks.bench.land_pages URL DATABASE_URL

The next page is fetched while the last one is read and written. Prints {"seconds", "documents", "peak_mib"}.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from rebound_oro_pipeline.contracts.documents import parse
from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.rebound import ReturnDocument, read_return
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.landing import land_returns


def chained(url: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the documents of every page; one page is always on its way."""
    with httpx.Client() as client, ThreadPoolExecutor(1) as pool:

        def fetch(number: int) -> dict[str, Any]:
            return dict(parse(client.get(f"{url}?page={number}").raise_for_status().content))

        answer = pool.submit(fetch, 1)
        while True:
            page = answer.result()
            if page["next"] is not None:
                answer = pool.submit(fetch, page["next"])
            yield page["data"]
            if page["next"] is None:
                return


def documents(url: str) -> Iterator[ReturnDocument | Fault]:
    """Yield the documents of all pages, read and validated."""
    for page in chained(url):
        for document in page:
            yield read_return(document, default_mapping())


def main(url: str, database_url: str) -> None:
    """Land, and print the figures."""
    started = time.perf_counter()
    with connect(database_url) as conn:
        landed = land_returns(
            conn, documents(url), source="api", landed_by="bench", landed_at=datetime.now(UTC)
        )
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "documents": landed.received, "peak_mib": peak_mib()}))


def peak_mib() -> float:
    """Return the most memory that this process ever had."""
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage says begins with what the process had that started this one, all pages of the benchmark.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
