"""Sends webhooks at a rate to a receiver with its own PostgreSQL, and counts what was lost or doubled.

    .venv/bin/python -m benchmarks.webhook_load --rate 1000 --seconds 30

Everything runs on this machine: sender, receiver and database share its processors. The database is made for the run
with the settings of production (an answered delivery is on the disk) and removed. Exit status 0 if every request was
answered 202 and each event is stored once.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres
from rebound_oro_pipeline.warehouse.migrate import migrate
from rebound_oro_pipeline_tests.webhook.deliveries import body_of, envelope, signed
from rebound_oro_pipeline_tests.webhook.receiver_process import Answers, request_of, running, send

REPEATED_EVERY = 10
"""One request in so many is an earlier one again, as senders do."""


def requests_of(count: int) -> tuple[list[bytes], list[str]]:
    """Return the requests, and the event id of each."""
    requests: list[bytes] = []
    ids: list[str] = []
    for number in range(count):
        if number % REPEATED_EVERY == REPEATED_EVERY - 1:
            earlier = number - REPEATED_EVERY // 2
            requests.append(requests[earlier])
            ids.append(ids[earlier])
            continue
        body = body_of(envelope(number))
        requests.append(request_of(body, signed(body)))
        ids.append(f"event-{number}")
    return requests, ids


def milliseconds(answers: Answers, share: float) -> float:
    """Return the time within which this share of the answers came, counted from when the request was due."""
    answered = sorted(
        seconds
        for seconds, status in zip(answers.seconds, answers.statuses, strict=True)
        if status is not None
    )
    return round(answered[int(share * (len(answered) - 1))] * 1000, 1) if answered else float("nan")


def measure(rate: int, seconds: int, workers: int, connections: int, folder: Path) -> dict[str, object]:
    """Run once and return the figures."""
    requests, ids = requests_of(rate * seconds)
    server = EmbeddedPostgres(folder)
    server.start()
    try:
        url = server.url("pipeline")
        migrate(url)
        with running(url, folder / "log", workers=workers, webhook_requests_per_second="100000") as receiver:
            answers = asyncio.run(send(receiver.port, requests, rate=rate, connections=connections))
            receiver.stop()
        with connect(url) as conn:
            stored = [row[0] for row in conn.execute("select event_id from inbox.deliveries")]
    finally:
        server.remove()
    accepted = {each for each, status in zip(ids, answers.statuses, strict=True) if status == 202}
    others = sorted({str(status) for status in answers.statuses if status != 202})
    return {
        "requests": len(requests),
        "events": len(set(ids)),
        "workers": workers,
        "connections": connections,
        "seconds": round(answers.duration, 2),
        "per_second": round(len(requests) / answers.duration, 1),
        "answered_202": answers.count(202),
        "answered_otherwise": {status: list(map(str, answers.statuses)).count(status) for status in others},
        "stored": len(stored),
        "lost": len(accepted - set(stored)),
        "doubled": len(stored) - len(set(stored)),
        "milliseconds": {
            name: milliseconds(answers, share)
            for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
        },
    }


def main() -> int:
    """Read the arguments, measure, print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rate", type=int, default=1000, help="requests per second")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--connections", type=int, default=64, help="connections of the sender")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # a server that root starts runs under an account of its own
        figures = measure(given.rate, given.seconds, given.workers, given.connections, folder)
    print(json.dumps(figures, indent=2))
    whole = figures["answered_202"] == figures["requests"] and figures["stored"] == figures["events"]
    return 0 if whole and not figures["lost"] and not figures["doubled"] else 1


if __name__ == "__main__":
    sys.exit(main())
