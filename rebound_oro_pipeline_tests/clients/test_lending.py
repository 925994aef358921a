"""A connection serves one request at a time, whatever the threads do, and no answer fills the memory."""

import gzip
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from rebound_oro_pipeline.clients.lending import AnswerTooLarge, LendingTransport

THREADS = 12


class Connections:
    """Makes clients and sees how many requests each serves at once."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.made: list[httpx.Client] = []
        self.together: list[int] = []
        self.served: list[int] = []

    def make(self) -> httpx.Client:
        number = len(self.made)
        self.together.append(0)
        self.served.append(0)
        at_it = threading.Lock()

        def serve(request: httpx.Request) -> httpx.Response:
            free = at_it.acquire(blocking=False)
            self.served[number] += 1
            time.sleep(self.seconds)
            if free:
                at_it.release()
            else:
                self.together[number] += 1
            return httpx.Response(200, stream=Answer(b"to ", b"its end"))

        self.made.append(httpx.Client(transport=httpx.MockTransport(serve)))
        return self.made[-1]


class Answer(httpx.SyncByteStream):
    """An answer that comes in parts."""

    def __init__(self, *parts: bytes, pause: float = 0.0) -> None:
        self._parts = parts
        self._pause = pause

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            time.sleep(self._pause)
            yield part


def test_no_connection_serves_two_requests_at_once():
    connections = Connections(0.002)
    with (
        httpx.Client(transport=LendingTransport(connections.make, 3)) as client,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        answers = list(pool.map(lambda _: client.get("https://shop.example"), range(60)))
    assert [answer.text for answer in answers] == ["to its end"] * 60
    assert connections.together == [0, 0, 0]
    assert all(connections.served)


def test_one_caller_keeps_one_connection():
    connections = Connections()
    with httpx.Client(transport=LendingTransport(connections.make, 3)) as client:
        for _ in range(5):
            client.get("https://shop.example")
    assert sorted(connections.served) == [0, 0, 5]


def test_who_finds_none_free_waits_so_long_and_no_longer():
    connections = Connections(0.5)
    with (
        httpx.Client(transport=LendingTransport(connections.make, 1)) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        first = pool.submit(client.get, "https://shop.example")
        while not connections.served[0]:
            time.sleep(0.001)
        with pytest.raises(httpx.PoolTimeout, match="no connection became free"):
            client.get("https://shop.example", timeout=httpx.Timeout(5, pool=0.05))
        assert first.result().status_code == 200


def test_a_connection_is_given_back_after_a_failure():
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    transport = LendingTransport(lambda: httpx.Client(transport=httpx.MockTransport(refuse)), 1)
    with httpx.Client(transport=transport) as client:
        for _ in range(3):
            with pytest.raises(httpx.ConnectError):
                client.get("https://shop.example", timeout=httpx.Timeout(5, pool=0.05))


def lending_one(
    content: bytes, headers: dict[str, str] | None = None, *, most_bytes: int = 1000
) -> LendingTransport:
    def serve(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=headers, stream=Answer(content[:50], content[50:]))

    return LendingTransport(
        lambda: httpx.Client(transport=httpx.MockTransport(serve)), 1, most_bytes=most_bytes
    )


@pytest.mark.parametrize("size", [0, 50, 1000])
def test_an_answer_is_read_to_its_end_compressed_or_not(size: int):
    body = b"a" * size
    headers = {"Content-Encoding": "gzip", "X-Include-Total-Count": "7"}
    with httpx.Client(transport=lending_one(gzip.compress(body), headers)) as client:
        answer = client.get("https://shop.example")
    assert (answer.content, answer.headers["X-Include-Total-Count"]) == (body, "7")
    with httpx.Client(transport=lending_one(body)) as client:
        assert client.get("https://shop.example").content == body


@pytest.mark.parametrize("is_compressed", [True, False], ids=["compressed", "plain"])
def test_an_answer_too_large_is_read_no_further(is_compressed: bool):
    body = b"a" * 1001
    content, headers = (gzip.compress(body), {"Content-Encoding": "gzip"}) if is_compressed else (body, {})
    with httpx.Client(transport=lending_one(content, headers)) as client:
        for _ in range(2):
            with pytest.raises(AnswerTooLarge, match="more than 1000 bytes"):
                client.get("https://shop.example", timeout=httpx.Timeout(5, pool=0.05))


def test_an_answer_that_drips_is_waited_for_no_longer_than_it_may():
    """Each part comes within the read timeout, the last one never."""

    def drip(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Answer(*[b" "] * 500, pause=0.01))

    transport = LendingTransport(
        lambda: httpx.Client(transport=httpx.MockTransport(drip)), 1, most_seconds=0.1
    )
    with httpx.Client(transport=transport) as client:
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(httpx.ReadTimeout, match=r"not whole after 0\.1 seconds"):
                client.get("https://shop.example", timeout=httpx.Timeout(5, pool=0.05))
            assert time.monotonic() - began < 3


def test_all_connections_are_closed_with_it():
    connections = Connections()
    httpx.Client(transport=LendingTransport(connections.make, 3)).close()
    assert [each.is_closed for each in connections.made] == [True] * 3
