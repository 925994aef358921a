"""The access token: one for all threads, renewed in time, and clear words when there is none."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from rebound_oro_pipeline.clients import errors
from rebound_oro_pipeline.clients.http import Channel
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.clients.oro_auth import ClientCredentials


def orders(oro: OroClient) -> list[dict]:
    return list(oro.pages("orders"))


def test_the_grant_is_asked_for_as_recorded(network, oro, exchange):
    orders(oro)
    recorded = exchange("token")["request"]
    assert (network.tokens[0].method, network.tokens[0].url.path) == (recorded["method"], recorded["path"])
    assert network.tokens[0].headers["Content-Type"] == "application/json"
    assert json.loads(network.tokens[0].content) == {
        "grant_type": "client_credentials",
        "client_id": "the-client-id",
        "client_secret": "the-client-secret",
    }
    assert network.requests[0].headers["Authorization"] == "Bearer token-1"


def test_one_token_serves_many_requests(network, oro):
    for _ in range(5):
        orders(oro)
    assert len(network.tokens) == 1


@pytest.mark.parametrize(("expires_in", "good_until"), [(3600, 3540), (100, 90), (None, 270), (0, 270)])
def test_a_token_is_renewed_shortly_before_it_ends(expires_in, good_until, network, answer):
    """A minute before, or a tenth of its life; five minutes of life where none are named."""
    network.token = lambda _: answer(
        200, {"access_token": f"token-{len(network.tokens)}", "expires_in": expires_in}
    )
    now = 1000.0
    with Channel("oro", "https://oro.example", transport=httpx.MockTransport(network)) as channel:
        auth = ClientCredentials(channel, "id", "secret", clock=lambda: now)

        def ask() -> None:
            channel.exchange(errors.Call.new("oro", "GET", "/admin/api/orders"), auth=auth)

        ask()
        now += good_until - 1
        ask()
        assert len(network.tokens) == 1
        now += 1
        ask()
        assert len(network.tokens) == 2


def test_many_threads_ask_for_one_token(network, answer, oro):
    """Also when all of them meet a 401 at the same time, as they do when a token is revoked."""
    revoked = {"Bearer token-1"}
    together = threading.Barrier(8)

    def respond(request: httpx.Request) -> httpx.Response:
        if request.headers["Authorization"] in revoked:
            together.wait(timeout=10)
            return answer(401, None, {"WWW-Authenticate": "Bearer"})
        return answer(200, {"data": []})

    network.answer = respond
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: orders(oro), range(8))) == [[]] * 8
    assert len(network.tokens) == 2
    assert len(network.requests) == 16


def test_a_write_refused_for_its_token_is_repeated_once(network, answer, oro):
    network.script(answer(401, None), answer(201, {"data": {"type": "t", "id": "1"}}))
    assert oro.create("t", {"data": {"type": "t"}})["data"]["id"] == "1"
    first, second = network.requests
    assert first.content == second.content
    assert second.headers["Authorization"] == "Bearer token-2"


def test_a_new_token_that_is_refused_too_ends_it(network, answer, oro):
    network.script(answer(401, None), answer(401, None))
    with pytest.raises(errors.AuthenticationError, match="a token just issued is refused") as caught:
        orders(oro)
    assert not caught.value.retryable
    assert (len(network.requests), len(network.tokens)) == (2, 2)


def test_refused_credentials_are_not_tried_again(network, oro, exchange, answer):
    recorded = exchange("token_wrong_client")["response"]
    network.token = lambda _: answer(recorded["status"], recorded["body"])
    for _ in range(3):
        with pytest.raises(errors.AuthenticationError, match="401 invalid_client: check the client id"):
            orders(oro)
    assert (len(network.tokens), len(network.requests)) == (1, 0)


def test_a_login_page_instead_of_a_token_says_what_to_check(network, oro):
    network.token = lambda _: httpx.Response(200, html="<!DOCTYPE html><title>Login</title>")
    with pytest.raises(errors.AuthenticationError, match="perhaps a login page: check the base URL"):
        orders(oro)


def test_a_redirect_of_the_token_endpoint_is_not_followed(network, oro):
    """The secret would go elsewhere."""
    network.token = lambda _: httpx.Response(302, headers={"Location": "https://elsewhere.example/"})
    with pytest.raises(errors.AuthenticationError, match="answered 302"):
        orders(oro)
    assert len(network.tokens) == 1


def test_a_failing_token_endpoint_is_tried_again_and_then_explained(network, oro, exchange, answer):
    recorded = exchange("err_token_grant")["response"]
    network.token = lambda _: answer(recorded["status"], recorded["body"])
    with pytest.raises(errors.NoToken, match="encryption keys are missing") as caught:
        orders(oro)
    assert caught.value.status == 500
    assert len(network.tokens) == 5


def test_the_token_endpoint_recovers(network, oro, answer):
    """Also for a write: where there was no token, nothing was sent."""
    troubles = [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        answer(503, None, {"Retry-After": "1"}),
        httpx.Response(200, content=b'{"token_type": "Bearer", "access_tok'),
    ]
    good = network.token
    network.token = lambda request: troubles.pop(0) if troubles else good(request)
    network.answer = lambda _: answer(201, {"data": {"type": "t", "id": "1"}})
    oro.create("t", {"data": {"type": "t"}})
    assert (len(network.tokens), len(network.requests)) == (5, 1)


@pytest.mark.parametrize("token", ["", "with space", "with\nline", "ünicode", 5, None])
def test_a_token_that_fits_no_header_is_refused(token, network, oro, answer):
    """Else httpx or h11 would quote it in their exceptions."""
    network.token = lambda _: answer(200, {"access_token": token})
    with pytest.raises(errors.AuthenticationError) as caught:
        orders(oro)
    assert "space" not in str(caught.value)
    assert "line" not in str(caught.value)
    assert network.requests == []


def test_asking_for_a_token_needs_no_second_connection():
    """Else, after a 401, a pool of one connection would wait for itself."""

    class Server(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        tokens = 0

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            Server.tokens += 1
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(200, b'{"access_token": "t%d", "expires_in": 60}' % Server.tokens)

        def do_GET(self) -> None:
            is_new = self.headers["Authorization"] == "Bearer t2"
            self._answer(200, b'{"data": []}') if is_new else self._answer(401, b"x" * 100_000)

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            timeout = httpx.Timeout(5, pool=1)
            with OroClient(url, "id", "secret", max_connections=1, timeout=timeout, attempts=1) as oro:
                assert orders(oro) == []
        finally:
            server.shutdown()
            thread.join()
    assert Server.tokens == 2
