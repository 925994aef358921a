"""Land chained pages from an address, in processes of its own, so that their memory can be measured.

    python -m benchmarks.bench.land_pages URL DATABASE_URL

The next pages are fetched while another process reads those before, and one writes what it has read. Prints
{"seconds", "documents", "peak_mib"}: the clock runs from before the process that reads is started, and the memory is
the sum of what both processes had at most.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx

from rebound_oro_pipeline.contracts.documents import parse
from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.rebound import ReturnDocument, read_return
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.services.reading import read_chunks, reading_processes
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.landing import land_returns


def chained(url: str) -> Iterator[bytes]:
    """Yield every page; one is always on its way."""
    with httpx.Client() as client, ThreadPoolExecutor(1) as pool:

        def fetch(number: int) -> tuple[bytes, int | None]:
            content = client.get(f"{url}?page={number}").raise_for_status().content
            return content, parse(content)["next"]

        answer = pool.submit(fetch, 1)
        while True:
            content, following = answer.result()
            if following is not None:
                answer = pool.submit(fetch, following)
            yield content
            if following is None:
                return


def read_page(content: bytes) -> list[ReturnDocument | Fault]:
    """Read and validate the documents of a page."""
    return [read_return(document, default_mapping()) for document in parse(content)["data"]]


def main(url: str, database_url: str) -> None:
    """Land, and print the figures."""
    started = time.perf_counter()
    with connect(database_url) as conn, reading_processes(1) as pool:
        documents = read_chunks(read_page, chained(url), pool)
        landed = land_returns(conn, documents, source="api", landed_by="bench", landed_at=datetime.now(UTC))
        seconds = time.perf_counter() - started
        peaks = [peak_mib(), pool.submit(peak_mib).result()]
    print(json.dumps({"seconds": seconds, "documents": landed.received, "peak_mib": sum(peaks)}))


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
