"""Every way to be refused: with a status and no word, nothing stored, nothing of it in the log."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest

from rebound_oro_pipeline.webhook.configuration import Configuration
from rebound_oro_pipeline.webhook.limits import SOURCES, Memory, RateLimit, check_depth
from rebound_oro_pipeline.webhook.refusals import Journal, Refusal
from rebound_oro_pipeline_tests.webhook.deliveries import (
    BY_HMAC,
    HEADER,
    JSON,
    SECRET,
    body_of,
    digest,
    envelope,
    receiver,
    signed,
    stored,
)

BODY = body_of(envelope())


def send(
    url: str,
    configuration: Configuration = BY_HMAC,
    path: str = "/webhooks/rebound",
    content: Any = BODY,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    async def run() -> httpx.Response:
        async with receiver(url, configuration) as client:
            return await client.post(
                path, content=content, headers=dict(signed(BODY) if headers is None else headers)
            )

    return asyncio.run(run())


def _send_signed(url: str, body: bytes) -> httpx.Response:
    return send(url, content=body, headers=signed(body))


def _send_often(url: str) -> httpx.Response:
    async def run() -> httpx.Response:
        async with receiver(url, replace(BY_HMAC, requests_per_second=0.5)) as client:
            first = await client.post("/webhooks/rebound", content=b"{}", headers=signed(b"other"))
            assert first.status_code == 401
            return await client.post("/webhooks/rebound", content=BODY, headers=signed(BODY))

    return asyncio.run(run())


def _send_slowly(url: str) -> httpx.Response:
    async def body() -> AsyncIterator[bytes]:
        yield BODY[:10]
        await asyncio.sleep(5)

    return send(url, replace(BY_HMAC, read_seconds=0.05), content=body())


async def _piecewise(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 50):
        yield body[start : start + 50]


REFUSED: dict[str, tuple[int, Callable[[str], httpx.Response]]] = {
    "no signature": (401, lambda url: send(url, headers=JSON)),
    "signature of another secret": (401, lambda url: send(url, headers=signed(BODY, "other"))),
    "signature of another body": (401, lambda url: send(url, content=BODY + b" ")),
    "signature that is no hexadecimal": (401, lambda url: send(url, headers={**JSON, HEADER: "zz"})),
    "empty signature": (401, lambda url: send(url, headers={**JSON, HEADER: ""})),
    "signature of an empty key": (401, lambda url: send(url, headers=signed(BODY, ""))),
    "no content type": (415, lambda url: send(url, headers={HEADER: digest(BODY).hex()})),
    "a form": (
        415,
        lambda url: send(url, headers={**signed(BODY), "Content-Type": "application/x-www-form-urlencoded"}),
    ),
    "compressed": (415, lambda url: send(url, headers={**signed(BODY), "Content-Encoding": "gzip"})),
    "announced as too large": (
        413,
        lambda url: send(url, replace(BY_HMAC, body_bytes=100), content=BODY),
    ),
    "announced as larger than any number": (
        413,
        lambda url: send(url, headers={**signed(BODY), "Content-Length": "9" * 5000}),
    ),
    "too large, unannounced": (
        413,
        lambda url: send(url, replace(BY_HMAC, body_bytes=100), content=_piecewise(BODY)),
    ),
    "nested too deeply": (400, lambda url: _send_signed(url, b"[" * 33 + b"]" * 33)),
    "of a source without a secret": (503, lambda url: send(url, path="/webhooks/oro")),
    "more bytes than there is memory for": (503, lambda url: send(url, replace(BY_HMAC, memory_bytes=10))),
    "one request too many": (429, _send_often),
    "a body that never ends": (408, _send_slowly),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_refusal_has_a_status_and_no_word(
    what: str, database_url: str, conn: psycopg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    status, deliver = REFUSED[what]
    with caplog.at_level(logging.DEBUG, "rebound_oro_pipeline"):
        answer = deliver(database_url)
    assert (answer.status_code, answer.content) == (status, b"")
    assert ("retry-after" in answer.headers) == (status in (429, 503))
    assert stored(conn) == []
    log = caplog.text
    assert f"refused with {status}" in log
    assert not any(secret in log for secret in (SECRET, digest(BODY).hex(), "SKU-1", "event-1"))


def test_nothing_is_taken_where_no_secret_is_configured(database_url: str) -> None:
    nothing = Configuration({"rebound": None, "oro": None})
    assert send(database_url, nothing).status_code == 503
    assert send(database_url, nothing, path="/webhooks/oro").status_code == 503
    assert send(database_url, nothing, headers={}).status_code == 503


def test_other_paths_and_methods_are_unknown(database_url: str) -> None:
    async def run() -> tuple[int, int]:
        async with receiver(database_url) as client:
            return (
                (await client.post("/webhooks/else", content=BODY, headers=signed(BODY))).status_code,
                (await client.get("/webhooks/rebound")).status_code,
            )

    assert asyncio.run(run()) == (404, 405)


def test_a_rate_is_kept_per_source_and_frees_itself_with_time() -> None:
    now = 100.0
    rate = RateLimit(10, lambda: now)
    for _ in range(20):  # two seconds' worth at once
        rate.admit("a")
    with pytest.raises(Refusal, match="429") as refused:
        rate.admit("a")
    assert refused.value.retry_after == 1
    rate.admit("b")
    now += 0.1
    rate.admit("a")
    with pytest.raises(Refusal):
        rate.admit("a")


def test_the_rate_limit_remembers_a_bounded_number_of_sources() -> None:
    rate = RateLimit(1)
    for number in range(SOURCES + 10):
        rate.admit(str(number))
    assert len(rate._used_up) == SOURCES


def test_memory_comes_back_also_after_a_refusal() -> None:
    memory = Memory(10)
    with memory.claim() as claim:
        claim.add(8)
        with pytest.raises(Refusal, match="503"):
            claim.add(8)
    with memory.claim() as claim:
        claim.add(10)


@pytest.mark.parametrize(
    ("body", "is_refused"),
    [
        (b"[[[]]]", False),
        (b"[[[[]]]]", True),
        (b'{"a":{"b":{"c":{}}}}', True),
        (b"[[]]" * 50, False),
        (b'["[[[[[[", "\\"[[[[[["]', False),
        (b'["\\\\", [[[1]]]]', True),
        (b'"[[[[[', False),
        (b"]]]][[[[", False),
    ],
)
def test_depth_is_that_of_brackets_outside_of_strings(body: bytes, is_refused: bool) -> None:
    if is_refused:
        with pytest.raises(Refusal, match="400"):
            check_depth(body, 3)
    else:
        check_depth(body, 3)


@pytest.mark.parametrize("piece", [b'"\\', b'\\"', b'["', b'"a', b"{[", b'\\\\"'])
def test_the_time_to_look_at_brackets_grows_with_the_length_only(piece: bytes) -> None:
    """Two megabytes of the worst kind; a pattern that backtracks would take minutes."""
    body = b"[" * 10 + b"[]" * 50 + piece * (2**20 // len(piece))
    with suppress(Refusal):
        check_depth(body, 32)


def test_a_flood_of_refusals_is_one_line_a_second(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    journal = Journal(lambda: now)
    refusal = Refusal(401, "no signature")
    for _ in range(5):
        journal.refused("rebound", "192.0.2.1", refusal)
    assert len(caplog.records) == 1
    now = 1.5
    journal.refused("rebound", "192.0.2.1", refusal)
    assert len(caplog.records) == 2
    assert "(4 more like it before)" in caplog.text
