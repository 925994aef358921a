"""The head of a request comes to its end in time, or its connection is closed; what is whole is answered."""

import asyncio
import contextlib

import pytest
import uvicorn
from starlette.responses import Response
from uvicorn.server import ServerState

from rebound_oro_pipeline.webhook import protocol
from rebound_oro_pipeline.webhook.protocol import BoundedHeads

WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
BEGUN = b"GET / HTTP/1.1\r\nHost: "
LONG = BEGUN + b"x" * protocol.HEAD_BYTES


async def answers(*pieces: bytes) -> list[bytes]:
    """Send pieces, each by itself; return the status of each answer until the connection is closed from there."""
    config = uvicorn.Config(Response(), lifespan="off", timeout_keep_alive=5)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: BoundedHeads(config, ServerState(), {}), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.05)
        received = bytearray()
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(0.6):
                while piece := await reader.read(2**16):
                    received += piece
                received += b"HTTP/1.1 closed"
        writer.close()
    return [answer.split()[0] for answer in bytes(received).split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((WHOLE[:9], WHOLE[9:]), [b"200"]),
        ((WHOLE + WHOLE[:9], WHOLE[9:]), [b"200", b"200"]),
        ((LONG, b"\r\n\r\n"), [b"200"]),
        ((BEGUN, LONG), [b"431", b"closed"]),
        ((WHOLE, BEGUN, LONG), [b"200", b"431", b"closed"]),
        ((), [b"closed"]),
        ((BEGUN,), [b"closed"]),
        ((WHOLE, BEGUN), [b"200", b"closed"]),
        ((WHOLE,), [b"200"]),
    ],
)
def test_a_head_ends_in_time_or_the_connection_does(
    pieces: tuple[bytes, ...], expected: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    assert asyncio.run(answers(*pieces)) == expected
