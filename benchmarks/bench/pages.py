"""Pages of returns, as text and over HTTP: a server without delay, in a process of its own."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from subprocess import PIPE, Popen
from typing import Any

from rebound_oro_pipeline.contracts.values import read_key

PER_PAGE = 100


def document(number: int) -> dict[str, Any]:
    """Return one ReBound return of three lines."""
    return {
        "id": str(number),
        "display_id": f"R-{number}",
        "order_reference": f"ORD-{2 * number}",
        "date_added": f"2026-03-{1 + number % 28:02} 10:{number % 60:02}:00",
        "current_tracking_status": "processed",
        "carrier": "DHL",
        "tracking": f"JJD{number:012}",
        "item": [
            {
                "sku_code": f"SKU-{number % 20000 + line}",
                "quantity": str(1 + (number + line) % 5),
                "quantity_received": str(1 + (number + line) % 5),
                "final_disposition": "restock",
                "verification_entity": "hub",
                "tracking": f"JJD{number:012}",
                "reason": [{"reason": "unwanted", "action": "refund", "wish": "money"}],
            }
            for line in range(1, 4)
        ],
    }


def page(number: int, pages: int, per_page: int, modulo: int) -> bytes:
    """Return page `number`, counted from 1, of `pages`; documents repeat after `modulo` pages."""
    first = ((number - 1) % modulo) * per_page + 1
    documents = [document(each) for each in range(first, first + per_page)]
    return json.dumps({"data": documents, "next": number + 1 if number < pages else None}).encode()


@contextmanager
def serving(pages: int, per_page: int = PER_PAGE, modulo: int | None = None) -> Iterator[str]:
    """Run the server; give the address of its first page."""
    command = [sys.executable, "-m", __name__, str(pages), str(per_page), str(modulo or pages)]
    with Popen(command, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        try:
            yield f"http://127.0.0.1:{port}/returns"
        finally:
            process.terminate()


def main(pages: int, per_page: int, modulo: int) -> None:
    """Serve until terminated; every page is made before the first is asked for."""
    made = [page(number, pages, per_page, modulo) for number in range(1, modulo + 1)]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16

        def do_GET(self) -> None:
            number = int(read_key(self.path.partition("page=")[2]) or 1)
            body = made[(number - 1) % modulo]
            if modulo != pages or number == pages:
                follow = number + 1 if number < pages else None
                body = body[: body.rindex(b'"next"')] + json.dumps({"next": follow})[1:].encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
