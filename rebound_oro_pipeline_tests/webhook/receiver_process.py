"""The receiver as a process of its own, and senders that keep to a rate whatever it does."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from rebound_oro_pipeline_tests.webhook.deliveries import SECRET

_SECONDS_TO_START = 60
_SECONDS_TO_STOP = 40


@dataclass
class Running:
    """A receiver that listens on a port of this machine."""

    port: int
    process: "subprocess.Popen[str]" = field(repr=False)
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> int:
        """Send SIGTERM, wait, and return the exit status."""
        self.process.terminate()
        return self.process.wait(_SECONDS_TO_STOP)

    def workers(self) -> list[int]:
        """Return the ids of the processes that serve (Linux)."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"resource_tracker" not in _command(int(pid))]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b"resource_tracker"  # it has ended


@contextmanager
def running(database_url: str, log: Path, *, workers: int = 2, **settings: str) -> Iterator[Running]:
    """Run `rebound-oro webhook` on a free port until the block ends; it is ready when the block begins."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REBOUND_ORO_")}
    given = {"database_url": database_url, "webhook_rebound_secret": SECRET, **settings}
    environment |= {f"REBOUND_ORO_{name.upper()}": value for name, value in given.items()}
    command = [sys.executable, "-m", "rebound_oro_pipeline", "webhook", "--port=0", f"--workers={workers}"]
    with log.open("w") as errors:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, log.read_text()
            receiver = Running(int(line.rpartition(":")[2]), process, log)
            _wait_until_ready(receiver)
            yield receiver
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(_SECONDS_TO_STOP)
            process.stdout.close()


def _wait_until_ready(receiver: Running) -> None:
    until = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < until:
        try:
            if httpx.get(f"{receiver.url}/ready", timeout=5).is_success:
                return
        except httpx.TransportError:
            assert receiver.process.poll() is None, receiver.log.read_text()
        time.sleep(0.05)
    raise TimeoutError(receiver.log.read_text())


def request_of(body: bytes, headers: Mapping[str, str], path: str = "/webhooks/rebound") -> bytes:
    """Write a request as it goes over the wire."""
    head = [f"POST {path} HTTP/1.1", "Host: receiver", f"Content-Length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*head, "", ""]).encode() + body


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a connection to the receiver."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def status_of(reader: asyncio.StreamReader) -> int:
    """Read an answer, which has no body, and return its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1])


@dataclass
class Answers:
    """What the senders were told: status (None: no answer) and seconds since the request was due, by place."""

    statuses: list[int | None]
    seconds: list[float]
    duration: float

    def count(self, status: int | None) -> int:
        return self.statuses.count(status)


async def send(
    port: int, requests: Sequence[bytes], *, rate: float | None = None, connections: int = 32
) -> Answers:
    """Send the requests over some connections, `rate` per second, or as fast as they are answered.

    With a rate, request n is due n/rate after the start, also when those before it are slow, and its time counts from
    then. A connection that is lost is opened again; what was on it, or finds nobody, counts as not answered.
    """
    answers = Answers([None] * len(requests), [0.0] * len(requests), 0.0)
    places = iter(range(len(requests)))
    start = time.perf_counter()

    async def sender() -> None:
        is_done = False
        while not is_done:
            try:
                async with connection(port) as (reader, writer):
                    for place in places:
                        due = start + place / rate if rate else time.perf_counter()
                        await asyncio.sleep(max(0, due - time.perf_counter()))
                        writer.write(requests[place])
                        answers.statuses[place] = await status_of(reader)
                        answers.seconds[place] = time.perf_counter() - due
                    is_done = True
            except (OSError, asyncio.IncompleteReadError):
                is_done = next(places, None) is None
                await asyncio.sleep(0.02)

    await asyncio.gather(*(sender() for _ in range(connections)))
    answers.duration = time.perf_counter() - start
    return answers
