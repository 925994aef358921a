"""Reads pages; as a program it lands chained pages from an address, in processes of its own.

    python -m benchmarks.bench.read_pages URL DATABASE_URL

The program lies here because a process that reads imports what its program does, and takes the memory of it.
"""

import resource
import sys
from pathlib import Path

from rebound_oro_pipeline.contracts.documents import parse
from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.rebound import ReturnDocument, read_return
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping


def read_page(content: bytes) -> list[ReturnDocument | Fault]:
    """Read and validate the documents of a page."""
    return [read_return(document, default_mapping()) for document in parse(content)["data"]]


def peak_mib() -> float:
    """Return the most memory that this process ever had."""
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage says begins with what the process had that started this one, all pages of the benchmark.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    from benchmarks.bench.land_pages import land

    land(*sys.argv[1:])
