"""A shop that keeps credit notes and nothing else, in a process of its own, and takes the time that a model says.

    python -m benchmarks.bench.note_shop MODEL

Prints its port, and serves until it is terminated. It knows what a push asks for: a token, single notes, synchronous
batches of notes with their lines, and lists of notes by number. Its own work is small beside any model's time.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import PIPE, Popen
from typing import Any, Final
from urllib.parse import parse_qs

import uvicorn
from starlette.types import Receive, Scope, Send

from rebound_oro_pipeline.contracts.credit_note_names import CreditNoteNames
from rebound_oro_pipeline.sandbox.latency import Exchange, oro_seconds

MODELS: Final[dict[str, Callable[[Exchange], float]]] = {
    "20 ms a request": lambda _: 0.020,
    "10 ms + 4 ms a note": lambda exchange: 0.010 + 0.004 * exchange.sent,
    "the model of a real OroCommerce (60 + 40 ms a write, batch 250 + 7 ms a record)": oro_seconds,
}
_NAMES: Final = CreditNoteNames()
_TOKEN: Final = b'{"token_type": "Bearer", "expires_in": 3600, "access_token": "a"}'


class NoteShop:
    """The ASGI app."""

    def __init__(self, model: Callable[[Exchange], float]) -> None:
        self._model = model
        self._notes: dict[str, bytes] = {}
        self._lines: dict[str, list[bytes]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        started = time.monotonic()
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        document = json.loads(body) if body else {}
        query = scope["query_string"].decode()
        status, count, answer = self._answer(scope["method"], scope["path"], query, document)
        sent = document.get("data", [])
        seconds = self._model(
            Exchange(
                method=scope["method"],
                path=scope["path"],
                query=query,
                sync=(b"x-mode", b"sync") in scope["headers"],
                sent=len(sent) if isinstance(sent, list) else 1,
                answered=count,
            )
        )
        await asyncio.sleep(max(0.0, seconds - (time.monotonic() - started)))
        headers = [
            (b"content-type", b"application/vnd.api+json"),
            (b"content-length", b"%d" % len(answer)),
            (b"x-include-total-count", b"%d" % count),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _answer(self, method: str, path: str, query: str, document: dict[str, Any]) -> tuple[int, int, bytes]:
        """Return status, number of records, and body."""
        if path == "/oauth2-token":
            return 200, 1, _TOKEN
        if method == "GET":
            wanted = parse_qs(query)[f"filter[{_NAMES.number_field}]"][0].split(",")
            numbers = [number for number in wanted if number in self._notes]
            return 200, len(numbers), self._document(numbers)
        data = document["data"]
        many = isinstance(data, list)
        lines = {line["id"]: line for line in document["included"]}
        numbers = [self._keep(note, lines) for note in (data if many else [data])]
        if many:
            return 200, len(numbers), self._document(numbers)
        return 201, 1, b'{"data": %s}' % self._notes[numbers[0]]

    def _keep(self, note: dict[str, Any], lines: dict[str, dict[str, Any]]) -> str:
        number = str(note["attributes"][_NAMES.number_field])
        self._notes[number] = json.dumps({"id": str(len(self._notes) + 1), **note}).encode()
        references = note["relationships"][_NAMES.lines_relation]["data"]
        self._lines[number] = [json.dumps(lines[each["id"]]).encode() for each in references]
        return number

    def _document(self, numbers: list[str]) -> bytes:
        lines = (line for number in numbers for line in self._lines[number])
        return b'{"data": [%s], "included": [%s]}' % (
            b",".join(self._notes[number] for number in numbers),
            b",".join(lines),
        )


@contextmanager
def serving(model: str) -> Iterator[str]:
    """Run the shop; give its address."""
    with Popen([sys.executable, "-m", __name__, model], stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def main(model: str) -> None:
    """Serve until terminated."""
    config = uvicorn.Config(
        NoteShop(MODELS[model]), host="127.0.0.1", port=0, log_level="critical", access_log=False
    )
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    print(socket.getsockname()[1], flush=True)
    server.run(sockets=[socket])


if __name__ == "__main__":
    main(sys.argv[1])
