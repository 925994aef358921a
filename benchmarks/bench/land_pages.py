"""Land chained pages: the next ones are fetched while another process reads those before, and this one writes."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx

from benchmarks.bench.read_pages import peak_mib, read_page
from rebound_oro_pipeline.contracts.documents import parse
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


def land(url: str, database_url: str) -> None:
    """Land, and print {"seconds", "documents", "peak_mib"}.

    The clock starts before the process that reads does; the memory is the sum of what both processes had at most.
    """
    started = time.perf_counter()
    with connect(database_url) as conn, reading_processes(1) as pool:
        documents = read_chunks(read_page, chained(url), pool)
        landed = land_returns(conn, documents, source="api", landed_by="bench", landed_at=datetime.now(UTC))
        seconds = time.perf_counter() - started
        peak = peak_mib() + pool.submit(peak_mib).result()
    print(json.dumps({"seconds": seconds, "documents": landed.received, "peak_mib": peak}))
