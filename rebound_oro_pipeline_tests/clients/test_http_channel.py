"""Connections: what is tried again, what is waited for, where secrets may go."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
import stamina

from rebound_oro_pipeline.clients import errors, http
from rebound_oro_pipeline.clients.http import Channel, checked_url, retry_after
from rebound_oro_pipeline.clients.lending import AnswerTooLarge
from rebound_oro_pipeline.clients.oro import OroClient

RECORD = {"data": {"type": "t", "id": "1"}}
NOT_SENT = [httpx.ConnectError("no route"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("full")]
LOST = [
    httpx.ReadTimeout("slow"),
    httpx.ReadError("reset"),
    httpx.WriteError("reset"),
    httpx.WriteTimeout("slow"),
    httpx.RemoteProtocolError("cut"),
]


@pytest.mark.parametrize("trouble", [*NOT_SENT, *LOST], ids=repr)
def test_a_read_is_tried_again_after_any_trouble(trouble, network, answer, oro):
    network.script(trouble, answer(200, RECORD))
    assert oro.get("t", "1") == RECORD


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_read_is_tried_again_after_a_busy_or_failing_server(status, network, answer, oro):
    network.script(answer(status, None), answer(200, RECORD))
    assert oro.get("t", "1") == RECORD


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 415, 302])
def test_a_refused_read_is_not_tried_again(status, network, answer, oro):
    network.script(answer(status, None))
    with pytest.raises(errors.ApiError):
        oro.get("t", "1")


def test_a_read_is_tried_again_after_an_answer_that_was_cut_short(network, answer, oro):
    """Behind some proxies the end of a connection is no error of HTTP."""
    whole = answer(200, {"data": [{"type": "t", "id": "1"}]}).content
    network.script(httpx.Response(200, content=whole[:-9]), httpx.Response(200, content=whole))
    assert [page["data"] for page in oro.pages("t", page_size=2)] == [[{"type": "t", "id": "1"}]]


def test_trying_again_is_logged_and_never_printed(network, answer, oro, caplog, capsys):
    network.script(answer(503, None), answer(200, RECORD))
    oro.get("t", "1")
    assert "GET /admin/api/t/1 was answered 503 Service Unavailable; trying again in 0.0 s" in caplog.text
    assert capsys.readouterr() == ("", "")


def test_trying_again_ends(network, oro):
    network.answer = lambda _: httpx.ReadTimeout("slow")
    with pytest.raises(errors.AnswerLost, match="ReadTimeout: slow"):
        oro.get("t", "1")
    assert len(network.requests) == 5


def writes(oro: OroClient) -> list[Callable[[], object]]:
    return [
        lambda: oro.create("t", RECORD),
        lambda: oro.update("t", "1", RECORD),
        lambda: oro.batch("t", RECORD),
        lambda: oro.batch("t", RECORD, mode="async"),
    ]


@pytest.mark.parametrize("write", range(4))
@pytest.mark.parametrize("trouble", NOT_SENT, ids=repr)
def test_a_write_is_tried_again_where_nothing_was_sent(trouble, write, network, answer, oro):
    network.script(trouble, answer(200, RECORD if write < 2 else {"data": []}))
    writes(oro)[write]()
    assert len(network.requests) == 2


@pytest.mark.parametrize("write", range(4))
@pytest.mark.parametrize("trouble", LOST, ids=repr)
def test_a_write_whose_answer_is_lost_is_not_tried_again(trouble, write, network, oro):
    network.script(trouble)
    with pytest.raises(errors.AnswerLost) as caught:
        writes(oro)[write]()
    assert caught.value.outcome_unknown


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_write_to_a_busy_server_is_left_to_the_outbox(status, network, answer, oro):
    network.script(answer(status, None, {"Retry-After": "7"}))
    with pytest.raises(errors.Busy) as caught:
        oro.create("t", RECORD, request_id="our-id")
    assert (caught.value.retry_after, caught.value.request_id) == (7.0, "our-id")
    assert network.requests[0].headers["X-Request-Id"] == "our-id"


def test_a_cut_compressed_answer_leaves_a_write_in_doubt(network, oro):
    network.script(httpx.DecodingError("broken gzip"))
    with pytest.raises(errors.MalformedAnswer) as caught:
        oro.create("t", RECORD)
    assert caught.value.outcome_unknown


def test_an_answer_too_large_is_malformed_and_leaves_a_write_in_doubt(network, oro):
    """Nobody asks for it again: it would be as large."""
    network.script(AnswerTooLarge("more than 1000 bytes"))
    with pytest.raises(errors.MalformedAnswer, match="more than 1000 bytes") as caught:
        oro.create("t", RECORD)
    assert caught.value.outcome_unknown
    assert not caught.value.retryable


@contextmanager
def waits_recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Let stamina wait as in production, with a sleep that only takes notes."""
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    stamina.set_testing(False)
    yield waits


def test_a_retry_after_is_waited_for_with_some_jitter(network, answer, oro, monkeypatch):
    network.script(answer(429, None, {"Retry-After": "30"}), answer(200, RECORD))
    with waits_recorded(monkeypatch) as waits:
        oro.get("t", "1")
    assert len(waits) == 1
    assert 30 <= waits[0] <= 31


def test_who_asks_for_too_long_a_wait_gets_no_second_request(network, answer, oro, monkeypatch):
    network.script(answer(503, None, {"Retry-After": "61"}))
    with waits_recorded(monkeypatch) as waits, pytest.raises(errors.Busy) as caught:
        oro.get("t", "1")
    assert caught.value.retry_after == 61
    assert waits == []


def test_pauses_grow_and_stay_bounded(network, monkeypatch):
    network.answer = lambda _: httpx.ConnectError("refused")
    with (
        OroClient(
            "https://oro.example", "i", "s", attempts=12, transport=httpx.MockTransport(network)
        ) as client,
        waits_recorded(monkeypatch) as waits,
        pytest.raises(errors.NotSent),
    ):
        client.get("t", "1")
    assert len(waits) == 11
    assert all(wait <= 10 for wait in waits)
    assert waits[0] <= 1.2
    assert waits[-1] == 10


def test_no_further_try_begins_when_patience_is_at_an_end(network, monkeypatch):
    network.answer = lambda _: httpx.ConnectError("refused")
    with (
        OroClient(
            "https://oro.example", "i", "s", patience=0.0001, transport=httpx.MockTransport(network)
        ) as client,
        waits_recorded(monkeypatch),
        pytest.raises(errors.NotSent),
    ):
        client.get("t", "1")
    assert len(network.requests) == 1


def test_a_write_that_waited_beyond_its_time_is_not_sent(network, answer, oro):
    def slow_token(_: httpx.Request) -> httpx.Response:
        time.sleep(0.1)
        return answer(200, {"token_type": "Bearer", "expires_in": 3600, "access_token": "token"})

    network.token = slow_token
    with pytest.raises(errors.NotSent, match="its time is over"):
        oro.update("t", "1", RECORD, not_after=time.monotonic() + 0.05)
    assert (len(network.tokens), len(network.requests)) == (1, 0)


def test_a_write_is_not_tried_again_beyond_its_time(network, answer, oro, monkeypatch):
    network.token = lambda _: answer(503, None, {"Retry-After": "30"})
    with waits_recorded(monkeypatch) as waits, pytest.raises(errors.NoToken):
        oro.batch("t", RECORD, not_after=time.monotonic() + 2)
    assert waits == []


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("17", 17.0),
        (" 17 ", 17.0),
        ("99999999999", http.LONGEST_RETRY_AFTER),
        ("9" * 400, http.LONGEST_RETRY_AFTER),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", http.LONGEST_RETRY_AFTER),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("", None),
        ("Wed, 99 Foo 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_read(value, seconds):
    response = httpx.Response(429, headers=[(b"Retry-After", value.encode())])
    assert retry_after(response) == seconds


@pytest.mark.parametrize(("shown", "minutes"), [(-60, 60), (5, -5), (None, 0)])
def test_an_answer_tells_by_how_much_our_clock_is_ahead(shown, minutes, network, answer, oro):
    network.script(answer(200, RECORD))
    oro.get("t", "1")
    if shown is not None:
        date = format_datetime(datetime.now(UTC) + timedelta(minutes=shown), usegmt=True)
        network.script(answer(200, RECORD, {"Date": date}))
        oro.get("t", "1")
    assert oro.clock_ahead / timedelta(minutes=1) == pytest.approx(minutes, abs=0.1)


def test_retry_after_may_be_a_date():
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert retry_after(httpx.Response(503, headers={"Retry-After": in_a_minute})) == pytest.approx(60, abs=3)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://shop.example/", "https://shop.example"),
        (" https://shop.example/base/ ", "https://shop.example/base"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:1/", "http://localhost:1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_base_url_is_kept_without_its_last_slash(url, kept):
    assert checked_url(url) == kept


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://shop.example", "must begin with https"),
        ("http://127.0.0.1.example", "must begin with https"),
        ("ftp://shop.example", "must begin with https"),
        ("shop.example", "must begin with https"),
        ("", "must begin with https"),
        ("https://", "must begin with https"),
        ("https://me:hunter2@shop.example", "no user, password"),
        ("https://shop.example?key=hunter2", "no user, password"),
        ("https://shop.example:hunter2", "cannot be read"),
    ],
)
def test_a_base_url_that_secrets_must_not_go_to_is_refused(url, complaint):
    with pytest.raises(ValueError, match=complaint) as caught:
        checked_url(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_tls_is_verified_unless_a_setting_says_otherwise(caplog):
    """An insecure connection is never made by accident, nor in silence."""
    Channel("oro", "https://shop.example").close()
    assert caplog.text == ""
    Channel("oro", "https://shop.example", verify_tls=False).close()
    assert "TLS certificates are NOT verified" in caplog.text


def connections(channel):
    """Return what a channel lends to its requests."""
    return channel._client._transport._clients


@pytest.mark.parametrize("verify_tls", [True, False])
def test_the_choice_about_tls_reaches_the_connections(verify_tls):
    with Channel("oro", "https://shop.example", verify_tls=verify_tls, max_connections=3) as channel:
        contexts = [each._transport._pool._ssl_context for each in connections(channel)]
    assert [context.verify_mode is ssl.CERT_REQUIRED for context in contexts] == [verify_tls] * 3
    assert [context.check_hostname for context in contexts] == [verify_tls] * 3


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    with Channel("oro", "http://127.0.0.1:1") as channel:
        assert not any(each._mounts for each in connections(channel))
    with Channel("oro", "https://shop.example") as channel:
        assert all(each._mounts for each in connections(channel))


def test_nobody_is_left_with_a_connection_that_the_server_closes(network):
    """Servers drop idle connections after five seconds or more; a write on such a one would be in doubt."""
    with Channel("oro", "https://shop.example", max_connections=3) as channel:
        pools = [each._transport._pool for each in connections(channel)]
        assert [(each._max_connections, each._keepalive_expiry) for each in pools] == [(1, 3.0)] * 3
        assert None not in channel._client.timeout.as_dict().values()


@contextmanager
def server(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve on the loopback, every connection being treated as told."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    behave(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def post(url: str) -> httpx.Response:
    timeout = httpx.Timeout(0.2)
    with Channel("oro", url, timeout=timeout) as channel:
        return channel.exchange(errors.Call.new("oro", "POST", "/x"), content=b"{}")


@pytest.mark.parametrize(
    "behave",
    [
        lambda _: None,
        lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
        lambda connection: connection.sendall(b"no http at all\r\n\r\n"),
        lambda _: time.sleep(0.4),
    ],
    ids=["closed", "cut", "gibberish", "silent"],
)
def test_on_a_real_connection_a_lost_answer_is_told_as_such(behave):
    with server(behave) as url, pytest.raises(errors.AnswerLost):
        post(url)


def test_on_a_real_connection_nothing_sent_is_told_as_such():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(errors.NotSent):
        post(f"http://127.0.0.1:{port}")


def test_a_write_waits_for_a_free_connection_no_longer_than_it_may():
    """There is one connection, and another thread needs it for half a second."""
    reached = threading.Event()

    def linger(_: socket.socket) -> None:
        reached.set()
        time.sleep(0.5)

    with (
        server(linger) as url,
        Channel("oro", url, max_connections=1) as channel,
        ThreadPoolExecutor(1) as pool,
    ):
        other = pool.submit(channel.exchange, errors.Call.new("oro", "GET", "/x"))
        reached.wait(5)
        began = time.monotonic()
        with pytest.raises(errors.NotSent):
            channel.exchange(errors.Call.new("oro", "PATCH", "/x"), content=b"{}", not_after=began + 0.1)
        assert 0.1 <= time.monotonic() - began < 0.4
        assert isinstance(other.exception(), errors.AnswerLost)


def test_cookies_are_not_kept(network, answer, oro):
    network.answer = lambda _: answer(200, RECORD, {"Set-Cookie": "BAPID=session; path=/"})
    oro.get("t", "1")
    oro.get("t", "1")
    assert "Cookie" not in network.requests[1].headers


def test_httpx_logs_no_urls():
    assert logging.getLogger("httpx").level == logging.WARNING
