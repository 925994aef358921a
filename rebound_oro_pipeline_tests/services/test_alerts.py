"""Alerts: one outage is one message; what could not be sent is tried again; secrets stay secret."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.clients.alerts import AlertChannel, AlertUrlError
from rebound_oro_pipeline.services.alerts import Alert, Outcome, raise_alert
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.services.heard import Heard

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def failed(job: str = "returns", words: str = "oro: GET /orders was answered 503") -> Alert:
    return Alert(job, f"Run of {job} failed", words)


def test_one_outage_is_one_message(conn: psycopg.Connection[Any]) -> None:
    heard = Heard()
    for minute in range(50):
        raise_alert(conn, heard, failed(), now=NOW + timedelta(minutes=minute), quiet=HOUR)
    assert len(heard.told) == 1
    assert raise_alert(conn, heard, failed(), now=NOW + HOUR, quiet=HOUR) is Outcome.SENT
    [(seen,)] = conn.execute("select seen from outbox.alerts").fetchall()
    assert (len(heard.told), seen) == (2, 1)


def test_ids_times_and_counts_make_no_other_outage(conn: psycopg.Connection[Any]) -> None:
    heard = Heard()
    for words in (
        "run 6f1c2b7e-9f60-4b5d-8a39-7f0ec8cfa6d1: 3 of 17 failed",
        "run 0b8f7c11-4c0e-4d58-b7a3-4fb3a3e0a3a3: 4 of 21 failed",
    ):
        raise_alert(conn, heard, failed(words=words), now=NOW, quiet=HOUR)
    assert len(heard.told) == 1


@pytest.mark.parametrize(
    "words",
    [
        "oro: PATCH /admin/api/reboundcreditnotes was answered 502 Bad Gateway",
        "oro: GET /admin/api/orders was not sent: All connection attempts failed",
        "oro: POST /admin/api/reboundcreditnotes: the answer was lost: timed out",
        "no access token: oro: POST /oauth2-token was answered 500; OroCommerce does so while it is down",
        "oro: GET /admin/api/products was answered 429 Too Many Requests",
    ],
)
def test_a_system_that_does_not_serve_is_one_outage_whichever_jobs_fail_of_it(
    words: str, conn: psycopg.Connection[Any]
) -> None:
    heard = Heard()
    raise_alert(conn, heard, failed(), now=NOW, quiet=HOUR)
    assert raise_alert(conn, heard, failed("reconcile", words), now=NOW, quiet=HOUR) is Outcome.QUIET
    elsewhere = failed(words="rebound: POST /api/returns/get/json was answered 503")
    assert raise_alert(conn, heard, elsewhere, now=NOW, quiet=HOUR) is Outcome.SENT


def test_other_trouble_is_told(conn: psycopg.Connection[Any]) -> None:
    heard = Heard()
    refused = "oro: GET /admin/api/orders was answered 403 Forbidden"
    for alert in (
        failed(words=refused),
        failed("reconcile", refused),
        failed(words="rebound: access_denied"),
    ):
        assert raise_alert(conn, heard, alert, now=NOW, quiet=HOUR) is Outcome.SENT
    assert [title for title, _ in heard.told] == [
        "Run of returns failed",
        "Run of reconcile failed",
        "Run of returns failed",
    ]


def test_what_was_not_taken_is_tried_again_and_is_not_what_was_told_before(
    conn: psycopg.Connection[Any],
) -> None:
    heard = Heard(takes=False)
    outcomes = []
    for minutes, takes in ((0, False), (1, True), (2, True), (60, True), (61, False), (62, True)):
        heard.takes = takes
        now = NOW + timedelta(minutes=minutes)
        outcomes.append(raise_alert(conn, heard, failed(), now=now, quiet=HOUR).name)
    assert outcomes == ["NOT_TAKEN", "SENT", "QUIET", "QUIET", "NOT_TAKEN", "SENT"]


def test_what_was_being_sent_when_the_process_died_is_not_told(database_url: str) -> None:
    heard = Heard()

    class Dying(Heard):
        def send(self, title: str, body: str) -> bool:
            raise KeyboardInterrupt

    with connect(database_url) as conn:
        with pytest.raises(KeyboardInterrupt):
            raise_alert(conn, Dying(), failed(), now=NOW, quiet=HOUR)
        assert raise_alert(conn, heard, failed(), now=NOW, quiet=HOUR) is Outcome.SENT
    assert len(heard.told) == 1


class _Receiver(BaseHTTPRequestHandler):
    received: "list[dict[str, Any]]"

    def do_POST(self) -> None:
        self.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the URL of a webhook on this machine, and what it received."""
    received: list[dict[str, Any]] = []
    handler = type("Receiver", (_Receiver,), {"received": received})
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"json://127.0.0.1:{server.server_port}/alerts", received
    server.shutdown()
    server.server_close()


def test_a_webhook_gets_title_and_words(webhook: tuple[str, list[dict[str, Any]]]) -> None:
    url, received = webhook
    assert AlertChannel([url]).send("Run of returns failed", "oro is down")
    [message] = received
    assert (message["title"], message["message"]) == ("Run of returns failed", "oro is down")


def test_a_webhook_that_is_down_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    assert not AlertChannel(["json://user:hush@127.0.0.1:1/alerts"]).send("t", "b")
    assert "hush" not in caplog.text


def test_a_target_that_is_down_keeps_no_message_from_the_others_and_is_named(
    webhook: tuple[str, list[dict[str, Any]]], caplog: pytest.LogCaptureFixture
) -> None:
    url, received = webhook
    assert AlertChannel(["json://user:hush@127.0.0.1:1/alerts", url]).send("t", "b")
    assert len(received) == 1
    assert "alert URL 1 did not take" in caplog.text
    assert "hush" not in caplog.text


def test_a_url_that_is_none_is_told_by_its_place_and_not_shown() -> None:
    with pytest.raises(AlertUrlError) as told:
        AlertChannel(["json://127.0.0.1:1", "carrier-pigeon://user:hush@roof"])
    assert "alert URL 2" in str(told.value)
    assert "hush" not in str(told.value)
