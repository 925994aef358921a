"""`python -m rebound_oro_pipeline_tests.end_to_end.pushing`: pushes what waits until nothing does, as one process.

Takes a place as one JSON line and answers with one: runs, requests that write, and what was confirmed or refused.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass

import stamina

from rebound_oro_pipeline.clients.errors import AuthenticationError
from rebound_oro_pipeline_tests.end_to_end.stages import Place, push_notes, push_stock

RUNS = 200
_PAUSE = 0.2


@dataclass
class Pushed:
    """What one process did."""

    runs: int = 0
    confirmed: int = 0
    rejected: int = 0
    write_requests: int = 0
    seconds: float = 0.0
    """Without the start of the process."""


def push_all(place: Place) -> Pushed:
    """Run both pushes, one after the other, until nothing remains; RuntimeError if that takes too many runs."""
    pushed = Pushed()
    begun = time.monotonic()
    for push in (push_notes, push_stock):
        for _ in range(RUNS):
            pushed.runs += 1
            try:
                counts = push(place)
            except AuthenticationError:
                continue  # the token expired twice within one request
            pushed.confirmed += counts.confirmed
            pushed.rejected += counts.rejected
            pushed.write_requests += counts.write_requests
            if not counts.to_be_continued:
                break
            time.sleep(_PAUSE)
        else:
            raise RuntimeError(f"{push.__name__} was not done after {RUNS} runs")
    pushed.seconds = time.monotonic() - begun
    return pushed


if __name__ == "__main__":
    stamina.instrumentation.set_on_retry_hooks([])  # a storm has thousands
    sys.stdout.write(json.dumps(asdict(push_all(Place(**json.loads(sys.stdin.readline()))))) + "\n")
